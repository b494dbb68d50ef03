"""The room of the Checkpoints page."""
