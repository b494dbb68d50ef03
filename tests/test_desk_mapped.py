"""The map of a desk: new cutouts lie on the axes of the training cutouts; those without an answer are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlass_explorer.calibration import Reference
from vlass_explorer.desk import mapped
from vlass_explorer.desk.answers import Answers
from vlass_explorer.schema import InputError

NAMES = ("FRI", "FRII")


@pytest.fixture
def known() -> Reference:
    rows = np.random.default_rng(0).normal(size=(20, 3)) * (5, 2, 1)
    names = tuple(f"{i}.fits" for i in range(20))
    return Reference(rows, np.arange(20) % 2, names, np.zeros((20, 2)), np.zeros((2, 3)), np.eye(3), {})


@pytest.fixture
def said() -> Answers:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, np.nan]])
    rows = np.array([[1.0, 0, 0], [0, 1, 0], [np.nan] * 3], np.float32)
    more = np.array([50.0, 99.0, np.nan]), np.array([10.0, 200.0, np.nan])
    texts = ("ok", "outside", ""), ("VLASS", "FIRST", "")
    return Answers(scores, rows, None, *more, *texts, np.zeros((3, 2)), {2: "broken"}, NAMES)


def test_the_new_do_not_move_the_axes_of_the_training_cutouts(known: Reference, said: Answers) -> None:
    alone, _ = mapped.by_components(known, None)
    both, axes = mapped.by_components(known, said)
    assert both[:20] == pytest.approx(alone) and np.isnan(both[22]).all() and len(both) == 23
    centred = known.features - known.features.mean(axis=0)
    assert axes.shares == pytest.approx((np.linalg.svd(centred)[1] ** 2 / (centred**2).sum())[:2])
    assert mapped.titles(axes)[0] == f"principal component 1 ({axes.shares[0]:.0%} of the variance)"
    assert "mean nothing" in mapped.titles(None)[0]


def test_without_training_cutouts_the_axes_are_those_of_the_new(said: Answers) -> None:
    many = replace(said, features=np.random.default_rng(1).normal(size=(9, 3)))
    own, _ = mapped.by_components(None, many)
    assert own.mean(axis=0) == pytest.approx([0, 0]) and len(own) == 9
    with pytest.raises(InputError, match="here are 2"):
        mapped.by_components(None, said)


def test_nothing_answered_is_left_out_and_another_model_is_refused(known: Reference, said: Answers) -> None:
    none = replace(said, features=np.empty((3, 0)))
    assert np.isnan(mapped.by_components(known, none)[0][20:]).all()
    assert mapped.features(None, None).shape == (0, 0)
    with pytest.raises(InputError, match="not of the same model"):
        mapped.features(known, replace(said, features=np.zeros((3, 7))))


def test_each_choice_colours_what_it_says(known: Reference, said: Answers) -> None:
    at, axes = mapped.by_components(known, said)
    texts = {}
    for wanted in (*mapped.CHOICES, mapped.FOLD):
        old = mapped.training_layer(known, at[:20], NAMES, wanted)
        new = mapped.new_layer(said, at[20:], ("a", "b", "c"), ("FRII", "", ""), wanted, (1, None, 0))
        figure = mapped.draw([old, new], axes, NAMES, wanted)
        texts[wanted] = [trace.name for trace in figure.data if trace.customdata[0] >= 0]
        assert sum(len(trace.x) for trace in figure.data) == 22
    assert texts["Label"] == ["FRII (1)", "not labelled (1)"]
    assert texts["Answer"] == ["FRI (1)", "no label (1)"]  # outside of what the checkpoint is for: withheld
    assert texts["Validity"] == ["ok (1)", "outside (1)"] and texts["Survey"] == ["FIRST (1)", "VLASS (1)"]
    assert texts["Fold"] == ["fold 1 (1)", "not known (1)"]
    assert texts["S/N"] == texts["Percentile"] == ["cutouts"]
    assert new.texts[0] == "a, labelled FRII, answer: FRI" and new.texts[1] == "b, answer: no label"
