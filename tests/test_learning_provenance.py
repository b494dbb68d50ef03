"""What runs, averages and the back-filled cards of old checkpoints say of the cutouts that they have seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny_set

from train.__main__ import main
from vlass_explorer import checkpoints
from vlass_explorer.datasets import DataSet
from vlass_explorer.learning.provenance import outside
from vlass_explorer.schema import Ancestor, Checkpoint, Overlap, RunConfig

pytestmark = pytest.mark.timeout(300)


def trained(place: Path, *given: str, **changes: object) -> Checkpoint:
    before = {card.name for card in checkpoints.listing()}
    assert main(["fit", *tiny_set.words(place / "data", epochs=1, **changes), *given]) == 0
    (made,) = [card for card in checkpoints.listing() if card.name not in before]
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Checkpoints of fold 0 and of fold 1, and one of fold 1 that starts from the first and learns from the second."""
    with tiny_set.place(tmp_path_factory.mktemp("provenance")) as folder:
        trained(folder, name="zero")
        trained(folder, name="again", seed=3)
        trained(folder, name="one", fold=1)
        trained(folder, name="tuned", fold=1, weights="zero", teacher="one", distill_weight=0.5)
        yield folder


def words(place: Path, name: str, **where: object) -> list[str]:
    return [
        "test",
        name,
        "--data-dir",
        str(place / "data"),
        "--device",
        "cpu",
        *[word for key, value in where.items() for word in (f"--{key}", str(value))],
    ]


def test_a_run_lists_what_it_trained_and_validated_on(place: Path) -> None:
    card = checkpoints.find("zero")
    seen = checkpoints.seen(card)
    assert (len(seen.train), len(seen.selected), len(seen.calibrated), seen.unlisted) == (32, 8, 0, ())
    assert not set(seen.train.content) & set(seen.selected.content) and "" not in seen.train.content
    found = card.reports.validation.seen
    assert (found.trained, found.selected, found.count, found.placed) == (0, 8, 8, 0) and len(found.part) == 16
    known = card.provenance
    assert known.selected_on == "the last epoch was kept; 8 validation cutouts of fold 0 were watched"
    assert known.calibrated_on == "nothing" and known.teachers is None and known.seen.train == 32


def test_starting_weights_and_teachers_are_ancestors(place: Path) -> None:
    zero, one, tuned = (checkpoints.find(name) for name in ("zero", "one", "tuned"))
    seen = checkpoints.seen(tuned)
    everything = set(checkpoints.seen(zero).train.content) | set(checkpoints.seen(one).train.content)
    assert set(seen.train.content) == everything and len(everything) == 40
    assert tuned.provenance.started_from == "zero" and tuned.provenance.teachers == (Ancestor("one", one.sha256),)
    # The first was trained on what this run holds out.
    assert "trained on cutouts of this validation fold" in tuned.provenance.saw_validation
    assert tuned.reports.validation.seen.status == "trained" and tuned.reports.validation.seen.trained == 8
    assert "| validation | 8 |" in (tuned.path / "README.md").read_text()
    assert "trained on 8 of 8" in (tuned.path / "README.md").read_text()


def test_evaluation_on_training_cutouts_says_so_everywhere(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "32 of 32 cutouts were trained on: this is no test."
    files = [tmp_path / "t.csv", tmp_path / "t.tex"]
    assert main([*words(place, "zero", part="train", csv=files[0], latex=files[1]), "--keep", "by heart"]) == 0
    assert sentence in capsys.readouterr().out.splitlines()
    frame = pd.read_csv(files[0])
    assert frame["seen before"].tolist() == ["trained on 32 of 32"] * 3
    assert frame["class"].tolist() == ["long", "round", "all"] and frame["cutouts"].tolist() == [16, 16, 32]
    assert sentence in files[1].read_text() and "trained on 32 of 32" in files[1].read_text()
    assert main([*words(place, "zero", part="train"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seen"]["trained"] == 32
    card = checkpoints.find("zero")
    assert card.reports.evaluations["by heart"].seen.trained == 32
    assert "| by heart | 32 |" in (card.path / "README.md").read_text()
    assert main([*words(place, "zero", fold=1), "--csv", str(tmp_path / "no" / "t.csv")]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "cannot be written" in said.err


def test_a_copy_elsewhere_is_told_by_content(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (place / "data").rglob("*.npy"):
        target = tmp_path / "copy" / file.parent.name / f"renamed-{file.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, np.load(file)[::-1].astype(np.float64))
    test = ["test", "zero", "--data-dir", str(tmp_path / "copy"), "--device", "cpu", "--part", "all", "--json"]
    assert main(test) == 0
    found = json.loads(capsys.readouterr().out)["seen"]
    assert (found["count"], found["trained"], found["selected"]) == (40, 32, 8)


def old(card: Checkpoint, name: str, **changes: object) -> Checkpoint:
    """The checkpoint as it was before cards listed what they have seen."""
    copy = checkpoints.unpack(checkpoints.pack(card), name)
    (copy.path / "seen.csv").unlink()
    known = replace(copy.provenance, seen=None, selected_on=None, calibrated_on=None, **changes)
    config = json.loads((copy.path / "config.json").read_text())
    config["vlass_explorer"]["provenance"] = known.table()
    config["vlass_explorer"]["metrics"]["validation"].pop("seen")
    (copy.path / "config.json").write_text(json.dumps(config))
    return checkpoints.find(name)


def test_an_old_card_says_unknown_until_it_is_filled(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = old(checkpoints.find("zero"), "old")
    weights = (card.path / "model.safetensors").read_bytes()
    assert main(words(place, "old")) == 0
    assert "Whether it has seen 8 of 8 cutouts is unknown: its card does not list" in capsys.readouterr().out
    assert main(["provenance", "old", "--data-dir", str(place / "data")]) == 0
    assert "32 cutouts trained on, 8 validated on, 0 calibrated on" in capsys.readouterr().out
    filled, fresh = checkpoints.find("old"), checkpoints.find("zero")
    assert filled.provenance.seen == fresh.provenance.seen
    assert (filled.path / "seen.csv").read_bytes() == (fresh.path / "seen.csv").read_bytes()
    assert filled.reports.validation.seen == fresh.reports.validation.seen
    assert (filled.path / "model.safetensors").read_bytes() == weights
    assert "| Trained on | 32 |" in (filled.path / "README.md").read_text()


def test_ancestors_of_an_old_card(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuned = checkpoints.find("tuned")
    gone = old(tuned, "gone", started_from_sha256="0" * 64)
    fill = ["--data-dir", str(place / "data")]
    assert main(["provenance", "gone", *fill]) == 0
    assert "not listed is what these saw: starting weights zero" in capsys.readouterr().out
    found = checkpoints.seen(gone := checkpoints.find("gone"))
    assert found.unlisted == ("starting weights zero",) and len(found.train) == 32  # the teacher's among them
    assert main(["provenance", "gone", *fill, "--nothing-else"]) == 0
    gone = checkpoints.find("gone")
    assert gone.provenance.seen == replace(gone.provenance.seen, unlisted=(), stated=("starting weights zero",))
    assert "stated, not checked" in (gone.path / "README.md").read_text()
    whole = old(tuned, "whole")
    assert main(["provenance", "whole", *fill]) == 0
    assert checkpoints.find(whole.name).provenance.seen == tuned.provenance.seen


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train_count": 31}, "has 32 training and 8 validation cutouts in fold 0"),
        ({"validation_count": None}, "does not say how many cutouts"),
        ({"class_fractions": {"long": 0.25, "round": 0.75}}, "are long, the card of wrong-2 says 25.0%"),
    ],
)
def test_another_data_set_is_refused(
    place: Path, changes: dict[str, object], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"wrong-{[31, None].index(changes.get('train_count')) if 'class_fractions' not in changes else 2}"
    card = old(checkpoints.find("zero"), name, **changes)
    assert main(["provenance", name, "--data-dir", str(place / "data")]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert checkpoints.find(name) == card and not (card.path / "seen.csv").exists()


def test_an_average_inherits_what_its_parents_saw(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = checkpoints.unpack(checkpoints.pack(checkpoints.find("again")), "again-more")
    more = checkpoints.merged([checkpoints.seen(again), checkpoints.seen(checkpoints.find("one"))])
    checkpoints.update(again, seen=more)  # as if it had started from weights of the other fold
    average = ["average", "zero", "again-more", "--data-dir", str(place / "data"), "--device", "cpu"]
    assert main([*average, "--name", "both"]) == 0
    assert "8 of 8 cutouts were trained on: this is no test" in capsys.readouterr().out
    both = checkpoints.find("both")
    seen = checkpoints.seen(both)
    assert (len(seen.train), len(seen.selected)) == (40, 16) and both.provenance.parents[1].name == "again-more"
    assert both.reports.validation.seen == Overlap(8, trained=8, part=both.reports.validation.seen.part)
    # The list of an old average follows from its parents.
    card = old(both, "old-average")
    assert main(["provenance", card.name]) == 0
    assert len(checkpoints.seen(checkpoints.find(card.name)).train) == 40


def test_a_greedy_soup_never_chooses_itself_on_training_data(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soup = ["average", "zero", "again", "--greedy", "--data-dir", str(place / "data"), "--device", "cpu"]
    assert main([*soup, "--name", "leak", "--fold", "1"]) == 2
    said = capsys.readouterr().err
    assert "zero was trained on 8 of the 8 validation cutouts of fold 1" in said and said.count("\n") == 1
    assert main([*soup, "--name", "soup"]) == 0
    assert "8 of 8 cutouts validated it while it was made" in capsys.readouterr().out
    made = checkpoints.find("soup")
    assert made.provenance.selected_on == "parents by macro F1 on 8 validation cutouts of fold 0"
    assert made.reports.validation.seen.selected == 8 and made.provenance.seen.selected == 8

    mystery = old(checkpoints.find("zero"), "mystery", fold=3)
    assert main(["average", mystery.name, "again", "--greedy", "--fold", "0", "--name", "x", *soup[4:]]) == 2
    assert "Nobody knows whether mystery was trained on the validation cutouts of fold 0" in capsys.readouterr().err


def test_weights_from_elsewhere_are_not_listed(place: Path, tmp_path: Path) -> None:
    radio = DataSet("set", (), ("a", "b"))
    optical = replace(radio, colour=True)
    file = tmp_path / "w.safetensors"
    file.write_bytes((checkpoints.find("zero").path / "model.safetensors").read_bytes())
    found = {
        (weights, data_set.colour): [seen.unlisted[0] for seen in outside(RunConfig(weights=weights), data_set)]
        for weights in ("none", "imagenet", str(file))
        for data_set in (radio, optical)
    }
    listed = {
        ("none", False): [],
        ("none", True): [],
        ("imagenet", False): [],
        ("imagenet", True): ["ImageNet weights"],
    }
    assert found == listed | {(str(file), colour): ["weights file w.safetensors"] for colour in (False, True)}


def test_a_broken_list_stops_a_run_before_it_begins(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = checkpoints.unpack(checkpoints.pack(checkpoints.find("zero")), "broken")
    (card.path / "seen.csv").write_text("x")
    assert main(["fit", *tiny_set.words(place / "data", name="never", weights="broken")]) == 2
    assert "seen.csv of checkpoint broken is not the one of its card" in capsys.readouterr().err
