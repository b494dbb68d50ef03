"""All folds of a recipe: trained once, kept, summarised on the card that is shipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import tiny_set

from train import folds
from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.schema import CheckpointError, ConfigError, RunConfig


@pytest.mark.slow
def test_folds_are_trained_once_and_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    words = tiny_set.words(tiny_set.make(tmp_path / "data"), epochs=1)
    config = recipes.with_values(RunConfig(), recipes.parse(words))
    options = {"splits": ["random"], "folds": [0, 3], "root": tmp_path / "runs"}
    table = folds.run(config, shipped=True, floors={"coin": 0.5}, jobs=2, **options)
    card = checkpoints.find("tiny")
    scores = card.reports.table["random_folds"]["macro_f1_of_folds"]
    assert scores["0"] == card.reports.table["validation"]["macro_f1"] and set(scores) == {"0", "3"}
    assert card.reports.table["random_folds"]["macro_f1"] == pytest.approx(np.mean(list(scores.values())))
    assert card.reports.table["floors"] == {"coin": 0.5} and card.provenance.fold == 0
    assert f"{scores['3']:.3f}" in table
    # Once more: nothing is trained, the card is written again.
    monkeypatch.setattr(folds.subprocess, "run", None)
    assert folds.run(config, shipped=True, **options) == table
    assert [len(runs.listing(folder)) for folder in sorted((tmp_path / "runs").glob("tiny-*"))] == [1, 1]
    with pytest.raises(ConfigError, match="Fold 0"):
        folds.run(config, shipped=True, splits=["random"], folds=[3], root=tmp_path / "runs")
    assert "random fold 3" in capsys.readouterr().out


def test_folds_find_what_all_start_or_learn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    for name in ("start", "teacher"):
        tiny_checkpoint.save(tmp_path / "shelf" / name)
    config = RunConfig(name="tiny", weights="start", teacher="teacher, own-{split}-{fold}")
    wanted = folds.plan(config, ["sky"], [0, 1], tmp_path / "runs")
    folds.lend(wanted)
    there = wanted[1].checkpoints
    assert sorted(path.name for path in there.iterdir()) == ["start", "teacher"]
    assert checkpoints.find("start", there).sha256 == checkpoints.find("start").sha256
    with pytest.raises(CheckpointError, match="no checkpoint 'strat'; the nearest are start"):
        folds.lend(folds.plan(replace(config, weights="strat"), ["sky"], [0], tmp_path / "runs"))


def test_summary_is_mean_and_sample_deviation() -> None:
    values = [0.8, 0.9, 0.85]
    reports = {k: {"macro_f1": v, "accuracy": v, "macro_auroc": 1.0, "count": 10} for k, v in enumerate(values)}
    found = folds.summary(reports)
    assert found["macro_f1"] == pytest.approx(np.mean(values))
    assert found["macro_f1_std"] == pytest.approx(np.std(values, ddof=1))
    assert (found["count"], found["folds"]) == (30, 3)
    assert "0.850 ± 0.050" in folds.markdown({"sky": reports})
