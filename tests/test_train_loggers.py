"""TensorBoard read back, and what is said of a logger that is unknown or not installed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import tiny_set

from train import loggers
from train.fit import run as train
from vlass_explorer import recipes, runs
from vlass_explorer.schema import ConfigError, RunConfig


def test_tensorboard_has_every_curve_and_the_auroc_of_each_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    words = tiny_set.words(tiny_set.make(tmp_path / "data"), loggers="tensorboard")
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    run = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)), tmp_path / "runs")
    assert train(run.path) == 0
    for number, handler in kept.items():
        signal.signal(number, handler)
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    rows, _ = runs.metrics(run)
    for key in ("train_loss", "val_macro_f1", "val_auroc_long", "val_auroc_round"):
        written = [(row["step"], row[key]) for row in rows if key in row]
        read = [(event.step, event.value) for event in events.Scalars(key)]
        assert [step for step, _ in read] == [step for step, _ in written] and len(read) > 1
        assert [value for _, value in read] == pytest.approx([value for _, value in written], rel=1e-6)


def test_none_is_made_when_off(tmp_path: Path) -> None:
    assert loggers.make(tmp_path, RunConfig()) == []


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no logger 'mlflow'; known are tensorboard, wandb, wandb-offline"):
        loggers.make(tmp_path, RunConfig(loggers="tensorboard, mlflow"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("tensorboard", "wandb", "wandb-offline"):
        with pytest.raises(ConfigError, match=f"pip install {name.partition('-')[0]}"):
            loggers.make(tmp_path, RunConfig(loggers=name))
