"""Ask a model about a cutout while it is changed, level by level, with progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from .. import predict, preprocess, progress
from ..schema import Checkpoint, Cutout, ExplorerError, FloatArray, InputError
from .curves import Curve, Flips
from .plans import KINDS, Plan

DRAWS = 16
"""Draws of noise a level."""


def measure(
    model: nn.Module,
    card: Checkpoint,
    cutout: Cutout,
    *,
    kinds: Iterable[str] = tuple(KINDS),
    draws: int = DRAWS,
    seed: int = 0,
    batch_size: int = predict.BATCH_SIZE,
    device: str = "cpu",
) -> Flips:
    """Curves of the softmax scores along each of ``kinds``, the same for the same seed; reports progress.

    ``model`` is in evaluation mode on ``device``. Raises InputError where the cutout is no valid input as it is (a
    label that means nothing cannot flip), and for a colour picture that the model sees in colour.
    """
    (native,) = predict.predict(model, card, [cutout], device=device)
    if native.validity.level == "outside":
        raise InputError(f"A label that means nothing cannot flip. {native.validity.reasons[0]}")
    if cutout.colour is not None and card.input_spec.colour:
        raise InputError("A colour picture of a model that sees colours is not changed: give a grey one.")
    cutout = replace(cutout, colour=None)
    plans: dict[str, Plan] = {}
    off: dict[str, str] = {}
    for kind in kinds:
        try:
            plans[kind] = KINDS[kind](cutout, card.input_spec, draws, seed)
        except ExplorerError as error:
            off[kind] = str(error)
    total = sum(plan.count for plan in plans.values())
    curves, done = {}, 0
    for kind, plan in plans.items():
        scores = _scores(model, card, plan, batch_size, device, done, total)
        made = np.isfinite(scores[..., 0]).any(axis=1)
        curves[kind] = Curve(
            kind,
            np.asarray(plan.levels)[made],
            scores[made],
            card.label_names.index(native.label),
            card.label_names,
            **plan.facts,
        )
        done += plan.count
    return Flips(native.label, curves, off, seed)


def _scores(
    model: nn.Module, card: Checkpoint, plan: Plan, batch_size: int, device: str, done: int, total: int
) -> FloatArray:
    """Softmax scores (level, draw, class); NaN where a cutout could not be made or is refused."""
    found = np.full((len(plan.levels), plan.draws, len(card.label_names)), np.nan)
    asked = 0
    while batch := list(islice(plan.cutouts, batch_size)):
        levels, numbers, changed = zip(*batch, strict=True)
        found[levels, numbers] = _softmax(model, card, preprocess.to_tensors(changed, card.input_spec), device)
        asked += len(batch)
        progress.report(done + asked, total)
    return found


def _softmax(model: nn.Module, card: Checkpoint, x: Tensor, device: str) -> FloatArray:
    with predict.model_errors(card), torch.inference_mode():
        logits = model(x.to(device)).double().cpu()
    return np.asarray(torch.softmax(logits, dim=-1).numpy())
