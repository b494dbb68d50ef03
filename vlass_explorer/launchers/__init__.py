"""Shelf of launchers: how a run folder becomes a process. One file each, with ``launch(run)`` and ``command(run)``."""
