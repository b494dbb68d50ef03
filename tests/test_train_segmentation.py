"""Segmentation from one command to a card: figures against a computation of their own, resume, and what is refused."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_masks
import torch
from sklearn.metrics import jaccard_score

from train.__main__ import main
from train.checks import check
from train.fit import run as train
from vlass_explorer import checkpoints, datasets, preprocess, recipes, runs
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.evaluation import masks
from vlass_explorer.learning.data import load
from vlass_explorer.learning.loss import mask_loss, pixel_weights
from vlass_explorer.schema import IGNORE, NETWORKS, ConfigError, DatasetError, Run, RunConfig
from vlass_explorer.segmentation import NETWORKS as BUILT
from vlass_explorer.segmentation import cross_entropy, dice


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    tiny_masks.make(tmp_path / "data")
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
        patch.setenv("VLASS_EXPLORER_CACHE", str(tmp_path / "cache"))
        yield tmp_path
    for number, handler in kept.items():
        signal.signal(number, handler)


def created(place: Path, **changes: object) -> Run:
    words = tiny_masks.words(place / "data", **changes)
    return runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))


def test_names_of_networks_are_those_that_are_built() -> None:
    assert tuple(BUILT) == NETWORKS


def test_one_command_leads_to_a_checkpoint_whose_card_says_what_it_is(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"keep": "best", "mask_loss": "cross_entropy+dice", "class_weighting": "true", "split": "random_test"}
    assert main(["fit", *tiny_masks.words(place / "data", **options)]) == 0
    (run,) = runs.listing()
    rows = [row for row in runs.metrics(run)[0] if "val_mean_iou" in row]
    assert [row["epoch"] for row in rows] == [1, 2] and {"val_iou_blob", "val_boundary_f1", "val_loss"} <= rows[
        0
    ].keys()
    card = checkpoints.find("tiny")
    assert (card.task, card.label_names) == ("segmentation", tiny_masks.CLASSES)
    assert card.model_args == {"encoder": "test_resnet", "pyramid": 64, "in_chans": 1}
    assert "val_mean_iou" in (card.provenance.selected_on or "")
    assert sum(card.provenance.class_fractions.values()) == pytest.approx(1.0)  # type: ignore[union-attr]
    text = (card.path / "README.md").read_text()
    assert "gives each pixel one of the classes background, blob, ring" in text and "| blob |" in text

    # The report on the card, computed once more from the images themselves.
    report = masks.read(card.reports.table["validation"])
    assert report.seen is not None and report.seen.status == "selected"
    names = json.loads((run.path / "splits.json").read_text())["validation"]
    assert report.count == len(names) and report.tolerance == 3.0
    model, truth, said = checkpoints.load(card), [], []
    for item in pixel_labels.read_folder(place / "data").items:
        if item.name in names:
            cutout, mask = item.read(3)
            with torch.no_grad():
                x = preprocess.to_tensor(cutout, card.input_spec)
                said.append(model(x).argmax(1)[0].numpy())
            truth.append(mask[4:36, 4:36])
    a, b = (np.stack(each).ravel() for each in (truth, said))
    iou = jaccard_score(a, b, labels=range(3), average=None, zero_division=0)
    assert report.mean_iou == pytest.approx(iou[np.isin(range(3), [*a, *b])].mean(), abs=1e-9)
    assert report.pixel_accuracy == pytest.approx((a == b).mean(), abs=1e-9)

    # The same figures by the command, and the test part.
    assert run.metrics["mean_iou"] == report.mean_iou
    capsys.readouterr()
    where = ["--data-dir", str(place / "data"), "--device", "cpu"]
    assert main(["test", "tiny", *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean_iou"] == report.mean_iou
    assert main(["test", "tiny", *where, "--part", "test", "--keep", "again"]) == 0
    assert "mean IoU" in capsys.readouterr().out
    again = checkpoints.find("tiny").reports.segmentations
    assert again["again"]["mean_iou"] == again["test"]["mean_iou"]
    assert main(["test", "tiny", *where, "--csv=x.csv"]) == 2
    capsys.readouterr()
    assert main(["test", "tiny", *where, "--tta"]) == 0
    assert "eight views an image" in capsys.readouterr().out


def test_a_run_that_was_stopped_ends_as_one_that_was_not(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"architecture": "vt_fpn", "save_every": 1, "ema": 0.9, "workers": 0}
    whole, cut = created(place, **options), created(place, **options)
    assert train(whole.path) == 0
    append = runs.append_metrics

    def then_stop(path: Path, row: dict[str, float]) -> None:
        append(path, row)
        (path / "stop").touch()

    monkeypatch.setattr("train.callbacks.runs.append_metrics", then_stop)
    assert train(cut.path) == 0 and runs.read(cut.path).phase == "stopped"
    monkeypatch.setattr("train.callbacks.runs.append_metrics", append)
    assert train(runs.new_attempt(runs.read(cut.path)).path, resume=True) == 0
    one, two = (torch.load(run.path / "last.ckpt", weights_only=True)["state_dict"] for run in (whole, cut))
    assert all(torch.equal(one[key], two[key]) for key in one)
    keys = ("val_loss", "val_mean_iou", "val_boundary_f1")
    rows = [[[row[key] for key in keys] for row in runs.metrics(run)[0] if keys[0] in row] for run in (whole, cut)]
    assert rows[0] == rows[1] and len(rows[0]) == 2


def test_masks_move_with_their_images_and_lie_on_the_models_grid(place: Path) -> None:
    words = tiny_masks.words(place / "data", img_size=64, zoom=0.1)
    config = recipes.with_values(RunConfig(), recipes.parse(words))
    data = load(config, lambda: None)
    x, labels = data.train.augmented(torch.arange(len(data.train)), epoch=3)
    assert labels.shape == (len(data.train), 64, 64) and labels.dtype == torch.long
    level = x[:, 0] * data.spec.std[0] + data.spec.mean[0]
    inside, outside = (labels > 0) & (labels != IGNORE), labels == 0
    assert float((level[inside] > 0.5).float().mean()) > 0.95 and float((level[outside] < 0.5).float().mean()) > 0.99
    counts = data.train.pixel_counts(3)
    assert int(counts.sum()) == len(data.train) * 32 * 32 and counts.argmax() == 0
    weights = pixel_weights(counts, recipes.with_values(config, {"class_weighting": True}))
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1.0) and weights.argmin() == 0
    logits = torch.randn(2, 3, 8, 8)
    both = mask_loss(logits, labels[:2, :8, :8], weights, "cross_entropy+dice")
    alone = cross_entropy(logits, labels[:2, :8, :8], weight=weights) + dice(logits, labels[:2, :8, :8])
    assert float(both) == pytest.approx(float(alone))


def test_starting_weights_pass_on_task_and_encoder(place: Path) -> None:
    card = tiny_masks.save(place / "checkpoints" / "start")
    config = checkpoints.with_inherited(
        lambda base: recipes.with_values(base, {"weights": "start", "data_dir": str(place / "data"), "split": "random"})
    )
    assert (config.task, config.architecture, config.encoder, config.pyramid) == (
        "segmentation", "panoptic_fpn", "test_resnet", 64,
    )  # fmt: skip
    found = check(recipes.with_values(config, {"batch_size": 4, "device": "cpu"}), steps=False)
    assert not found["errors"] and found["parameters"] == card.parameters
    assert found["counts"]["train"].keys() == {"images with masks"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "resnet18"}, "task=segmentation needs architecture=panoptic_fpn or vt_fpn, not resnet18"),
        ({"task": "classification"}, "panoptic_fpn labels pixels: set task=segmentation"),
        ({"mixup": 0.5}, "mixup is for classification: leave it out with task=segmentation"),
        ({"monitor": "val_accuracy"}, "monitor is one of val_mean_iou, .* for task=segmentation, not val_accuracy"),
        ({"tune": "last"}, "tune=last is for classification"),
        ({"pyramid": 100}, "has a multiple of 8 channels, not 100"),
        ({"encoder": "vit_tiny_patch16_224"}, "cannot be the encoder of panoptic_fpn"),
        ({"encoder": "resnet1"}, "resnet1 cannot be the encoder"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(place: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        config = recipes.with_values(RunConfig(), recipes.parse(tiny_masks.words(place / "data", **changes)))
        from vlass_explorer.learning.network import build

        build(config, tiny_masks.CLASSES)
    assert "\n" not in str(error.value)


def test_data_of_the_other_task_are_one_sentence(place: Path) -> None:
    found = datasets.load("class_folders", place / "data")
    assert found.is_masked and datasets.recognise(place / "data") == "mask_folders"
    with pytest.raises(DatasetError, match="has a class for each pixel: set task=segmentation"):
        load(RunConfig(data_dir=str(place / "data"), split="random"), lambda: None)
    words = tiny_masks.words(Path(), dataset="simulated", data_dir="")
    with pytest.raises(DatasetError, match="has no masks: task=segmentation reads"):
        load(recipes.with_values(RunConfig(), recipes.parse(words)), lambda: None)
    (place / "data" / "dataset.yaml").write_text("label_names: [background, blob, ring, core]\nrow0: south\n")
    config = recipes.with_values(RunConfig(), recipes.parse(tiny_masks.words(place / "data")))
    with pytest.raises(DatasetError, match="No training pixel of .* is core"):
        load(config, lambda: None)
    (place / "data" / "dataset.yaml").write_text("label_names: [background, blob]\nrow0: south\n")
    with pytest.raises(DatasetError, match="its mask holds the label 2, but there are 2 classes"):
        load(config, lambda: None)
