"""What the names of devices stand for, on machines with and without GPUs."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from train import ranks
from vlass_explorer import devices
from vlass_explorer.schema import ConfigError, RunConfig


def machine(patch: pytest.MonkeyPatch, *, gpus: int = 0, apple: bool = False) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    patch.setattr(torch.cuda, "device_count", lambda: gpus)
    patch.setattr(torch.backends.mps, "is_available", lambda: apple)


@pytest.mark.parametrize(
    ("gpus", "apple", "known"),
    [(0, False, ("cpu",)), (2, False, ("cuda:0", "cuda:1", "cpu")), (0, True, ("mps", "cpu"))],
)
def test_auto_is_the_first_gpu_where_there_is_one(
    gpus: int, apple: bool, known: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, gpus=gpus, apple=apple)
    assert devices.available() == known and devices.resolve("auto") == known[0]
    assert [devices.resolve(name) for name in known] == list(known)


def test_cuda_alone_is_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpus=2)
    assert devices.resolve("cuda") == "cuda:0"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cuda", "There is no cuda: PyTorch sees 0 CUDA devices here; set device=cpu or another."),
        ("cuda:99", "There is no cuda:99: PyTorch sees 0 CUDA devices here; set device=cpu or another."),
        ("mps", "This machine has no Apple GPU; set device=cpu."),
        ("tpu", "device is auto, cpu, cuda, cuda:0 or mps, not 'tpu'."),
        ("cuda:", "device is auto, cpu, cuda, cuda:0 or mps, not 'cuda:'."),
    ],
)
def test_what_is_not_there_is_one_sentence(name: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    with pytest.raises(ConfigError) as caught:
        devices.resolve(name)
    assert str(caught.value) == sentence


def test_processes_take_gpus_in_a_row_and_share_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.device_names("cuda:1", 3) == ("cuda:1", "cuda:2", "cuda:3")
    assert devices.device_names("cpu", 4) == ("cpu",)
    machine(monkeypatch, gpus=2)
    assert devices.of_run(RunConfig(device="cpu", devices=2)) == ("cpu",)
    assert devices.of_run(RunConfig(devices=2)) == ("cuda:0", "cuda:1")
    with pytest.raises(ConfigError, match="There is no cuda:2"):
        devices.of_run(RunConfig(device="cuda:1", devices=2))


def test_lightning_is_told_the_same_devices() -> None:
    assert ranks.trainer_arguments(RunConfig(), "cuda:1") == {"accelerator": "cuda", "devices": [1]}
    assert ranks.trainer_arguments(RunConfig(), "cpu") == {"accelerator": "cpu", "devices": 1}
    assert ranks.trainer_arguments(RunConfig(), "mps") == {"accelerator": "mps", "devices": 1}
    two = {"num_nodes": 1, "strategy": "ddp"}
    assert ranks.trainer_arguments(RunConfig(devices=2), "cuda:1") == {
        "accelerator": "cuda",
        "devices": [1, 2],
        "sync_batchnorm": True,
        **two,
    }
    assert ranks.trainer_arguments(RunConfig(devices=2), "cpu") == {
        "accelerator": "cpu",
        "devices": 2,
        "sync_batchnorm": False,
        **two,
    }


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc: blocks are left to the system's own allocator")
@pytest.mark.parametrize(("before", "is_reused"), [("", False), ("devices.reuse_memory()", True)])
def test_freed_blocks_are_taken_again(before: str, is_reused: bool) -> None:
    """Page faults of ten arrays of 40 MB, one after the other; glibc 2.36 gives blocks above 32 MB back each time."""
    script = f"""
import resource
import numpy as np
from vlass_explorer import devices
{before}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(10_000_000, np.float32)
first = faults()
for _ in range(10):
    np.ones(10_000_000, np.float32)
print(faults() - first)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    pages = int(done.stdout)
    assert pages < 50 if is_reused else pages > 100, pages  # 100,000 of 4 KB, or 200 of 2 MB
