"""Provenance and reports of a card: typed where they are as expected, and written as they were read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vlass_explorer.schema import Ancestor, Cutouts, Overlap, Provenance, Reports, SeenList

SHELF = Path(__file__).resolve().parents[1] / "checkpoints"
OWN = {
    "data": "FIRST",
    "fold": 0,
    "simulated": False,
    "class_fractions": {"FRI": 0.25, "FRII": 0.75},
    "versions": {"torch": "2.15.0"},
    "parents": [{"name": "a", "sha256": "12"}],
    "seen": {"sha256": "ab", "train": 5, "selected": 2, "calibrated": 0, "unlisted": ["teacher x"]},
}
FOREIGN = {
    "fold": "two",
    "seed": True,
    "simulated": "no",
    "class_fractions": {"FRI": "?"},
    "parents": [1],
    "epochs": None,
    "seen": {"train": 3},
    "licence": "free",
    "note": {"by": ["hand"]},
}


@pytest.mark.parametrize("path", sorted(SHELF.glob("*/config.json")), ids=lambda path: path.parent.name)
def test_shipped_cards_are_written_as_they_were_read(path: Path) -> None:
    table = json.loads(path.read_text())["vlass_explorer"]["provenance"]
    found = Provenance.of(table)
    assert json.dumps(found.table()) == json.dumps(table) and not found.other and found.seen is not None


def test_what_is_as_expected_is_typed() -> None:
    found = Provenance.of(OWN)
    assert (found.data, found.fold, found.simulated, found.split) == ("FIRST", 0, False, None)
    assert found.parents == (Ancestor("a", "12"),)
    assert found.seen == SeenList("ab", train=5, selected=2, unlisted=("teacher x",))
    assert json.loads(json.dumps(found.table())) == OWN
    assert Provenance.of(found.table()) == found


def test_foreign_values_are_kept_and_never_taken_for_known() -> None:
    found = Provenance.of(FOREIGN)
    assert found == Provenance(other=FOREIGN) and found.table() == FOREIGN
    assert found.licence == "free" and Provenance(data_licence="MIT", other=FOREIGN).licence == "MIT"
    assert Provenance.of({}).table() == {}


def test_evaluations_of_a_card() -> None:
    table = {
        "macro_f1": 0.5,
        "sky": {"macro_f1": "high", "macro_f1_interval": [None, 1], "per_class": {"a": {"auroc": None}}},
        "floors": {"coin": 0.3, "odd": "?"},
        "note": "x",
        "test": {"macro_f1": 0.6, "count": 9, "macro_f1_interval": [0.5, 0.7], "seen": {"count": 9, "trained": 9}},
    }
    found = Reports(table)
    assert list(found.evaluations) == ["validation", "sky", "test"] and found.floors == {"coin": 0.3, "odd": None}
    assert found.validation is not None and (found.validation.macro_f1, found.validation.seen) == (0.5, None)
    sky, test = found.evaluations["sky"], found.evaluations["test"]
    assert (sky.macro_f1, sky.macro_f1_interval, sky.auroc) == (None, None, {"a": None})
    assert test.macro_f1_interval == (0.5, 0.7) and test.seen == Overlap(9, trained=9)
    assert Reports({}).validation is None


@pytest.mark.parametrize(
    ("overlap", "status", "sentence", "label"),
    [
        (
            Overlap(1405, trained=1405, placed=1405),
            "trained",
            "1,405 of 1,405 cutouts were trained on: this is no test.",
            "trained on 1,405 of 1,405",
        ),
        (
            Overlap(353, trained=1, selected=352, by_place=1, placed=353),
            "trained",
            "1 of 353 cutouts was trained on, 352 more validated it while it was made: this is no test. "
            "1 was told by place on the sky alone.",
            "trained on 1 of 353, validated on 352 of 353",
        ),
        (
            Overlap(353, selected=353, placed=353),
            "selected",
            "353 of 353 cutouts validated it while it was made, none was trained on: a validation, not a test.",
            "validated on 353 of 353",
        ),
        (
            Overlap(4, unknown=4, reason="its card lists none"),
            "unknown",
            "Whether it has seen 4 of 4 cutouts is unknown: its card lists none.",
            "unknown 4 of 4",
        ),
        (
            Overlap(4, placed=4),
            "unseen",
            "None of 4 cutouts was trained on or validated on.",
            "unseen 4",
        ),
        (
            Overlap(4),
            "unseen",
            "None of 4 cutouts was trained on or validated on, by content alone (no places on the sky to compare).",
            "unseen 4",
        ),
    ],
)
def test_overlaps_in_words(overlap: Overlap, status: str, sentence: str, label: str) -> None:
    assert (overlap.status, overlap.sentence, overlap.label) == (status, sentence, label)
    assert Overlap.of(overlap.__dict__) == overlap


def test_impossible_values_are_bugs() -> None:
    with pytest.raises(ValueError, match="once"):
        Overlap(3, trained=2, selected=2)
    with pytest.raises(ValueError, match="one place"):
        Cutouts(np.array(["a"]), np.empty((0, 2)))
    assert [
        Overlap.of(table) for table in (None, {"count": 1, "x": 2}, {"count": "many"}, {"count": 1, "trained": 2})
    ] == [None] * 4
