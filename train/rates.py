"""The learning-rate range test: a short training whose rate rises with every step, and where its loss falls fastest.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (WACV, arXiv:1506.01186), section 3.3; with a rate
that rises exponentially and a smoothed loss, as Lightning's Tuner and torch-lr-finder have it. Not their code: both
want the rate as an attribute of the module and save and restore its weights, which are thrown away here, and neither
keeps the smaller rates of earlier layers.
"""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray

from vlass_explorer import progress
from vlass_explorer.learning.data import Data
from vlass_explorer.learning.network import build
from vlass_explorer.learning.patches import keep_brightest
from vlass_explorer.schema import RunConfig

from . import ranks
from .batches import Batches, Ordered
from .fit import quiet, trainer
from .segmenter import module as training_module

STEPS, LOWEST, HIGHEST = 100, 1e-6, 10.0
"""Steps, and the rates of the first and the last of them."""
SMOOTHING, DIVERGED = 0.9, 4.0
"""Share of the earlier loss in the smoothed one; the test ends where that is so many times its least."""
SKIPPED, LAST = 10, 3
"""Steps at the beginning, where the smoothed loss still settles, and at the end, that are not suggested."""
FELL = 0.05
"""Share by which the smoothed loss has to fall below where it began."""
ORDER_EPOCHS = 1000


class Ended(Exception):  # noqa: N818  # no error: the way out of Lightning's loop between two steps
    """The loss has left: more steps tell nothing."""


class Rising(pl.Callback):
    """Sets the rate of each step and keeps the losses."""

    def __init__(self, steps: int, peak: float) -> None:
        self.rates = np.geomspace(LOWEST, HIGHEST, steps)
        self.losses: list[float] = []
        self._peak = peak
        self._shares: list[float] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set the rate; groups of layers with a smaller one keep their share of it."""
        groups = trainer.optimizers[0].param_groups
        if not self._shares:
            self._shares = [group.get("initial_lr", group["lr"]) / self._peak for group in groups]
        for group, share in zip(groups, self._shares, strict=True):
            group["lr"] = float(self.rates[batch_idx]) * share

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the loss; leave where it is no number any more, or far above its least."""
        self.losses.append(float(outputs["loss"].detach()))
        progress.report(batch_idx + 1, len(self.rates))
        own = smoothed(np.array(self.losses))
        if not math.isfinite(own[-1]) or (len(own) > SKIPPED and own[-1] > DIVERGED * np.nanmin(own)):
            raise Ended


def find(config: RunConfig, data: Data, device: str, *, steps: int = STEPS) -> dict[str, Any]:
    """Rates, losses and smoothed losses of a range test as plain values, with the suggested rate or why there is none.

    On one device, with batches as the run's first ones; weights and averages are thrown away.
    """
    size = min(config.batch_size // ranks.world_size(config), len(data.train))
    config = replace(
        config, devices=1, nodes=1, batch_size=size, epochs=1, accumulate=1, compile=False, ema=0.0, workers=0
    )
    model, _ = build(config, data.label_names)
    if config.keep_patches:
        keep_brightest(model, config.keep_patches)
    module = training_module(model, config, data, steps)
    rising = Rising(steps, config.learning_rate)
    with warnings.catch_warnings():
        quiet()
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        engine = trainer(config, device, rising)
        with suppress(Ended):
            engine.fit(module, Ordered(_batches(config, data, steps)))
    rates, losses = rising.rates[: len(rising.losses)], np.array(rising.losses)
    own = smoothed(losses)
    suggested, reason = suggest(rates, own)
    return {
        "rates": rates.tolist(),
        "losses": [value if math.isfinite(value) else None for value in losses.tolist()],
        "smoothed": [value if math.isfinite(value) else None for value in own.tolist()],
        "suggested": suggested,
        "reason": reason,
    }


def _batches(config: RunConfig, data: Data, steps: int) -> list[torch.Tensor]:
    """Positions of the run's batches, of as many epochs as the test needs."""
    own, found = Batches(data.train.labels, config), list[torch.Tensor]()
    for epoch in range(ORDER_EPOCHS):
        own.set_epoch(epoch)
        found += own.positions()
        if len(found) >= steps:
            break
    return found[:steps]


def smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponential mean of losses (n,) without the bias of its beginning."""
    found, mean = np.empty(len(losses)), 0.0
    for number, loss in enumerate(losses):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(loss)
        found[number] = mean / (1 - SMOOTHING ** (number + 1))
    return found


def suggest(rates: NDArray[np.float64], own: NDArray[np.float64]) -> tuple[float | None, str]:
    """The rate where the smoothed loss (n,) falls fastest with the logarithm of the rate, or why there is none."""
    known = np.isfinite(own)
    rates, own = rates[known], own[known]
    if len(own) < SKIPPED + LAST + 3:
        return None, "The loss left after a few steps of the smallest rates: the pixels or the loss are at fault."
    start, least = float(own[SKIPPED]), float(own[SKIPPED:].min())
    if least > (1 - FELL) * start:
        return None, (
            f"The loss never falls: {start:.3g} where it began and {least:.3g} at its least, for rates from "
            f"{rates[0]:.0e} to {rates[-1]:.0e}. Look at labels and images, or take a larger batch."
        )
    end = SKIPPED + int(own[SKIPPED:].argmin()) + 1
    slopes = np.gradient(own, np.log(rates))
    stop = max(SKIPPED + 1, min(end, len(own) - LAST))
    best = SKIPPED + int(slopes[SKIPPED:stop].argmin())
    return float(f"{rates[best]:.2g}"), ""
