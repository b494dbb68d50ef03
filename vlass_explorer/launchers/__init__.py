"""Shelf of launchers: how a run folder becomes a process. Each file has ``launch``, ``stop`` and ``kill`` of a run."""

from __future__ import annotations

from types import ModuleType

from ..runs.slurm import read_note
from ..schema import Run


def of(run: Run) -> ModuleType:
    """The launcher that started a run and that can stop it."""
    from . import local, slurm

    return slurm if read_note(run.path) else local
