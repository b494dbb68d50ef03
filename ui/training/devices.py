"""Devices of this machine for training: what they are, and how free they are."""

from __future__ import annotations

import subprocess

import streamlit as st
import torch

from vlass_explorer import devices, runs
from vlass_explorer.schema import ConfigError, Run


@st.cache_resource(show_spinner=False)
def available() -> dict[str, str]:
    """Value of ``device`` -> what it is on this machine; one entry for each GPU."""
    names = {"cpu": "CPU", "mps": "Apple GPU"}
    found = {name: names.get(name) or torch.cuda.get_device_name(name) for name in devices.available()}
    return {"auto": f"automatic: {next(iter(found.values()))}", "cpu": "CPU", **found}


def _resolved(device: str) -> str:
    """The device that a run would take; the name itself where this machine has none of it."""
    try:
        return devices.resolve(device)
    except ConfigError:
        return device


def has_gpu() -> bool:
    """True where training need not run on the CPU."""
    return set(available()) > {"auto", "cpu"}


def sentence(device: str) -> str:
    """How busy a device is: our runs on it, and the free memory of a GPU."""
    device = _resolved(device)
    active = sum(device in _places(run) for run in runs.listing() if run.is_active)
    parts = ["This machine has no GPU: training runs on the CPU."] if not has_gpu() else []
    runs_word = f"{active} run{'s' if active > 1 else ''} on it or waiting, so a new one queues"
    free = _free_memory(device)
    parts.append(f"{available().get(device, device)}: {runs_word if active else 'free of runs'}{free}.")
    return " ".join(parts)


def _places(run: Run) -> tuple[str, ...]:
    return devices.device_names(run.device or _resolved(run.config.device), run.config.devices)


@st.cache_data(ttl=5, show_spinner=False, max_entries=16)
def _free_memory(device: str) -> str:
    """Asked of the driver, not of torch, which would take some of that memory for this process."""
    if not device.startswith("cuda") or device not in available():
        return ""
    number = int(device.partition(":")[2] or 0)
    gpu = f"GPU-{torch.cuda.get_device_properties(number).uuid}"
    command = ["nvidia-smi", "-i", gpu, "--query-gpu=memory.free,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
        free, total = (float(number) / 1024 for number in answer.split(","))
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return f", {free:.0f} of {total:.0f} GiB free"
