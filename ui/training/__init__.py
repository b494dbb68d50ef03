"""The room of the Train and Data pages."""
