"""Learning rates of timm's schedules against closed forms, and rates that differ by layer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from timm.scheduler.scheduler import Scheduler

from vlass_explorer.learning.network import build
from vlass_explorer.learning.schedule import check_optimiser, optimiser, schedule
from vlass_explorer.schema import ConfigError, RunConfig

VIT = RunConfig(architecture="test_vit", img_size=32, patch_size=8, learning_rate=0.5, weight_decay=0.0)


def rates(config: RunConfig, steps: int) -> list[float]:
    """Learning rate of each step of a run of one weight."""
    made = optimiser(torch.nn.Linear(1, 1), config)
    rule = schedule(made, config, steps)
    found = []
    for step in range(steps):
        found.append(made.param_groups[0]["lr"])
        made.step()
        rule.step_update(step + 1) if isinstance(rule, Scheduler) else rule.step()
    return found


def test_step_decay() -> None:
    config = RunConfig(
        optimiser="sgd", learning_rate=0.2, schedule="step", decay_epochs=5, decay_rate=0.7, epochs=12, warmup_epochs=0
    )
    assert rates(config, 120) == pytest.approx([0.2 * 0.7 ** (step // 50) for step in range(120)])
    warm = rates(replace(config, warmup_epochs=1), 120)
    assert warm[0] == pytest.approx(0.02) and warm[:10] == sorted(warm[:10]) and warm[10:] == rates(config, 120)[10:]


def test_cosine_with_restarts() -> None:
    config = RunConfig(
        schedule="restarts", learning_rate=3e-4, decay_epochs=5, min_rate=1e-6, epochs=15, warmup_epochs=0
    )
    torch_rule = [1e-6 + (3e-4 - 1e-6) * (1 + math.cos(math.pi * (step % 20) / 20)) / 2 for step in range(60)]
    assert rates(config, 60) == pytest.approx(torch_rule)


def test_none_is_constant_after_the_warm_up() -> None:
    config = RunConfig(schedule="none", learning_rate=1e-3, epochs=4, warmup_epochs=1)
    found = rates(config, 40)
    assert found[10:] == [1e-3] * 30 and found[0] == pytest.approx(1e-4) and found[:10] == sorted(found[:10])


def test_layer_decay_slows_early_layers_in_every_schedule() -> None:
    for name in ("cosine", "step", "restarts", "none"):
        config = replace(VIT, layer_decay=0.5, schedule=name, warmup_epochs=0)
        model, _ = build(config, ("a", "b"))
        made = optimiser(model, config)
        schedule(made, config, 100)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        rate = {names[id(p)]: group["lr"] for group in made.param_groups for p in group["params"]}
        assert rate["head.weight"] == 0.5
        blocks = [rate[f"blocks.{k}.mlp.fc1.weight"] for k in range(len(model.blocks))]
        assert blocks == pytest.approx([0.5 ** (len(blocks) + 1 - k) for k in range(len(blocks))])
        assert rate["patch_embed.proj.weight"] == pytest.approx(blocks[0] / 2)


def test_momentum_reaches_the_optimiser() -> None:
    made = optimiser(torch.nn.Linear(1, 1), RunConfig(optimiser="momentum", momentum=0.7))
    assert made.defaults["momentum"] == 0.7 and not made.defaults["nesterov"]
    assert optimiser(torch.nn.Linear(1, 1), RunConfig(optimiser="sgd")).defaults["nesterov"]


def test_an_unknown_optimiser_names_the_nearest() -> None:
    check_optimiser("AdamW")
    with pytest.raises(ConfigError, match="nearest name is 'adamw'"):
        check_optimiser("adamww")
