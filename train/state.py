"""The saved state of a run, last.ckpt: is it ours, of this version, and are its numbers numbers?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vlass_explorer.foreign import mapped
from vlass_explorer.schema import RunError

PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks")
"""What Lightning puts into a full state."""


def saved_steps(state: Path) -> int:
    """Steps that a saved state has behind it; RunError where the file is damaged or would run code when read."""
    with mapped(
        lambda error: RunError(
            f"{state.name} of {state.parent.name} is damaged or was not written by this program, so it is not opened: "
            "delete it to begin again."
        )
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of other pickles before it refuses them
            saved = torch.load(state, map_location="cpu", weights_only=True)
        return int(saved["global_step"])


@contextmanager
def of_this_version() -> Iterator[None]:
    """While a saved state is read: RunError where it lacks what this version of the program reads."""
    try:
        yield
    except KeyError as error:
        raise RunError(
            f"last.ckpt was saved by another version of this program (it has no {error}) and cannot be continued: "
            "start the run again."
        ) from error


def check(module: nn.Module, saved: Mapping[str, Any]) -> None:
    """RunError where a saved state is not whole, or its weights have other names or shapes than the module's."""
    with of_this_version():
        own, weights, *_ = module.state_dict(), *(saved[key] for key in PARTS)
    other = sorted(weights.keys() ^ own.keys()) or [key for key in own if own[key].shape != weights[key].shape]
    if other:
        raise RunError(
            f"last.ckpt was saved by another version of this program or of timm (its weights differ in {other[0]!r}) "
            "and cannot be continued: start the run again."
        )


def is_finite(model: nn.Module) -> bool:
    """True where all weights are numbers, and the batch-norm statistics that training itself never looks at."""
    running = [tensor for name, tensor in model.named_buffers() if ".running_" in f".{name}"]
    return all(torch.stack([tensor.isfinite().all() for tensor in (*model.parameters(), *running)]).tolist())
