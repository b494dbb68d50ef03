"""Who works on a run that SLURM holds: what the cluster says of its job, and what that means for the run."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..schema import Phase
from .records import read_table

NOTE = "slurm.json"
"""File in a run folder: ``job`` and what was asked for, and from the trainer its step and the restarts of the job."""
_SPECIAL_STEPS = 0xFFFFFFF0
"""Steps from here on are SLURM's own: batch script, interactive shell, extern."""
_ASK_SECONDS = 10.0
_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_WORKING = {"RUNNING", "CONFIGURING", "COMPLETING", "STAGE_OUT", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"}
# How a job may end while the trainer's own status still says that it works.
_ENDS: Mapping[str, tuple[Phase, str]] = {
    "CANCELLED": ("stopped", "was cancelled"),
    "TIMEOUT": ("stopped", "reached its time limit"),
    "DEADLINE": ("stopped", "reached its deadline"),
    "PREEMPTED": ("stopped", "was pre-empted"),
    "REVOKED": ("stopped", "was revoked"),
    "OUT_OF_MEMORY": ("failed", "ran out of memory; ask for more memory or set a smaller batch_size"),
    "NODE_FAIL": ("lost", "lost its node"),
    "BOOT_FAIL": ("lost", "got a node that did not start"),
}


def current_step() -> dict[str, Any]:
    """Job, step and number of restarts of the srun step that this process is part of; empty outside of one."""
    number = os.environ.get("SLURM_STEP_ID", "")
    if not number.isdigit() or int(number) >= _SPECIAL_STEPS:
        return {}
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    return {"job": job, "step": int(number), "restarts": int(os.environ.get("SLURM_RESTART_COUNT", 0))}


def read_note(path: Path) -> dict[str, Any]:
    """What slurm.json of a run folder says, empty where SLURM does not hold the run."""
    found = read_table(path / NOTE)
    return found if re.fullmatch(r"[\d_]+", str(found.get("job", ""))) else {}


def read_resources(path: Path) -> dict[str, Any]:
    """What the last job of a run folder asked for, also between two attempts."""
    found = read_table(path / NOTE).get("resources")
    return found if isinstance(found, dict) else {}


def query(job: str) -> dict[str, str] | None:
    """State, reason and restarts of a job as SLURM tells them; empty for a job it forgot, None where none answers."""
    shown = _output("scontrol", "show", "job", "-o", job)
    if shown is None:
        return None
    found = dict(re.findall(r"\b(JobState|Reason|Restarts|PreemptTime|NodeList)=(\S*)", shown))
    if not found and (listed := _output("sacct", "-X", "-n", "-P", "-o", "State", "-j", job)):
        found = {"JobState": listed.split()[-1].rstrip("+")}  # "CANCELLED by 1000" is two words
        found = {"JobState": "CANCELLED"} if "CANCELLED" in listed.splitlines()[-1] else found
    return found


def _output(*command: str) -> str | None:
    """What a SLURM command prints; nothing for a job it does not know, None where SLURM is absent or silent."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    if done.returncode and "Invalid job id" not in done.stderr and "disabled" not in done.stderr:
        return None
    return done.stdout if not done.returncode else ""


@functools.lru_cache(maxsize=256)
def _recent(job: str, second: int) -> dict[str, str] | None:
    """At most one question a job and second, however many pages look."""
    return query(job)


def verdict(path: Path, status: Mapping[str, Any]) -> tuple[Phase, str] | None:
    """Phase and reason of a run that has not written its end, as its job tells them; None where SLURM has no say."""
    note = read_note(path)
    if not note:
        return None
    job, phase, written = str(note["job"]), status["phase"], status.get("reason", "")
    process = status.get("process") or {}
    found = _recent(job, int(time.monotonic()))
    if found is None:
        # Silent controller: what the trainer wrote stands while it gives signs of life.
        return None if process else (phase, f"SLURM does not answer about job {job}.")
    state = found.get("JobState", "")
    # Counted by SLURM at the moment of the requeue, so a status of the attempt before is never taken for this one's.
    is_requeued = bool(process) and int(found.get("Restarts", 0)) > int(process.get("restarts", 0))
    if state in _WAITING or (is_requeued and state == "COMPLETING"):
        why = found.get("Reason", "None")
        return "queued", f"SLURM job {job} waits" + (f": {why}." if why not in ("None", "(null)") else ".")
    if state in _WORKING:
        if is_requeued or not process:
            return ("starting", f"SLURM job {job} starts.") if state != "COMPLETING" else (phase, written)
        return phase, written
    if state in _ENDS:
        end, words = _ENDS[state]
        return end, f"SLURM job {job} {words}."
    what = f"ended as {state} without a word" if state else "is not known any more"
    return "lost", f"SLURM job {job} {what}; see train.log."
