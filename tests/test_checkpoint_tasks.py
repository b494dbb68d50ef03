"""A segmentation checkpoint wherever whole images are classified: shown as what it is, or refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import tiny_masks
import torch

from train.__main__ import main as train
from vlass_explorer import checkpoints, datasets, predict
from vlass_explorer.checkpoints import tasks
from vlass_explorer.cli import main
from vlass_explorer.evaluation import cost, evaluate, evaluate_masks, leaderboard, parts
from vlass_explorer.schema import CheckpointError, DatasetError, RunConfig

SAID = "labels pixels and gives no scores of a whole image"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    tiny_masks.save(tmp_path / "shelf" / "pixels")
    tiny_masks.save(tmp_path / "shelf" / "more", architecture="vt_fpn")
    tiny_checkpoint.save(tmp_path / "shelf" / "whole")
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32))
    return tmp_path


def test_a_saved_segmentation_is_read_and_loaded_as_it_was(shelf: Path) -> None:
    card = checkpoints.find("pixels")
    assert card.task == "segmentation" and not checkpoints.problems()
    logits = checkpoints.load(card)(torch.zeros(1, 1, 32, 32))
    assert logits.shape == (1, 3, 32, 32)
    assert cost.profile(checkpoints.load(card), cost.shape_of(card.input_spec), repeats=1).parameters == card.parameters
    packed = checkpoints.pack(card)
    assert checkpoints.unpack(packed, "again").sha256 == card.sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": "classification"}, "panoptic_fpn is no architecture for the task 'classification'"),
        ({"task": "detection"}, "no architecture for the task 'detection'"),
        ({"label_names": ["a", "b"]}, "2 label names for 3 classes"),
    ],
)
def test_a_card_that_contradicts_itself_is_left_out(shelf: Path, change: dict[str, object], said: str) -> None:
    file = shelf / "shelf" / "pixels" / "config.json"
    told = json.loads(file.read_text())
    told["vlass_explorer"] |= change
    file.write_text(json.dumps(told))
    assert said in checkpoints.problems()["pixels"]


def test_every_command_for_whole_images_refuses_it_in_one_sentence(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = str(shelf / "a.npy"), str(shelf / "out")
    for words in (
        ["predict", file, "--checkpoint", "pixels"],
        ["predict", file, "--checkpoint", "pixels", "--out", str(shelf / "t.csv")],
        ["explain", file, "--checkpoint", "pixels", "--method", "occlusion", "--out", out],
        ["classify", file, "--checkpoint", "whole", "pixels", "--out", out],
        ["methods", "pixels"],
        ["methods", "pixels", "--verify"],
    ):
        assert main(words) == 2, words
        told = capsys.readouterr().err.strip()
        assert SAID in told and "\n" not in told, words
    assert not (shelf / "out").exists() and not (shelf / "t.csv").exists()
    assert main(["segment", file, "--checkpoint", "whole", "--out", out]) == 2
    assert "gives one class for a whole image" in capsys.readouterr().err
    assert main(["checkpoints", "--json"]) == 0
    assert {one["task"] for one in json.loads(capsys.readouterr().out)} == {"classification", "segmentation"}
    assert train(["average", "pixels", "more", "--name", "mean"]) == 2
    assert SAID in capsys.readouterr().err


def test_the_core_refuses_it_too(shelf: Path) -> None:
    pixels, whole = checkpoints.find("pixels"), checkpoints.find("whole")
    with pytest.raises(CheckpointError, match=SAID):
        predict.predict(torch.nn.Identity(), pixels, [])
    with pytest.raises(CheckpointError, match=SAID):
        predict.predict(checkpoints.load(pixels), pixels, datasets.load("simulated", None).read([0]))
    tiny_masks.make(shelf / "data")
    part = parts.Part(datasets.load("mask_folders", shelf / "data"), (0, 1), "chosen")
    with pytest.raises(CheckpointError, match=SAID):
        evaluate(checkpoints.load(pixels), pixels, part)
    with pytest.raises(DatasetError, match="has a class for each pixel: whole tells whole images apart"):
        evaluate(checkpoints.load(whole), whole, part)
    with pytest.raises(CheckpointError, match="gives one class for a whole image"):
        evaluate_masks(checkpoints.load(whole), whole, part)
    found = evaluate_masks(checkpoints.load(pixels), pixels, part)
    assert found.report.count == 2 and found.report.pixels == 2 * 32 * 32
    config = RunConfig(dataset="mask_folders", data_dir=str(shelf / "data"), split="random")
    with pytest.raises(DatasetError, match="whole knows"):
        parts.select(whole, config, "all")
    assert [card.name for card in tasks.of(checkpoints.listing(), "segmentation")] == ["more", "pixels"]
    assert leaderboard.groups(checkpoints.listing())  # a card without scores of whole images breaks nothing
