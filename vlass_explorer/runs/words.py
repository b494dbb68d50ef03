"""Runs in a few words: times as people say them, the score that counts, the place in a queue."""

from __future__ import annotations

from datetime import UTC, datetime

from ..schema import Run


def duration(seconds: float) -> str:
    """A time as people say it: 45 s, 12 min, 3 h 05 min, 4 d."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 48 * 60 else f"{minutes // 1440} d"


def age(run: Run) -> str:
    """Time since the run was created."""
    if not run.created:
        return ""
    return duration((datetime.now(UTC) - datetime.fromisoformat(run.created)).total_seconds())


def when(run: Run) -> str:
    """Time of creation, to the second, UTC."""
    return run.created.replace("T", " ")[:19]


def score(run: Run) -> float | None:
    """Macro F1 of the report where there is one, else the best of the validations so far."""
    known = (run.metrics.get(key) for key in ("macro_f1", "best_macro_f1", "val_macro_f1"))
    return next((value for value in known if value is not None), None)


def phase(run: Run) -> str:
    """The phase in a table; a queued run with its place in the queue of its device."""
    return f"queued ({run.queue_position})" if run.queue_position is not None else run.phase
