"""No garbage is looked for while modules are imported, nor among them: a third of what a command pays at its start."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quickly() -> Iterator[None]:
    """Around imports that bring torch; nothing else is done where it is there already."""
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        kept()


def kept() -> None:
    """Leave out what there is by now whenever garbage is looked for, from now on."""
    gc.freeze()
    gc.enable()


def ended() -> None:
    """At exit: the memory goes with the process, and is not gone through before."""
    if "triton" in sys.modules:  # nanobind, which binds it, complains of what is still there
        gc.unfreeze()
    else:
        gc.freeze()
