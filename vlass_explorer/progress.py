"""How far long work has come, and the wish to stop it, through a context variable instead of an option of each method.

A page or command enters ``watch``; whatever runs inside calls ``report``. Without a watcher ``report`` does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Cancelled", "part", "report", "watch"]

Watcher = Callable[[float], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


class Cancelled(Exception):
    """Raised by a watcher to stop the work it watches; the model is left as it was."""


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """Send the share done, in [0, 1], of all work inside to ``watcher``, which may raise Cancelled to stop it."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def part(index: int, count: int) -> Iterator[None]:
    """Work inside is part ``index`` of ``count`` equal ones: its reports of 0..1 become that part of the whole."""
    outer = _watcher.get()
    if outer is None:
        yield
        return
    with watch(lambda share: outer((index + share) / count)):
        yield


def report(done: float, total: float) -> None:
    """Tell the watcher that ``done`` of ``total`` is finished; raises Cancelled where it asks to stop."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(min(done / total, 1.0) if total > 0 else 1.0)
