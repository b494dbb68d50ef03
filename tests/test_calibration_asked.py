"""Who may be asked: cutouts that a checkpoint has seen are refused or left out, folds answer for each other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_set
import torch

from train.__main__ import main
from vlass_explorer import calibration, checkpoints
from vlass_explorer.evaluation import Part, evaluate, parts
from vlass_explorer.schema import (
    Checkpoint,
    CheckpointError,
    DatasetError,
    InputError,
    InputSpec,
    Provenance,
    Reports,
    Seen,
)

SPEC = InputSpec(img_size=16, field_of_view_pixels=24)
KEPT = "the last epoch was kept; 8 validation cutouts of fold 0 were watched"


def make(root: Path, name: str, seed: int, seen: Seen) -> Checkpoint:
    torch.manual_seed(seed)
    return checkpoints.save(
        root / name,
        checkpoints.create("vlass_vision_cnn", 2, {"img_size": 16}),
        architecture="vlass_vision_cnn",
        model_args={"img_size": 16},
        label_names=("long", "round"),
        input_spec=SPEC,
        reports=Reports(),
        provenance=Provenance(dataset="class_folders", data="data", split="random", fold=0, selected_on=KEPT),
        seen=seen,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    return tiny_set.make(tmp_path / "data")


def part_of(card: Checkpoint, folder: Path, name: str = "all") -> Part:
    return parts.select(card, parts.config_of(card, data_dir=str(folder)), name)


@pytest.fixture
def card(folder: Path, tmp_path: Path) -> Checkpoint:
    """It has trained on the training part of fold 0 and was selected on nothing."""
    plain = make(tmp_path / "shelf", "plain", 1, Seen())
    train = part_of(plain, folder, "train").images(plain).cutouts
    return make(tmp_path / "shelf", "tiny", 1, Seen(train=train))


def test_cutouts_that_it_has_seen_are_refused_by_number(card: Checkpoint, folder: Path) -> None:
    with pytest.raises(InputError, match="tiny has trained on 32 of these 40 cutouts and was selected on 0"):
        calibration.held_out(card, part_of(card, folder))
    found, cutouts = calibration.held_out(card, part_of(card, folder), leave_out=True)
    assert len(found.labels) == len(cutouts) == 8 and "32 cutouts that it has seen are left out." in found.notes
    assert found.notes[1].startswith("8 cutouts have no position: whether their sources were trained on")
    with pytest.raises(DatasetError, match="nothing is left to calibrate on"):
        calibration.held_out(card, part_of(card, folder, "train"), leave_out=True)


def test_answers_are_those_of_the_evaluation(card: Checkpoint, folder: Path) -> None:
    part = part_of(card, folder, "validation")
    found, _ = calibration.held_out(card, part)
    known = evaluate(checkpoints.load(card), card, part)
    assert np.array_equal(found.scores, known.probabilities) and np.array_equal(found.labels, known.labels)
    assert found.conditions["An array: it does not say what sky, unit and scale it shows."] == 1.0


def test_folds_answer_for_each_other(card: Checkpoint, folder: Path, tmp_path: Path) -> None:
    config = parts.config_of(card, data_dir=str(folder))
    others, held = [], []
    for fold in range(5):
        one = parts.select(card, replace(config, fold=fold), "train")
        held.append(parts.select(card, replace(config, fold=fold), "validation"))
        others.append(make(tmp_path / "folds", f"fold-{fold}", fold, Seen(train=one.images(card).cutouts)))
    found, cutouts = calibration.out_of_fold(card, others, part_of(card, folder))
    assert len(found.labels) == 40 and len(set(cutouts.content.tolist())) == 40
    for fold, (other, part) in enumerate(zip(others, held, strict=True)):
        known = evaluate(checkpoints.load(other), other, part)
        own = found.groups == fold
        assert np.array_equal(found.scores[own], known.probabilities)
    assert found.how.startswith("out of fold: each scored by that one of 5 models")


def test_models_of_another_recipe_or_chosen_on_their_fold_do_not_answer(card: Checkpoint, folder: Path) -> None:
    part = part_of(card, folder)
    with pytest.raises(InputError, match="is no tiny of another fold"):
        calibration.out_of_fold(card, [replace(card, architecture="d4_resnet")], part)
    with pytest.raises(InputError, match="is no tiny of another fold: recipe"):
        calibration.out_of_fold(card, [replace(card, provenance=replace(card.provenance, recipe="other"))], part)
    # Each fold measures the mean and deviation of its own training part: another mean is no other recipe.
    other = replace(card, input_spec=replace(card.input_spec, mean=(0.5,)))
    with pytest.raises(DatasetError, match="has trained on every cutout"):
        calibration.out_of_fold(card, [other], part_of(card, folder, "train"))
    chosen = replace(card.provenance, selected_on="the epoch with the best macro F1 on 8 validation cutouts of fold 0")
    with pytest.raises(InputError, match="kept an epoch that was chosen on its fold"):
        calibration.out_of_fold(card, [replace(card, provenance=chosen)], part)


def test_the_command_keeps_what_it_fits(
    card: Checkpoint, folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ["calibrate", "plain", "--data-dir", str(folder), "--device", "cpu"]
    assert main([*asked, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "plain on 40 cutouts of data: long 20, round 20" in told and "temperature" in told
    assert calibration.read(checkpoints.find("plain")) == ()
    assert main([*asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (kept,) = calibration.read(checkpoints.find("plain"))
    assert kept.temperature.temperature == said["temperature"]["temperature"] and kept.count == 40
    found = checkpoints.find("plain")
    assert found.provenance.calibrated_on == "40 cutouts of data" and found.provenance.seen.calibrated == 40
    assert main([*asked, "--coverage", "0.8"]) == 0  # again: those calibrated on may be, and it takes its place
    assert [one.sets.coverage for one in calibration.read(checkpoints.find("plain"))] == [0.8]
    packed = checkpoints.unpack(checkpoints.pack(checkpoints.find("plain")), "copy")
    assert calibration.read(packed) == calibration.read(checkpoints.find("plain"))
    capsys.readouterr()
    assert main(["calibrate", "tiny", "--data-dir", str(folder), "--device", "cpu"]) == 2
    assert capsys.readouterr().err.startswith("train: tiny has trained on 32 of these 40 cutouts")


def test_another_set_leaves_the_calibration_that_is_there(card: Checkpoint, folder: Path, tmp_path: Path) -> None:
    other = tiny_set.make(tmp_path / "other", seed=5)
    for data in (folder, other, other):
        assert main(["calibrate", "plain", "--data-dir", str(data), "--device", "cpu"]) == 0
    assert [one.data for one in calibration.read(checkpoints.find("plain"))] == ["data", "other"]


def test_what_allows_no_calibration_is_one_sentence(
    card: Checkpoint, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(name: str, data: Path, *words: str) -> str:
        assert main(["calibrate", name, "--data-dir", str(data), "--device", "cpu", *words]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.startswith("train: ")
        return said

    few = tiny_set.make(tmp_path / "one", count=1)
    assert "long has fewer than 5 labelled cutouts" in told("plain", few)
    alone = tiny_set.make(tmp_path / "alone", count=40)
    shutil.rmtree(alone / "round")
    assert "Nothing can be calibrated on one class only" in told("plain", alone)
    assert "dataset.yaml beside them may declare: beam_arcsec" in told("plain", folder, "--match")
    for file in few.glob("*/*.npy"):
        file.write_bytes(b"nothing")
    assert "1 files cannot be read: long/000.npy" in told("plain", few)


def test_a_calibration_of_other_weights_or_a_damaged_one_is_one_sentence(card: Checkpoint, folder: Path) -> None:
    plain = checkpoints.find("plain")
    answers, _ = calibration.held_out(plain, part_of(plain, folder))
    table = calibration.calibrate(answers).table()
    kept = checkpoints.keep_calibrations(plain, [table])
    assert len(calibration.read(kept)) == 1
    with pytest.raises(CheckpointError, match="fitted to other weights"):
        calibration.read(replace(kept, sha256="0" * 64))
    for broken in ("{", "[]", json.dumps({"weights": kept.sha256, "calibrations": [{"view": "as it is"}]})):
        (kept.path / checkpoints.CALIBRATION).write_text(broken, encoding="utf-8")
        with pytest.raises(CheckpointError, match="cannot be read"):
            calibration.read(kept)
    checkpoints.keep_calibrations(plain, [table | {"label_names": ["a", "b"]}])
    with pytest.raises(CheckpointError, match="of other classes"):
        calibration.read(kept)


def test_pictures_of_a_declared_stretch_are_matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log-scaled pictures of simulated sources, whose stretch, beam and pixel size dataset.yaml declares."""
    from PIL import Image

    from vlass_explorer import cutouts

    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    y, x = np.mgrid[:96, :96]
    for label, wide in (("long", 9.0), ("round", 2.2)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for i in range(5):
            sky = np.exp(-0.5 * (((x - 48) / wide) ** 2 + ((y - 48 - i) / 2.2) ** 2))
            picture = np.log1p(99 * sky) / np.log(100)
            Image.fromarray(np.round(255 * picture).astype(np.uint8)).save(tmp_path / "set" / label / f"{i}.png")
    said = "survey: VLASS\nbeam_arcsec: [5.0, 5.0]\npixel_scale_arcsec: 1.0\nstretch: log:100\n"
    (tmp_path / "set" / "dataset.yaml").write_text(said, encoding="utf-8")
    spec = replace(SPEC, survey="FIRST", beam_arcsec=(8.0, 8.0), pixel_scale_arcsec=2.0, field_of_view=60.0)
    card = replace(make(tmp_path / "shelf", "first", 1, Seen()), input_spec=spec)
    part = part_of(card, tmp_path / "set")
    one = part.data_set.items[0].read()
    assert one.beam is not None and one.beam.major == 5.0 and one.origin.survey == "VLASS"
    assert np.array_equal(
        one.pixels, cutouts.read(tmp_path / "set" / "long" / "0.png", stretch="log:100", pixel_scale=1.0).pixels
    )
    found, _ = calibration.held_out(card, part, view="matched")
    assert (found.view, found.survey, len(found.labels)) == ("matched", "VLASS", 10)
    assert any("VLASS at FIRST's beam" in reason for reason in found.conditions)
    (tmp_path / "set" / "dataset.yaml").write_text("stretch: cubic\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="'cubic' is no stretch"):
        part_of(card, tmp_path / "set")
