"""Files in a run folder: status (replaced in one step), metrics (JSON Lines read by offset), log (its tail)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vlass_explorer.schema import Run, RunError

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
    try:
        status = json.loads((path / "status.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path.name} is not a run folder: it has no status.json.") from None
    except ValueError:
        raise RunError(f"status.json of {path.name} is damaged.") from None
    if not isinstance(status, dict):
        raise RunError(f"status.json of {path.name} is damaged.")
    return status


def write_status(path: Path, **values: Any) -> dict[str, Any]:
    """Change some values of status.json and replace it; only the trainer of the run calls this."""
    status = {**read_status(path), **values}
    write_json(path / "status.json", status)
    return status


def beat(path: Path, **values: Any) -> None:
    """Write the status with the time of now, by which readers on other hosts know that the run lives."""
    write_status(path, heartbeat=datetime.now(UTC).isoformat(timespec="seconds"), **values)


def append_metrics(path: Path, row: Mapping[str, float | int | str]) -> None:
    """Add one line to metrics.jsonl; a value that is not finite is left out, as JSON has no word for it."""
    kept = {k: v for k, v in row.items() if not isinstance(v, float) or math.isfinite(v)}
    with (path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(kept) + "\n")


def rewind(path: Path, step: int) -> None:
    """Leave out the rows of metrics.jsonl after a step, which a resumed run will write again."""
    file = path / "metrics.jsonl"
    if file.exists():
        lines = [line for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        temporary = file.with_name(".metrics.jsonl")
        temporary.write_text("".join(line for line in lines if json.loads(line)["step"] <= step), encoding="utf-8")
        temporary.replace(file)


def metrics(run: Run, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Rows of metrics.jsonl after a byte offset and the offset to ask with next time.

    Rows have ``epoch`` and ``step`` and some of train_loss, val_loss, val_accuracy, val_macro_f1, lr,
    images_per_second; a line still being written is left for the next call.
    """
    path = run.path / "metrics.jsonl"
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines() if line], offset + len(whole)


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
    try:
        found = json.loads((path / "report.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
