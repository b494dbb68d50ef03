"""A run inside a SLURM job: which run folder is this job's, and what a request to leave means there."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from vlass_explorer import runs
from vlass_explorer.runs import slurm
from vlass_explorer.schema import ConfigError, Run, RunError

APPEAR_SECONDS = 120.0
"""How long the other processes of a job wait for the first one to make the run folder."""


def is_first() -> bool:
    """True in the one process of a srun step, or outside of any, that makes folders and writes what others read."""
    return not slurm.current_step() or os.environ["SLURM_PROCID"] == "0"


def own_run(wait: bool = False) -> Run | None:
    """The run that an earlier start of this srun step made, or that its first process makes now (``wait``)."""
    here = slurm.current_step()
    if not here:
        return None
    deadline = time.monotonic() + APPEAR_SECONDS
    while True:
        for run in runs.listing():
            note = slurm.read_note(run.path)
            if (note.get("job"), note.get("step"), note.get("restarts")) == (
                here["job"],
                here["step"],
                here["restarts"] if wait else note.get("restarts"),
            ):
                return run
        if not wait:
            return None
        if time.monotonic() > deadline:
            raise RunError(f"The first process of SLURM job {here['job']} made no run folder; see its output.")
        time.sleep(0.2)


def claim(run: Run) -> Run:
    """Note in the run folder that this srun step works on it, and put the run in the queue of this attempt."""
    here = slurm.current_step()
    if not here or not is_first():
        return run
    begun = {"from_step": runs.read_status(run.path).get("step", 0)}
    runs.write_json(run.path / slurm.NOTE, {**slurm.read_note(run.path), **here, **begun})
    if run.phase != "queued" or runs.read_status(run.path)["process"]:
        # The attempt before is over: SLURM starts a job again only when its processes are gone.
        runs.write_status(run.path, phase="queued", process={}, reason="")
    return runs.read(run.path)


def is_ours(run: Run) -> bool:
    """True where the job that this process is part of was submitted for the run."""
    here = slurm.current_step()
    return bool(here) and slurm.read_note(run.path).get("job") == here["job"]


def check_tasks(devices: int, nodes: int) -> None:
    """ConfigError where srun started another number of processes than the configuration asks for."""
    if not slurm.current_step():
        return
    tasks, hosts = int(os.environ["SLURM_NTASKS"]), int(os.environ.get("SLURM_NNODES", 1))
    if (tasks, hosts) != (devices * nodes, nodes):
        raise ConfigError(
            f"srun started {tasks} processes on {hosts} nodes, the run asks for devices={devices} on nodes={nodes}; "
            f"set devices={tasks // hosts} nodes={hosts}, or start it with --nodes={nodes} --ntasks-per-node={devices}."
        )


def ending(folder: Path, reason: str, signal: str) -> dict[str, Any]:
    """Status of a run that leaves with its state saved: stopped, or queued where its job goes on later.

    Outside of a SLURM job, and where the stop file asks, it is stopped. SIGUSR2 means that the time limit is near.
    SIGTERM means what SLURM says of the job: requeued (it counts the restarts), about to be pre-empted, or cancelled.
    """
    here = slurm.current_step()
    if not here or not signal or (folder / "stop").exists():
        return {"phase": "stopped", "reason": reason}
    job = here["job"]
    told = slurm.query(job) or {}
    waits = f"SLURM job {job} goes on later from the saved state"
    if signal == "SIGUSR2":
        if runs.read_status(folder).get("step", 0) <= slurm.read_note(folder).get("from_step", 0):
            return {"phase": "stopped", "reason": f"SLURM job {job} made no step within its time limit: ask for more."}
        return {"phase": "queued", "reason": f"{waits}: its time limit is near."}
    if int(told.get("Restarts", 0)) > here["restarts"]:
        return {"phase": "queued", "reason": f"{waits}: it was queued again."}
    if told.get("JobState") == "PREEMPTED" or told.get("PreemptTime", "None") not in ("None", "N/A", "Unknown", ""):
        return {"phase": "queued", "reason": f"{waits}: it was pre-empted."}
    if told.get("JobState") == "COMPLETING":
        why = "reached its time limit" if told.get("Reason") == "TimeLimit" else "was cancelled"
        return {"phase": "stopped", "reason": f"SLURM job {job} {why}."}
    return {"phase": "stopped", "reason": reason}


def requeue(folder: Path) -> None:
    """Have SLURM queue this job again unless it did so already; a refusal ends the run as stopped."""
    here = slurm.current_step()
    told = slurm.query(here["job"]) or {}
    if int(told.get("Restarts", 0)) > here["restarts"]:
        return
    try:
        done = subprocess.run(
            ["scontrol", "requeue", here["job"]], capture_output=True, text=True, timeout=60, check=False
        )
        failure = done.stderr.strip() if done.returncode else ""
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        failure = str(error)
    if failure:
        reason = f"SLURM job {here['job']} ended with its state saved and was not queued again ({failure}): resume it."
        runs.heartbeat(folder, phase="stopped", reason=reason)
