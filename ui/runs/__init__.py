"""The room of the Runs page."""
