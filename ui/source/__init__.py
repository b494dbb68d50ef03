"""The room of the Source page: which images show it, how they lie on each other, what the model says, what changed."""
