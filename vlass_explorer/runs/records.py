"""Files in a run folder: status (replaced in one step), metrics (JSON Lines read by offset), log (its tail)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from ..foreign import mapped, reason
from ..schema import Phase, Run, RunError

KINDS: Mapping[str, Any] = {
    "created": str,
    "queued": str,
    "heartbeat": str,
    "phase": str,
    "reason": str,
    "device": str,
    "checkpoint": str,
    "step": int,
    "total_steps": int,
    "epoch": int,
    "eta_seconds": int | float,
    "metrics": dict,
    "process": dict,
}
"""What the values of status.json are, where they are there."""
_TAIL_BYTES = 65536


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a file in one step: whoever reads sees the old one or the new one, never a half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_status(path: Path) -> dict[str, Any]:
    """What status.json of a run folder says; RunError where it is missing or broken."""

    def unread(error: Exception) -> RunError:
        if isinstance(error, FileNotFoundError):
            return RunError(f"{path.name} is not a run folder: it has no status.json.")
        return RunError(f"status.json of {path.name} is damaged.")

    with mapped(unread):
        status = json.loads((path / "status.json").read_text(encoding="utf-8"))
        _check(status)
    return dict(status)


def _check(status: Any) -> None:
    """ValueError for a status that no trainer writes; keys without a value count as absent."""
    if not isinstance(status, dict):
        raise ValueError("no table")
    for key, kind in KINDS.items():
        if not isinstance(status.get(key), kind | None):
            raise ValueError(f"{key} is {status[key]!r}")
    for key in ("created", "queued", "heartbeat"):
        datetime.fromisoformat(status.get(key) or "2000-01-01")
    if status.get("phase") not in get_args(Phase):
        raise ValueError(f"no phase {status.get('phase')!r}")
    if not all(isinstance(value, int | float) for value in (status.get("metrics") or {}).values()):
        raise ValueError("metrics are numbers")


def read_table(path: Path) -> dict[str, Any]:
    """The table in a JSON file that may be absent or half-written: then it is empty."""
    try:
        with mapped(lambda error: RunError(f"{path.name} is damaged ({reason(error)}).")):
            found = json.loads(path.read_text(encoding="utf-8"))
    except RunError:
        return {}
    return found if isinstance(found, dict) else {}


def write_status(path: Path, **values: Any) -> dict[str, Any]:
    """Change some values of status.json and replace it; only the trainer of the run calls this."""
    status = {**read_status(path), **values}
    write_json(path / "status.json", status)
    return status


def heartbeat(path: Path, **values: Any) -> None:
    """Write the status with the time of now, by which readers on other hosts know that the run lives."""
    write_status(path, heartbeat=datetime.now(UTC).isoformat(timespec="seconds"), **values)


def append_metrics(path: Path, row: Mapping[str, float | int | str]) -> None:
    """Add one line to metrics.jsonl; a value that is not finite is left out, as JSON has no word for it."""
    kept = {k: v for k, v in row.items() if not isinstance(v, float) or math.isfinite(v)}
    with (path / "metrics.jsonl").open("ab+") as file:
        # A line that a killed process left half-written stays alone, so that it costs itself only.
        is_whole = not file.tell() or (file.seek(-1, os.SEEK_END), file.read(1))[1] == b"\n"
        file.write(b"" if is_whole else b"\n")
        file.write(json.dumps(kept).encode() + b"\n")


def rewind(path: Path, step: int) -> None:
    """Leave out the rows of metrics.jsonl after a step, which a resumed run will write again."""
    file = path / "metrics.jsonl"
    if file.exists():
        lines = [line for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        temporary = file.with_name(".metrics.jsonl")
        temporary.write_bytes(b"".join(line for line in lines if (row := _row(line)) and row["step"] <= step))
        temporary.replace(file)


def metrics(run: Run, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Rows of metrics.jsonl after a byte offset and the offset to ask with next time.

    Rows have ``epoch`` and ``step`` and some of train_loss, val_loss, val_accuracy, val_macro_f1, lr,
    images_per_second; a line still being written is left for the next call, one that never became whole is left out.
    """
    path = run.path / "metrics.jsonl"
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [row for line in whole.splitlines() if (row := _row(line))], offset + len(whole)


def _row(line: bytes) -> dict[str, Any] | None:
    """The row on a line of metrics.jsonl; None for what a killed process left of one."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int | float) else None


def log_tail(run: Run, lines: int = 40) -> str:
    """Last lines of train.log; never reads more than 64 kB, however long the log."""
    path = run.path / "train.log"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def read_report(path: Path) -> dict[str, Any]:
    """The values of a Report that a finished run wrote to report.json; empty where there is none."""
    return read_table(path / "report.json")


def read_process(path: Path) -> dict[str, Any]:
    """Identity that the launcher noted for a run folder, empty before that."""
    return read_table(path / "process.json")
