"""Parts of the training benchmark."""
