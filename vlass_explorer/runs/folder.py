"""Run folders below one root: create them, read them, ask a run to stop, tell whose turn it is."""

from __future__ import annotations

import fcntl
import functools
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..devices import device_names
from ..foreign import mapped
from ..recipes import from_yaml, to_yaml
from ..schema import ConfigError, Phase, Run, RunConfig, RunError
from . import slurm
from .process import alive
from .records import read_process, read_status, write_json
from .turns import active, waiting

START_SECONDS = 300.0
"""A queued run without a process is lost after this time: its trainer never came up."""
SILENT_SECONDS = 900.0
"""A run on another host is lost after this time without a heartbeat."""
_ENDED = ("finished", "stopped", "failed")
_WORKING = ("training", "validating", "classifying")
ASKED = "classify.json"
"""File by which the folder of a classification is told from one of a training run: what it was asked to do."""


def root() -> Path:
    """Folder of all runs: VLASS_EXPLORER_RUNS, or runs/ in the checkout."""
    return Path(os.environ.get("VLASS_EXPLORER_RUNS") or Path(__file__).resolve().parents[2] / "runs")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _age(stamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Let one process or thread at a time decide on the runs of a folder; the lock ends with its process."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def create(config: RunConfig, root: Path | None = None, files: Mapping[str, bytes] | None = None) -> Run:
    """A new folder with config.yaml and a queued status.json; the run starts when a launcher is told so.

    ``files`` are further ones by name.
    """
    parent = root if root is not None else globals()["root"]()
    parent.mkdir(parents=True, exist_ok=True)
    created = _now()
    run_id = f"{created[:19].replace('-', '').replace(':', '').replace('T', '-')}-{config.name}-{secrets.token_hex(2)}"
    hidden = parent / f".{run_id}"
    hidden.mkdir()
    (hidden / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    write_json(hidden / "status.json", {"schema": 1, "phase": "queued", "created": created, "process": {}})
    for name, content in (files or {}).items():
        (hidden / name).write_bytes(content)
    # Renamed when complete, so that a folder is never listed half-written.
    hidden.rename(parent / run_id)
    return read(parent / run_id)


def new_attempt(run: Run, *, keep: bool = False, config: RunConfig | None = None) -> Run:
    """Put an ended run back in the queue, to go on from its last.ckpt or else from its start; RunError while active.

    ``keep``: it trains no further, and what is saved becomes its checkpoint; RunError where nothing is saved. With
    ``config`` it goes on by that configuration.
    """
    if run.is_active:
        raise RunError(f"{run.id} is {run.phase}: it can be resumed when it has ended.")
    if keep and not (run.path / "last.ckpt").exists():
        raise RunError(f"{run.id} has saved nothing that could be kept.")
    if config is not None:
        changed = run.path / ".config.yaml"
        changed.write_text(to_yaml(config), encoding="utf-8")
        changed.replace(run.path / "config.yaml")
    (run.path / "stop").unlink(missing_ok=True)
    (run.path / "keep").touch() if keep else (run.path / "keep").unlink(missing_ok=True)
    status = read_status(run.path)
    write_json(run.path / "status.json", {**status, "phase": "queued", "queued": _now(), "process": {}, "reason": ""})
    (run.path / "process.json").unlink(missing_ok=True)
    if slurm.read_note(run.path):
        write_json(run.path / slurm.NOTE, {"resources": slurm.read_resources(run.path)})
    return read(run.path)


def _lost(path: Path, status: dict[str, Any]) -> str:
    """Why the run is lost, or nothing while its process works or may still come up."""
    process = status.get("process") or {}
    if not process and (path / "process.json").exists():
        process = read_process(path)
    if not process:
        late = _age(status.get("queued") or status["created"]) > START_SECONDS
        return "The trainer did not start." if late else ""
    is_alive = alive(process)
    if is_alive is None:
        silent = _age(status.get("heartbeat") or status["created"])
        return f"No sign of life from {process.get('host')} for {silent:.0f} s." if silent > SILENT_SECONDS else ""
    if is_alive:
        return ""
    step = status.get("step", 0)
    return f"The process ended without a word at step {step} (killed, out of memory, or the machine restarted)."


def _seen(path: Path, status: dict[str, Any]) -> tuple[Phase, str]:
    """Phase and reason as written, corrected by what became of the process or of the SLURM job."""
    phase, reason = status.get("phase", "failed"), status.get("reason", "")
    if phase in _ENDED:
        return phase, reason
    told = slurm.verdict(path, status)
    if told is not None:
        return told
    why = _lost(path, status)
    return ("lost", why) if why else (phase, reason)


@functools.lru_cache(maxsize=1024)
def _config(text: str, where: str) -> RunConfig:
    """YAML is slow to read, and a table of runs is drawn every two seconds."""
    return from_yaml(text, where=where)


def _read(path: Path) -> Run:
    status = read_status(path)
    if not (path / "config.yaml").is_file():
        raise RunError(f"{path.name} is not a run folder: it has no config.yaml.")
    try:
        with mapped(lambda error: ConfigError("config.yaml is no text that can be read.")):
            text = (path / "config.yaml").read_text(encoding="utf-8")
        config = _config(text, f"configuration of {path.name}")
    except ConfigError as error:
        raise RunError(f"{path.name} cannot be read: {error}") from error
    phase, reason = _seen(path, status)
    if phase != status.get("phase") and (later := read_status(path)) != status:
        # It wrote its end between the look at its status and the look at its process.
        status = later
        phase, reason = _seen(path, status)
    total = status.get("total_steps") or 0
    return Run(
        id=path.name,
        path=path,
        config=config,
        phase=phase,
        created=status.get("created", ""),
        progress=1.0 if phase == "finished" else min(1.0, status.get("step", 0) / total) if total else 0.0,
        epoch=status.get("epoch", 0),
        eta_seconds=status.get("eta_seconds") if phase in _WORKING else None,
        metrics=status.get("metrics", {}),
        device=status.get("device", ""),
        reason=reason,
        kind=_kind(path),
    )


def read(path: Path) -> Run:
    """The run as its folder and its process tell it now; RunError where the folder is none."""
    run = _read(path)
    return run if run.phase != "queued" else _placed(run, _all(path.parent))


def queue(root: Path, device: str) -> list[Run]:
    """Living queued runs of one device of this machine, oldest first: the first one may take the device."""
    return waiting(_all(root), device)


def active_runs(root: Path, device: str) -> list[Run]:
    """Living runs that have a device of this machine or wait for it."""
    return active(_all(root), device)


def _placed(run: Run, found: Sequence[Run]) -> Run:
    """A queued run with its place among those that wait for the same devices; none before its device is known."""
    if run.phase != "queued":
        return run
    queues = [[other.id for other in waiting(found, one)] for one in device_names(run.device, run.config.devices)]
    return run if run.id not in queues[0] else replace(run, queue_position=max(q.index(run.id) + 1 for q in queues))


def _all(root: Path) -> list[Run]:
    if not root.is_dir():
        return []
    folders = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".") and (p / "status.json").exists()]
    return [_read_or_failed(path) for path in folders]


def _read_or_failed(path: Path) -> Run:
    """One damaged folder must not hide the others."""
    try:
        return _read(path)
    except RunError as error:
        kind = _kind(path)
        return Run(path.name, path, RunConfig(name=path.name), phase="failed", reason=str(error), kind=kind)


def _kind(path: Path) -> Literal["training", "classification"]:
    return "classification" if (path / ASKED).exists() else "training"


def listing(root: Path | None = None) -> list[Run]:
    """All runs, newest first."""
    found = _all(root if root is not None else globals()["root"]())
    return sorted((_placed(run, found) for run in found), key=lambda run: (run.created, run.id), reverse=True)


def find(name: str, root: Path | None = None) -> Run:
    """A run by its id or by the path of its folder; RunError where there is none."""
    parent = root if root is not None else globals()["root"]()
    for path in (parent / name, Path(name)):
        if (path / "status.json").is_file():
            return read(path.resolve())
    raise RunError(f"There is no run {name!r} in {parent}.")


def request_stop(run: Run) -> None:
    """Ask a run to finish its step, save and leave; RunError where it has ended."""
    if not run.is_active:
        raise RunError(f"{run.id} is {run.phase}: there is nothing to stop.")
    (run.path / "stop").touch()


def delete(run: Run) -> None:
    """Remove an ended run: its folder leaves the list in one step, then its files go. RunError while it is active.

    The checkpoint that it became stays.
    """
    parent = run.path.parent
    with locked(parent):
        if not run.path.is_dir():
            raise RunError(f"The run {run.id} is not there any more.")
        if (found := _read_or_failed(run.path)).is_active:
            raise RunError(f"{run.id} is {found.phase}: stop it before it is deleted.")
        run.path.rename(parent / f".deleted-{run.id}")
    for folder in parent.glob(".deleted-*"):  # also what an interrupted deletion left
        shutil.rmtree(folder, ignore_errors=True)
