"""How sure an answer is, on a small checkpoint: each line there, or off with its reason; the command line says it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_set
from test_calibration_asked import make, part_of

from vlass_explorer import calibration, checkpoints, cutouts, predict
from vlass_explorer.calibration import Calibrated, Sure, Unlike
from vlass_explorer.cli import main
from vlass_explorer.export import tables
from vlass_explorer.schema import Checkpoint, CheckpointError, Cutout, ExplorerError, InputError, Seen


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Checkpoint, Path]:
    """A checkpoint with calibration and reference, which has trained on the first 40 of 120 arrays."""
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    folder = tiny_set.make(tmp_path / "data", count=120)
    plain = make(tmp_path / "shelf", "plain", 1, Seen())
    part = part_of(plain, folder)
    trained = replace(part, indices=part.indices[:20] + part.indices[60:80]).images(plain).cutouts
    card = make(tmp_path / "shelf", "tiny", 1, Seen(train=trained))
    answers, _ = calibration.held_out(card, part, leave_out=True)
    checkpoints.keep_calibrations(card, [calibration.calibrate(answers).table()])
    checkpoints.keep_reference(card, calibration.to_tensors(calibration.reference(card, part)))
    return checkpoints.find("tiny"), folder


def asked(card: Checkpoint, cutout: Cutout, **other: object) -> Sure:
    model = checkpoints.load(card)
    (said,) = predict.predict(model, card, [cutout])
    given = {"calibrations": calibration.read(card), "reference": calibration.read_reference(card)} | other
    return calibration.sure(model, card, cutout, said, **given)  # type: ignore[arg-type]


def test_every_line_is_there(kept: tuple[Checkpoint, Path]) -> None:
    card, folder = kept
    cutout = cutouts.read(sorted(folder.glob("long/*.npy"))[-1])
    found = asked(card, cutout)
    (known,) = calibration.read(card)
    assert isinstance(found.calibrated, Calibrated) and isinstance(found.unlike, Unlike)
    assert found.calibrated.scores == pytest.approx(known.temperature.scores(found.prediction.logits))
    assert len(found.unlike.neighbours) == 5 and not found.is_matched
    model = checkpoints.load(card)
    for k in range(4):
        turned = replace(cutout, pixels=np.rot90(cutout.pixels, -k).copy())
        (said,) = predict.predict(model, card, [turned])
        assert not isinstance(found.turned, ExplorerError)
        assert np.abs(found.turned - said.probabilities).max(axis=1).min() < 1e-6
    heads = [line.partition(":")[0] for line in found.sentences]
    (kind,) = (one.words("S/N") for one in known.binned["S/N"] if one == found.calibrated.alike["S/N"])
    assert found.sentences[1].endswith(f" of {kind}.")  # as measured of cutouts like this one
    one = found.calibrated.alike["S/N"]
    assert found.record()["calibrated"]["measured"][kind] == {"hold": one.hits, "of": one.count}
    assert heads[:2] == ["Calibrated probability", "Prediction set"] and heads[3:] == [
        "Labels of the 5 nearest training cutouts",
        "Turned and mirrored",
    ]
    assert heads[2] in ("Like the training data", "Unlike the training data")


def test_what_is_missing_or_broken_is_said(kept: tuple[Checkpoint, Path]) -> None:
    card, folder = kept
    cutout = cutouts.read(sorted(folder.glob("long/*.npy"))[0])
    bare = asked(card, cutout, calibrations=(), reference=None)
    assert (
        bare.sentences[0]
        == "Calibrated probability: off. Not calibrated: nothing was fitted to this checkpoint's scores."
    )
    assert bare.sentences[2].startswith("Like the training data: off. Nothing was kept")
    broken = CheckpointError("calibration.json cannot be read.")
    found = asked(card, cutout, calibrations=broken, reference=broken)
    assert found.calibrated is broken and found.unlike is broken and not isinstance(found.turned, ExplorerError)


def test_an_invalid_input_is_off_in_all_lines(kept: tuple[Checkpoint, Path]) -> None:
    card, folder = kept
    cutout = cutouts.read(sorted(folder.glob("long/*.npy"))[0])
    said = replace(cutout, origin=replace(cutout.origin, product="rms"))
    found = asked(card, said)
    assert found.prediction.validity.level == "outside"
    for one in (found.calibrated, found.unlike, found.turned):
        assert isinstance(one, InputError) and "noise (rms) map" in str(one)


def test_the_training_beam_is_tried_where_the_cutout_as_it_is_is_not_known(kept: tuple[Checkpoint, Path]) -> None:
    card, folder = kept
    cutout = cutouts.read(sorted(folder.glob("long/*.npy"))[0])
    (native,) = calibration.read(card)
    there = replace(native, view="matched")
    (said,) = predict.predict(checkpoints.load(card), card, [cutout])
    found = asked(card, cutout, calibrations=(there,), matched=lambda: (cutout, said))
    assert isinstance(found.calibrated, Calibrated) and found.is_matched
    assert "at the training data's beam" in found.sentences[0]

    def refused() -> tuple[Cutout, object]:
        raise InputError("no beam")

    off = asked(card, cutout, calibrations=(there,), matched=refused)
    assert isinstance(off.calibrated, InputError) and "this one is seen as they are" in str(off.calibrated)


def test_the_command_line_says_it(kept: tuple[Checkpoint, Path], capsys: pytest.CaptureFixture[str]) -> None:
    card, folder = kept
    file = sorted(folder.glob("long/*.npy"))[-1]
    asking = ["predict", str(file), "--checkpoint", "tiny", "--device", "cpu", "--how-sure"]
    assert main([*asking, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["how_sure"]
    found = asked(card, cutouts.read(file))
    assert values == json.loads(json.dumps(found.record()))
    assert sum(values["calibrated"]["probabilities"].values()) == pytest.approx(1.0)
    assert main(asking) == 0
    assert all(sentence in capsys.readouterr().out for sentence in found.sentences[:1])
    assert main([*asking, "--csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(",how sure")


def test_a_table_has_it_as_columns(kept: tuple[Checkpoint, Path], tmp_path: Path) -> None:
    card, folder = kept
    file, table = sorted(folder.glob("long/*.npy"))[-1], tmp_path / "table.vot"
    asking = ["predict", str(file), "--checkpoint", "tiny", "--device", "cpu", "--out", str(table), "--overwrite"]
    assert main([*asking, "--how-sure"]) == 0
    (row,) = tables.read_rows(table)
    found = asked(card, cutouts.read(file))
    told = found.record()
    scores = told["calibrated"]["probabilities"]
    assert row.calibrated_label == max(scores, key=scores.get) and row.not_calibrated is None
    assert row.calibrated_score == pytest.approx(max(scores.values())) and row.calibrated_beam == "own"
    assert json.loads(row.prediction_set or "") == told["calibrated"]["set"] and row.set_coverage == pytest.approx(0.9)
    near = told["unlike"].get("neighbours")
    if near is None:
        assert row.not_compared and row.training_percentile is None
    else:
        assert json.loads(row.nearest_names or "") == [each["name"] for each in near]
        assert row.training_percentile == pytest.approx(told["unlike"]["percentiles"]["neighbours"])
    assert row.turned_same == told["turned"]["same_label"]
    assert row.turned_lowest == pytest.approx(told["turned"]["lowest"]) and (row.turned_highest or 0) <= 1
    assert main(asking) == 0
    (plain,) = tables.read_rows(table)
    assert plain.calibrated_label is None and plain.not_calibrated is None and plain.turned_same is None


def test_classes_without_a_labelled_cutout_are_named(kept: tuple[Checkpoint, Path]) -> None:
    card, folder = kept
    cutout = cutouts.read(sorted(folder.glob("long/*.npy"))[0])
    (native,) = calibration.read(card)
    label = asked(card, cutout).prediction.label
    counts = tuple(40 if name == label else 0 for name in native.label_names)
    found = asked(card, cutout, calibrations=(replace(native, counts=counts),))
    assert f", if it is {label}. Such numbers were off" in found.sentences[0]


def test_the_calibration_of_a_shipped_checkpoint_holds_for_pictures_of_its_kind(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A FIRST picture of which nothing is said but the scale."""
    file = sorted((data_dir / "first-radio-galaxies" / "Compact").iterdir())[0]
    assert (
        main(["predict", str(file), "--checkpoint", "first-cnn", "--how-sure", "--json", "--pixel-scale", "1.8"]) == 0
    )
    said = json.loads(capsys.readouterr().out)["how_sure"]["calibrated"]
    assert "error" not in said and said["calibrated_on"] == "1,758 cutouts of FIRST radio galaxies"
    assert sum(said["probabilities"].values()) == pytest.approx(1.0) and said["measured"]["all"]["of"] == 1758
    assert main(["predict", str(file), "--checkpoint", "first-cnn", "--how-sure", "--json"]) == 0
    assert "Declare it" in json.loads(capsys.readouterr().out)["how_sure"]["calibrated"]["error"]
