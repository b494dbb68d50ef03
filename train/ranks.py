"""Several processes train one run (DDP): who they are, where each writes, and what they agree on.

The first process is the run: it alone writes the run folder. Each further one works in ``.rank<k>`` inside it, a run
folder of its own in miniature, so that nothing else has to ask who it is; its output goes to ``train.rank<k>.log``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import SLURMEnvironment
from torch import Tensor

from vlass_explorer import runs
from vlass_explorer.runs import slurm
from vlass_explorer.schema import ConfigError, RunConfig

from . import cluster

PASSED_ON = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK")
LAST_WORDS_SECONDS = 30.0
Processes = list[subprocess.Popen[bytes]]


def world_size(config: RunConfig) -> int:
    """Number of processes of a run."""
    return config.devices * config.nodes


def rank(config: RunConfig) -> int:
    """Which of them this process is, from 0; known after ``join_group``."""
    return int(os.environ.get("NODE_RANK", 0)) * config.devices + int(os.environ.get("LOCAL_RANK", 0))


def check(config: RunConfig) -> None:
    """ConfigError where the processes that a configuration asks for cannot be had or cannot share its batches."""
    if config.devices < 1 or config.nodes < 1:
        raise ConfigError("devices and nodes are at least 1.")
    cluster.check_tasks(config.devices, config.nodes)
    if config.nodes > 1 and not slurm.current_step():
        raise ConfigError(f"nodes={config.nodes} needs a cluster: submit the run with --slurm, or set nodes=1.")
    if config.batch_size % world_size(config):
        raise ConfigError(
            f"batch_size={config.batch_size} cannot be shared by {world_size(config)} processes; make it a multiple."
        )


def join_group(config: RunConfig) -> None:
    """Find out which of the run's processes this is, and tell Lightning's own environment, so that it guesses nothing.

    A process of srun knows from SLURM, a process that ``spawn`` made from its variables; any other is the first.
    """
    if world_size(config) == 1:
        return
    if step := slurm.current_step():
        # Another step of the same job listens on another port.
        port = 15000 + (int(os.environ["SLURM_JOB_ID"]) * 7 + step["step"]) % 15000
        os.environ["MASTER_ADDR"] = SLURMEnvironment.resolve_root_node_address(os.environ["SLURM_JOB_NODELIST"])
        os.environ["MASTER_PORT"] = str(port)
        os.environ["NODE_RANK"], os.environ["LOCAL_RANK"] = os.environ["SLURM_NODEID"], os.environ["SLURM_LOCALID"]
    elif "LOCAL_RANK" in os.environ:
        threading.Thread(target=_follow, args=(os.getppid(),), name="follow", daemon=True).start()


def spawn(folder: Path, config: RunConfig, *, resume: bool) -> Processes:
    """Start the other processes of a run from its first one, unless srun did."""
    if world_size(config) == 1 or "LOCAL_RANK" in os.environ:
        return []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0", "LOCAL_RANK": "0"})
    command = [sys.executable, "-m", "train", "rank", str(folder), *(["--resume"] if resume else [])]
    place = Path(__file__).resolve().parents[1]
    return [
        subprocess.Popen(command, cwd=place, env={**os.environ, "LOCAL_RANK": str(k)}, stdin=subprocess.DEVNULL)
        for k in range(1, config.devices)
    ]


def join(others: Processes) -> None:
    """Wait for the processes that ``spawn`` made, end those that do not, and be a single process again."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    for process in others:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if others:
        for name in PASSED_ON:
            os.environ.pop(name, None)


def _follow(parent: int) -> None:
    """End this process when the one that started it is gone: nobody would feed it any more."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def own_folder(folder: Path, config: RunConfig) -> Path:
    """The folder that this process writes: the run's for the first one, ``.rank<k>`` in it for the others."""
    number = rank(config)
    if not number:
        return folder
    own = folder / f".rank{number}"
    own.mkdir(exist_ok=True)
    for name in ("config.yaml", "last.ckpt", "keep"):  # the last two once they are there
        (own / name).unlink(missing_ok=True)
        (own / name).symlink_to(folder / name)
    status = runs.read_status(folder)
    runs.write_json(own / "status.json", {**status, "phase": "queued", "process": {}})
    with (folder / f"train.rank{number}.log").open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    return own


def failure(folder: Path, others: Processes) -> str:
    """What ended the run in another process, empty where none of them ended badly."""
    join(others)
    for number, process in enumerate(others, start=1):
        own = folder / f".rank{number}"
        status = runs.read_status(own) if (own / "status.json").exists() else {}
        if status.get("phase") == "failed":
            return f"Process {number}: {status['reason']}"
        if process.returncode:
            return f"Process {number} ended with exit code {process.returncode}; see train.rank{number}.log."
    return ""


def reduce_max(trainer: pl.Trainer, value: int) -> int:
    """The largest value that any of the processes has; each of them has to ask."""
    if trainer.world_size == 1:
        return value
    tensor = torch.tensor(value, device=trainer.strategy.root_device)
    return int(trainer.strategy.reduce(tensor, reduce_op="max"))


def reduce_mean(trainer: pl.Trainer, value: float) -> float:
    """Mean of a number over the processes; each of them has to ask."""
    if trainer.world_size == 1:
        return value
    tensor = torch.tensor(value, device=trainer.strategy.root_device, dtype=torch.float32)
    return float(trainer.strategy.reduce(tensor, reduce_op="mean"))


def shard(batch: Tensor, config: RunConfig) -> Tensor:
    """This process's part of a batch of positions; equal parts, so that the mean of their losses is right."""
    size = len(batch) // world_size(config)
    return batch if world_size(config) == 1 else batch[rank(config) * size : (rank(config) + 1) * size]


def validation_batches(count: int, config: RunConfig) -> list[Tensor]:
    """Batches of the positions that this process validates: every ``world_size``-th one.

    All processes get as many, the last ones some position twice: they meet in each batch.
    """
    size = world_size(config)
    own = torch.arange(rank(config), -(-count // size) * size, size).clamp_max(count - 1)
    return list(own.split(max(1, config.batch_size // size)))


def gather(trainer: pl.Trainer, rows: Tensor, count: int) -> Tensor:
    """Rows (count, K) of all positions in order, from each process's rows in the order of ``validation_batches``."""
    if trainer.world_size == 1:
        return rows
    own = rows.to(trainer.strategy.root_device)
    everybody = [torch.empty_like(own) for _ in range(trainer.world_size)]
    torch.distributed.all_gather(everybody, own)
    return torch.stack(everybody, dim=1).flatten(0, 1)[:count].cpu()


def trainer_arguments(config: RunConfig, device: str) -> dict[str, Any]:
    """What Lightning's Trainer needs for a run whose first process has that device."""
    kind, _, first = device.partition(":")
    on_gpu = kind == "cuda"
    count = config.devices if world_size(config) > 1 else 1
    one: dict[str, Any] = {
        "accelerator": kind,
        "devices": list(range(int(first), int(first) + count)) if on_gpu else count,
    }
    if world_size(config) == 1:
        return one
    # torch has no common batch norm on the CPU: there each process normalises its own part.
    return {**one, "num_nodes": config.nodes, "strategy": "ddp", "sync_batchnorm": on_gpu}
