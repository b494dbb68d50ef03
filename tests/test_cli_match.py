"""``--match``: the answer at the beam of training beside the one as it is, as text, in tables and in exports."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits
from cli_call import Run
from tiny_checkpoint import save

from vlass_explorer import checkpoints, cutouts, match, predict, preprocess
from vlass_explorer.datasets import simulated
from vlass_explorer.export import tables
from vlass_explorer.schema import Cutout, InputSpec, MatchError, Prediction

SPEC = InputSpec(
    survey="FIRST",
    frequency_ghz=1.4,
    beam_arcsec=(5.4, 5.4),
    pixel_scale_arcsec=1.8,
    field_of_view=64.0,
    img_size=32,
)
REFUSAL = "The image cannot be smoothed to another beam: each plane has a beam of its own and this one's is not known."


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shelf")
    save(root / "first", input_spec=SPEC)
    return root


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that can be matched and one whose beam is not known."""
    root = tmp_path_factory.mktemp("sky")
    for name in ("a.fits", "beamless.fits"):
        simulated.write_fits(root / name, "Double Lobes", 0, 1)
    with fits.open(root / "beamless.fits", mode="update") as hdus:
        hdus[0].header["CASAMBM"] = True
    return root


def expected(path: Path) -> tuple[Cutout, Cutout, list[Prediction]]:
    card = checkpoints.find("first")
    native = cutouts.read(path)
    matched = match.to_training(native, card.input_spec)
    return native, matched, predict.predict(checkpoints.load(card), card, [native, matched])


@pytest.mark.parametrize("batch", [1, 3])
def test_both_answers_as_json(run: Run, sky: Path, batch: int) -> None:
    files = [sky / "a.fits", sky / "beamless.fits", sky / "a.fits"]
    code, out, _ = run("predict", *files, "--checkpoint", "first", "--match", "--json", "--batch-size", batch)
    first, second, third = map(json.loads, out.splitlines())
    native, matched, (here, there) = expected(files[0])
    assert code == 0
    assert (first["label"], first["matched"]["label"]) == (here.label, there.label)
    assert list(first["probabilities"].values()) == pytest.approx(here.probabilities.tolist(), abs=1e-6)
    assert list(first["matched"]["probabilities"].values()) == pytest.approx(there.probabilities.tolist(), abs=1e-6)
    assert first["matched"]["label_changes"] is (here.label != there.label)
    assert first["matched"]["beam_arcsec"] == [5.4, 5.4]
    assert first["matched"]["pixel_scale_arcsec"] == pytest.approx([1.8, 1.8], rel=1e-6)
    assert first["matched"]["rms"] == matched.noise.rms != native.noise.rms
    assert first["matched"]["notes"][:2] == list(matched.native.steps)
    # The same number of beams across: the field of view shrinks by the ratio of the beams, and nothing is smoothed.
    card = checkpoints.find("first")
    side = 64.0 * float(np.sqrt(native.beam.major * native.beam.minor)) / 5.4
    view = replace(card, input_spec=replace(card.input_spec, field_of_view=side))
    (beams,) = predict.predict(checkpoints.load(card), view, [native])
    told = first["matched"]["in_beams"]
    assert list(told["probabilities"].values()) == pytest.approx(beams.probabilities.tolist(), abs=1e-6)
    assert told["label"] == beams.label and told["agrees_with_matched"] is (beams.label == there.label)
    assert "has not been measured for first" in told["meaning"]
    assert second["matched"] == {"error": REFUSAL}
    # In other company a score differs in its last digits.
    first, third = (
        json.loads(json.dumps(each), parse_float=lambda text: round(float(text), 5)) for each in (first, third)
    )
    assert third == first | {"file": third["file"]}


def test_both_answers_as_text_and_csv(run: Run, sky: Path) -> None:
    files = [sky / "a.fits", sky / "beamless.fits"]
    _, _, (here, there) = expected(files[0])
    code, told, _ = run("predict", *files, "--checkpoint", "first", "--match")
    lines = told.splitlines()
    same = "the same label" if here.label == there.label else "another label"
    assert code == 0 and len(lines) == 5
    assert lines[2].startswith(f"{files[0]}  at the same scale in beams: ")
    assert lines[1].startswith(
        f"{files[0]}  matched, {same}: {there.label}  softmax score {max(there.probabilities):.3f}"
    )
    assert lines[4].startswith(f"{files[1]}  not matched: The image cannot be smoothed")
    code, told, _ = run("predict", *files, "--checkpoint", "first", "--match", "--csv")
    one, other = csv.DictReader(io.StringIO(told))
    assert (one["matched label"], one["not matched"], other["matched label"]) == (there.label, "", "")
    assert float(one["matched score"]) == pytest.approx(max(there.probabilities), abs=1e-6)
    assert other["not matched"] == REFUSAL


def test_columns_of_the_table(run: Run, sky: Path, tmp_path: Path) -> None:
    files = [sky / "a.fits", sky / "beamless.fits"]
    native, matched, (here, there) = expected(files[0])
    out = tmp_path / "t.fits"
    assert run("predict", *files, "--checkpoint", "first", "--match", "--out", out)[0] == 0
    good, bad = tables.read_rows(out)
    assert (good.cutout_sha256, good.label, good.rms) == (native.sha256, here.label, pytest.approx(native.noise.rms))
    assert (good.matched_label, good.label_changes) == (there.label, "no" if here.label == there.label else "yes")
    assert good.matched_score == pytest.approx(max(there.probabilities))
    assert (good.matched_beam_major, good.matched_beam_minor, good.matched_beam_pa) == (5.4, 5.4, 0.0)
    assert good.matched_pixel_scale == pytest.approx(1.8) and good.matched_rms == pytest.approx(matched.noise.rms)
    assert good.views_agree == ("yes" if good.in_beams_label == there.label else "no")
    assert 0.25 < good.in_beams_score <= 1.0 and "not been measured" in good.views_agree_meaning
    assert good.matched_validity == there.validity.level and good.not_matched is None
    assert (bad.matched_label, bad.label_changes, bad.error) == (None, None, None)
    assert bad.not_matched == REFUSAL
    assert run("predict", files[0], "--checkpoint", "first", "--out", out, "--overwrite")[0] == 0
    (alone,) = tables.read_rows(out)
    assert (alone.matched_label, alone.label_changes, alone.not_matched) == (None, None, None)


def test_a_model_that_refuses_the_matched_cutout(shelf: Path, sky: Path) -> None:
    card = checkpoints.read(shelf / "first")
    native = cutouts.read(sky / "a.fits")
    spec = replace(card.input_spec, field_of_view=5.0)  # five native pixels, three matched ones
    model = checkpoints.load(card)
    ((_, outcome, matched),) = predict.predict_both(model, replace(card, input_spec=spec), [native])
    assert isinstance(outcome, Prediction) and matched.cutout is not None
    assert "field of view" in str(matched.outcome) and matched.changes(outcome) is None
    assert not isinstance(matched.outcome, MatchError)


def test_an_explanation_of_the_matched_cutout(run: Run, sky: Path, tmp_path: Path) -> None:
    files = [sky / "a.fits", sky / "beamless.fits"]
    native, matched, _ = expected(files[0])
    call = ("explain", *files, "--checkpoint", "first", "--method", "input_x_gradient", "--out", tmp_path, "--match")
    code, told, err = run(*call)
    assert code == 2 and "beamless.fits: The image cannot be smoothed to another beam" in err
    record = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert record["cutout"]["sha256"] == native.sha256 == record["cutout"]["native"]["sha256"]
    assert record["cutout"]["native"]["steps"] == list(matched.native.steps)
    assert record["cutout"]["native"]["beam"]["major"] == native.beam.major
    assert record["cutout"]["beam"]["major"] == 5.4 and record["cutout"]["shape"] == list(matched.shape)
    header = fits.getheader(next(tmp_path.glob("*.fits")))
    assert header["SRCHASH"] == native.sha256
    assert "Smoothed from a beam of" in str(header["HISTORY"])


def test_the_map_is_that_of_the_matched_input(run: Run, sky: Path, tmp_path: Path) -> None:
    from vlass_explorer import explainers

    _, matched, (_, there) = expected(sky / "a.fits")
    run(
        "explain", sky / "a.fits", "--checkpoint", "first", "--method", "input_x_gradient", "--out", tmp_path, "--match"
    )
    card = checkpoints.find("first")
    x = preprocess.to_tensor(matched, card.input_spec)
    target = card.label_names.index(there.label)
    maps = explainers.EXPLAINERS["input_x_gradient"].explain(checkpoints.load(card), x, target).maps
    torch.testing.assert_close(
        torch.tensor(fits.getdata(next(tmp_path.glob("*.fits"))).astype("f4")), torch.tensor(maps[0])
    )
