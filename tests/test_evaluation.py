"""Scores of a labelled data set against a plain loop over the core, and what happens to files that cannot be read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_checkpoint
import tiny_set
from sklearn.metrics import f1_score

from vlass_explorer import checkpoints, datasets, progress
from vlass_explorer.datasets import DataSet
from vlass_explorer.evaluation import Part, evaluate
from vlass_explorer.evaluation.parts import relabel
from vlass_explorer.predict import predict
from vlass_explorer.schema import Checkpoint, CutoutError, DatasetError


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder = tmp_path_factory.mktemp("evaluation") / "data"
    tiny_set.make(folder, count=20)
    return datasets.load("class_folders", folder)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory, data_set: DataSet) -> Checkpoint:
    # The classes in another order than the data set's: labels are matched by name.
    names = tuple(reversed(data_set.label_names))
    model = checkpoints.create("vit_tiny_patch16_224", 2, tiny_checkpoint.ARGS)
    return tiny_checkpoint.save(tmp_path_factory.mktemp("shelf") / "tiny", model, label_names=names)


def part(card: Checkpoint, data_set: DataSet, indices: range | None = None) -> Part:
    return Part(relabel(data_set, card), tuple(range(len(data_set)) if indices is None else indices))


def test_scores_are_those_of_predict_and_labels_are_matched_by_name(card: Checkpoint, data_set: DataSet) -> None:
    model = checkpoints.load(card)
    told: list[float] = []
    with progress.watch(told.append):
        found = evaluate(model, card, part(card, data_set))
    plain = predict(model, card, data_set.read(), batch_size=64)
    assert np.array_equal(found.probabilities, [p.probabilities for p in plain])
    expected = [card.label_names.index(data_set.label_names[item.label]) for item in data_set.items]
    assert found.labels.tolist() == expected and not found.unreadable
    assert told == sorted(told) and told[-1] == 1.0
    predicted = found.probabilities.argmax(axis=1)
    assert found.report.macro_f1 == pytest.approx(f1_score(expected, predicted, average="macro"))
    wrong = found.report.mistakes
    assert len(wrong) == int((predicted != found.labels).sum())
    assert all(mistake.name == data_set.items[mistake.index].name for mistake in wrong)


def test_unreadable_cutouts_are_named_and_the_others_done(card: Checkpoint, data_set: DataSet) -> None:
    def broken() -> None:
        raise CutoutError("The file is cut short: download it again.")

    items = (replace(data_set.items[0], source=broken, key=""), *data_set.items[1:4])
    some = replace(data_set, items=items)
    found = evaluate(checkpoints.load(card), card, part(card, some))
    assert list(found.unreadable) == [items[0].name] and "cut short" in found.unreadable[items[0].name]
    assert found.indices.tolist() == [1, 2, 3]
    with pytest.raises(DatasetError, match="cut short"):
        evaluate(checkpoints.load(card), card, part(card, some, range(1)))


def test_other_classes_are_refused(card: Checkpoint, data_set: DataSet) -> None:
    other = replace(data_set, label_names=("cat", *data_set.label_names[1:]))
    with pytest.raises(DatasetError, match="without other classes"):
        relabel(other, card)
    # A name without any item is no other class.
    assert relabel(replace(data_set, label_names=(*data_set.label_names, "cat")), card).label_names == card.label_names


def test_progress_may_stop_the_evaluation(card: Checkpoint, data_set: DataSet) -> None:
    def stop(share: float) -> None:
        raise progress.Cancelled

    with pytest.raises(progress.Cancelled), progress.watch(stop):
        evaluate(checkpoints.load(card), card, part(card, data_set, range(4)))
