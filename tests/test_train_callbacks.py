"""The figures of an epoch are those of the report, so that a run keeps the weights that the report puts highest."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tiny_set
import torch
from torch import Tensor

from train.figures import validation_figures
from train.fit import run as train
from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.evaluation import metrics
from vlass_explorer.evaluation.scores import softmax
from vlass_explorer.learning.best import Best
from vlass_explorer.schema import RunConfig

NAMES = ("a", "b", "c")
TRUTH = [0] * 5 + [1] * 5  # no c
EVEN = [0, 0, 0, 0, 1, 1, 1, 1, 1, 0]
"""One of each taken for the other: F1 is 2 * 4 / (5 + 5) = 0.8 twice; c occurs nowhere and is left out."""
STRAY = [0, 0, 0, 0, 0, 1, 1, 1, 1, 2]
"""One b taken for c: F1 is 1, 2 * 4 / (5 + 4) and 0, on average 17/27."""


def logits(predicted: list[int]) -> Tensor:
    return 3.0 * torch.eye(3)[predicted]


def test_a_class_absent_from_truth_and_prediction_is_left_out() -> None:
    even, stray = (validation_figures(torch.tensor(TRUTH), logits(guess)) for guess in (EVEN, STRAY))
    assert even["val_macro_f1"] == pytest.approx(0.8) and stray["val_macro_f1"] == pytest.approx(17 / 27)
    assert even["val_accuracy"] == pytest.approx(0.8) and stray["val_accuracy"] == pytest.approx(0.9)


def test_the_epoch_that_is_kept_is_the_one_that_the_report_puts_highest() -> None:
    best, model = Best(RunConfig(keep="best")), torch.nn.Linear(1, 1)
    for epoch, guess in enumerate((EVEN, STRAY)):
        best.take(epoch, validation_figures(torch.tensor(TRUTH), logits(guess))["val_macro_f1"], model)
    told = [metrics.report(TRUTH, softmax(logits(guess)).numpy(), NAMES) for guess in (EVEN, STRAY)]
    assert best.epoch == 0 == int(np.argmax([report.macro_f1 for report in told]))
    assert best.value == told[0].macro_f1
    assert told[0].absent == ("c",) and told[1].absent == ()


@pytest.mark.parametrize("scale", [1.0, 30.0, 200.0])
def test_every_figure_of_an_epoch_is_that_of_the_report(scale: float) -> None:
    random = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 3, (200,), generator=random)
    labels[labels == 2] = 0  # no c in the truth; some in the predictions
    rows = scale * torch.randn((200, 3), generator=random)
    told, report = validation_figures(labels, rows, NAMES), metrics.report(labels.numpy(), softmax(rows).numpy(), NAMES)
    assert told["val_macro_f1"] == report.macro_f1 and told["val_accuracy"] == report.accuracy
    assert told["val_macro_auroc"] == report.macro_auroc
    for name in NAMES:
        assert told[f"val_auroc_{name}"] == pytest.approx(report.per_class[name]["auroc"], nan_ok=True)
    if scale == 1.0:  # beyond, scores below 2e-16 count as that in the report
        assert told["val_loss"] == pytest.approx(report.loss, rel=1e-6)


def test_a_run_keeps_what_its_report_says(tmp_path: Path) -> None:
    with tiny_set.place(tmp_path) as place:
        rows = [(p.relative_to(place / "data").as_posix(), p.parent.name) for p in (place / "data").glob("*/*.npy")]
        # A third class that is in the training folds alone.
        table = [(path, "noise" if n < 4 else label, 1 if n < 4 else n % 2) for n, (path, label) in enumerate(rows)]
        with (place / "data" / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", "label", "fold"), *table])
        words = tiny_set.words(place / "data", split="authors", epochs=4, keep="best", learning_rate=0.01)
        run = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))
        assert train(run.path) == 0
        epochs = [row["val_macro_f1"] for row in runs.metrics(run)[0] if "val_macro_f1" in row]
        report = metrics.read(checkpoints.find("tiny").reports.table["validation"])
    assert report.per_class["noise"]["support"] == 0 and len(epochs) == 4
    assert report.macro_f1 == pytest.approx(max(epochs), abs=0.06)  # rounding the weights may turn a cutout
    right = [
        2 * n / (sum(row) + sum(col))
        for n, row, col in zip(
            np.diag(report.confusion), report.confusion, zip(*report.confusion, strict=True), strict=True
        )
        if sum(row) + sum(col)
    ]
    assert report.macro_f1 == pytest.approx(np.mean(right))
