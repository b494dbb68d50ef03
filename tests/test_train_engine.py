"""Whole small runs: gradients added up, early ends, frozen layers, a compiled model, a test part read at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_set
import torch

from train.fit import run as train
from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.schema import Run, RunConfig

VIT = {"architecture": "test_vit", "patch_size": 4, "optimiser": "sgd", "learning_rate": 0.05, "img_size": 16}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with tiny_set.place(tmp_path) as folder:
        yield folder


def trained(place: Path, **changes: object) -> Run:
    words = tiny_set.words(place / "data", **changes)
    run = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))
    assert train(run.path) == 0
    return runs.read(run.path)


def state(run: Run) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(run.path / "last.ckpt", weights_only=True)["state_dict"]
    return found


def test_two_half_batches_make_the_step_of_a_whole_one(place: Path) -> None:
    whole = trained(place, **VIT, epochs=1, batch_size=8)
    halves = trained(place, **VIT, epochs=1, batch_size=4, accumulate=2, save_every=1)
    one, two = state(whole), state(halves)
    assert all(torch.allclose(one[key], two[key], atol=1e-6) for key in one)
    rows = [runs.metrics(run)[0][-1] for run in (whole, halves)]
    assert rows[0]["step"] == rows[1]["step"] == 4
    assert rows[0]["train_loss"] == pytest.approx(rows[1]["train_loss"], rel=1e-5)


def test_a_run_that_gets_no_better_ends_early_and_stays_ended(place: Path) -> None:
    run = trained(place, **{**VIT, "learning_rate": 0.0}, epochs=9, monitor="val_loss", patience=2, keep="best")
    rows, _ = runs.metrics(run)
    assert [row["epoch"] for row in rows if "val_loss" in row] == [1, 2, 3]
    assert run.phase == "finished" and runs.read_status(run.path)["metrics"].keys() >= {"macro_f1", "accuracy"}
    # As if it had been killed after its last save: it does not train on.
    runs.write_status(run.path, phase="failed")
    assert train(runs.new_attempt(runs.read(run.path)).path, resume=True) == 0
    again, _ = runs.metrics(runs.read(run.path))
    assert again == rows


def test_the_test_part_is_read_once_everything_is_decided(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train import keep

    asked: list[str] = []
    whole = keep.evaluate_images

    def noted(model: torch.nn.Module, images: object, *rest: object, **options: object) -> object:
        asked.append(runs.read_status(next((place / "runs").glob("2*")))["phase"])
        return whole(model, images, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(keep, "evaluate_images", noted)
    run = trained(place, **VIT, epochs=1, split="random_test")
    report, splits = (json.loads((run.path / name).read_text()) for name in ("report.json", "splits.json"))
    assert asked == ["testing", "testing"]
    assert report["test"]["count"] == len(splits["test"]) > 4
    assert report["validation"]["count"] == len(splits["validation"]) == report["count"]
    wrong = report["test"]["mistakes"]
    assert {one["name"] for one in wrong} <= set(splits["test"])
    card = checkpoints.find("tiny")
    assert card.reports.table["test"] == report["test"] and card.provenance.test_count == len(splits["test"])
    assert "| test |" in (card.path / "README.md").read_text()


def test_a_frozen_body_keeps_its_statistics_when_resumed_in_mid_epoch(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"tune": "head", "save_every": 2, "architecture": "vlass_vision_cnn", "ema": 0.9}
    whole = trained(place, **options)
    append = runs.append_metrics
    words = tiny_set.words(place / "data", **options)
    cut = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))

    def then_stop(path: Path, row: dict[str, float]) -> None:
        append(path, row)
        if row["step"] == 6:
            (path / "stop").touch()

    monkeypatch.setattr("train.callbacks.runs.append_metrics", then_stop)
    assert train(cut.path) == 0 and runs.read(cut.path).phase == "stopped"
    monkeypatch.setattr("train.callbacks.runs.append_metrics", append)
    assert train(runs.new_attempt(runs.read(cut.path)).path, resume=True) == 0
    one, two = state(whole), state(cut)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert int(one["model.features.0.2.num_batches_tracked"]) == 0


def test_a_compiled_model_keeps_the_names_of_its_weights(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler in the test: what matters is that compiling leaves keys and checkpoint alone."""
    compiled: list[object] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    run = trained(place, **VIT, epochs=1, compile=True)
    assert len(compiled) == 1 and all(key.startswith("model.") for key in state(run))
    assert checkpoints.load(checkpoints.find("tiny")) is not None


@pytest.mark.parametrize("kind", ["empty", "one class", "one image"])
def test_a_folder_that_cannot_be_learnt_from_is_one_sentence(place: Path, kind: str) -> None:
    for path in sorted((place / "data").glob("round/*.npy" if kind != "empty" else "*/*.npy"))[kind == "one image" :]:
        path.unlink()
    words = tiny_set.words(place / "data")
    run = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))
    assert train(run.path) == 2
    failed = runs.read(run.path)
    assert failed.phase == "failed" and failed.reason.endswith(".") and "\n" not in failed.reason
    assert {"empty": "data", "one class": "class", "one image": "one item of round"}[kind] in failed.reason
