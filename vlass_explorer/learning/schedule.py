"""Optimiser and learning rate of a run, by timm's factories; the cosine with one restart is ours."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.optim import create_optimizer_v2, list_optimizers
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from torch import nn

from ..options import nearest
from ..schema import ConfigError, RunConfig

TIMM = {"step": "step", "restarts": "cosine", "none": "constant"}


def check_optimiser(name: str) -> None:
    """ConfigError with the nearest name where timm knows no such optimiser."""
    known = [str(one) for one in list_optimizers()]
    if name.lower() not in known:
        raise ConfigError(f"timm has no optimiser {name!r}{nearest(name, known)}.")


def optimiser(model: nn.Module, config: RunConfig) -> torch.optim.Optimizer:
    """timm's optimiser over the trained weights; with layer decay, earlier groups of layers have a smaller rate."""
    extra: dict[str, Any] = {}
    if "adam" in config.optimiser or "lamb" in config.optimiser:
        extra["betas"] = (0.9, config.beta2)
    made = create_optimizer_v2(
        model,
        opt=config.optimiser,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
        layer_decay=config.layer_decay if config.layer_decay < 1 else None,
        **extra,
    )
    for group in made.param_groups:
        group["lr"] *= group.pop("lr_scale", 1.0)  # torch's schedules do not know it
    return made


def schedule(
    made: torch.optim.Optimizer, config: RunConfig, total_steps: int
) -> torch.optim.lr_scheduler.LambdaLR | Scheduler:
    """Learning rate by optimiser step: torch's LambdaLR, or a timm schedule that wants ``step_update``."""
    if config.schedule == "cosine":
        return torch.optim.lr_scheduler.LambdaLR(made, lambda step: scheduled(step, total_steps, config))
    an_epoch = total_steps / config.epochs
    warmup = round(config.warmup_epochs * an_epoch)
    length = max(1, round(config.decay_epochs * an_epoch))
    is_cosine = config.schedule == "restarts"
    found, _ = create_scheduler_v2(
        made,
        sched=TIMM[config.schedule],
        num_epochs=length if is_cosine else total_steps,  # steps, in timm's words updates: one "epoch" is one step
        decay_epochs=length,
        decay_rate=config.decay_rate,
        min_lr=config.min_rate,
        warmup_epochs=warmup,
        warmup_lr=min(group["lr"] for group in made.param_groups) / max(1, warmup),
        cycle_limit=total_steps // length + 1,
        cycle_decay=1.0,
        step_on_epochs=False,
        updates_per_epoch=1,
    )
    assert found is not None
    return found


def scheduled(step: int, total: int, config: RunConfig) -> float:
    """Share of the peak learning rate at a step of a run, with the restart that the configuration may ask for."""
    an_epoch = total / config.epochs
    warmup, restart = round(config.warmup_epochs * an_epoch), round(config.restart_epoch * an_epoch)
    if restart and step >= restart:
        return config.restart_rate * rate(step - restart, warmup, total - restart)
    return rate(step, warmup, restart or total)


def rate(step: int, warmup: int, total: int) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then half a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
