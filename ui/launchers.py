"""Which launchers the pages may use here: this machine, and a cluster where it is there and switched on."""

from __future__ import annotations

from types import ModuleType

from ui import settings
from vlass_explorer.launchers import local
from vlass_explorer.schema import Run, RunError


def available() -> dict[str, ModuleType]:
    """Name on the page -> launcher; none where training is off."""
    return {"This machine": local} if settings.training_allowed() else {}


def find(name: str) -> ModuleType:
    """The launcher of that name; RunError where it may not be used, whoever asks."""
    if name not in available():
        raise RunError("Training from the page is switched off here (VLASS_EXPLORER_TRAINING).")
    return available()[name]


def of(run: Run) -> ModuleType:
    """The launcher that started a run; errors as ``find``."""
    return find("This machine")
