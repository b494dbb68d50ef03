"""Which epoch is best and when to give up, for figures that rise and the one that falls."""

from __future__ import annotations

import math

import pytest
import torch

from vlass_explorer.learning.best import Best
from vlass_explorer.schema import RunConfig


def fed(values: list[float], **options: object) -> tuple[Best, list[bool]]:
    """Best after one epoch a value, the weight being the epoch, and where it was stale."""
    best, model, stale = Best(RunConfig(**options)), torch.nn.Linear(1, 1), []
    for epoch, value in enumerate(values):
        torch.nn.init.constant_(model.weight, float(epoch))
        best.take(epoch, value, model)
        stale.append(best.is_stale(epoch))
    return best, stale


@pytest.mark.parametrize(
    ("monitor", "values", "epoch"),
    [
        ("val_macro_f1", [0.2, 0.5, 0.5, 0.4], 1),
        ("val_loss", [1.2, 0.5, 0.9, 0.4], 3),
        ("val_macro_auroc", [math.nan, 0.5, math.nan, 0.4], 1),
    ],
)
def test_the_best_epoch_and_its_weights(monitor: str, values: list[float], epoch: int) -> None:
    best, stale = fed(values, monitor=monitor, keep="best")
    assert (best.epoch, best.value, float(best.weights["weight"])) == (epoch, values[epoch], epoch)
    assert not any(stale) and fed(values, monitor=monitor)[0].weights == {}
    assert best.shown() == {f"best_{monitor[4:]}": values[epoch]}


def test_patience_counts_epochs_without_a_change_worth_the_name() -> None:
    assert fed([1.0, 0.9, 0.95, 0.92, 0.8], monitor="val_loss", patience=2)[1] == [False, False, False, True, False]
    assert fed([1.0, 0.99, 0.98, 0.97], monitor="val_loss", patience=2, min_delta=0.05)[1] == [False, False, True, True]
    assert fed([0.5, 0.4, 0.4, 0.4])[1] == [False] * 4


def test_a_resumed_run_knows_them_again() -> None:
    best, _ = fed([0.2, 0.5, 0.5], keep="best", patience=2)
    again = Best(RunConfig(keep="best", patience=2))
    again.load_state_dict(best.state_dict())
    assert again.shown() == best.shown() and again.weights == best.weights
    assert not again.is_stale(2) and again.is_stale(3)
