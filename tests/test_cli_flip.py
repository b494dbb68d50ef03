"""``--flip``: when the label flips, as text, JSON, CSV and in a table; the same for the same seed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from cli_call import Run
from PIL import Image
from tiny_checkpoint import SPEC, save

from vlass_explorer import checkpoints, cutouts, export, flips, predict
from vlass_explorer.datasets import simulated
from vlass_explorer.export import tables
from vlass_explorer.figures.flips import curve_figure


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shelf")
    save(root / "tiny", input_spec=SPEC)
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A cutout that supports everything, and a clipped picture."""
    root = tmp_path_factory.mktemp("sky")
    simulated.write_fits(root / "a.fits", "Double Lobes", 0, 1)
    image = np.zeros((120, 120), np.uint8)
    image[55:65, 50:70] = 255
    Image.fromarray(image).save(root / "b.png")
    return [root / "a.fits", root / "b.png"]


def test_json_csv_and_text_tell_the_same(run: Run, files: list[Path]) -> None:
    code, told, _ = run("predict", *files, "--checkpoint", "tiny", "--flip", "--json", "--seed", "3")
    sky, picture = (json.loads(line)["flips"] for line in told.splitlines())
    card = checkpoints.find("tiny")
    expected = flips.measure(checkpoints.load(card), card, cutouts.read(files[0]), seed=3)
    assert code == 0 and sky == json.loads(json.dumps(expected.record()))
    assert set(sky["curves"]) == set(flips.KINDS) and sky["seed"] == 3 and sky["off"] == {}
    assert sky["curves"]["noise"]["unit"] == "Jy/beam" and len(sky["curves"]["noise"]["mean_scores"]["FRI"]) == 11
    assert set(picture["off"]) == {"noise", "smoothing"} and picture["curves"]["shift"]["unit"] == "pixels"
    _, told, _ = run("predict", files[0], "--checkpoint", "tiny", "--flip", "--csv", "--seed", "3")
    (row,) = csv.DictReader(io.StringIO(told))
    assert row["flips"].split(" | ") == list(expected.sentences)
    assert all("σ" not in sentence or sentence for sentence in expected.sentences)


def test_a_row_of_a_table(run: Run, files: list[Path], tmp_path: Path) -> None:
    code, _, _ = run("predict", *files, "--checkpoint", "tiny", "--flip", "--out", tmp_path / "t.csv")
    sky, picture = tables.read_rows(tmp_path / "t.csv")
    card = checkpoints.find("tiny")
    found = flips.measure(checkpoints.load(card), card, cutouts.read(files[0]))
    assert code == 0 and len(sky.flip_notes) == 4 and any("Off: " in note for note in picture.flip_notes)
    noise, beam = found.curves["noise"], found.curves["smoothing"]
    level = None if noise.flips is None else noise.levels[noise.flips]
    assert sky.flip_noise_times == level
    assert sky.flip_noise == (None if level is None else pytest.approx(level * cutouts.read(files[0]).noise.rms))
    assert sky.flip_beam_times == (None if beam.flips is None else beam.levels[beam.flips])
    assert picture.flip_shift is None  # pixels are no arcsec


def test_curves_are_drawn_and_exported_with_what_they_were_made_from(files: list[Path], shelf: Path) -> None:
    card = checkpoints.read(shelf / "tiny")
    model, cutout = checkpoints.load(card), cutouts.read(files[0])
    found = flips.measure(model, card, cutout, draws=2)
    (prediction,) = predict.predict(model, card, [cutout])
    record = json.loads(export.flips_json(found, cutout, card, prediction))
    assert record["cutout"]["sha256"] == cutout.sha256 and record["checkpoint"]["sha256"] == card.sha256
    assert record["flips"]["curves"]["shift"]["draws"] == 8 and record["prediction"]["label"] == found.label
    for curve in found.curves.values():
        figure = curve_figure(curve)
        lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
        np.testing.assert_allclose(lines[0].x, curve.levels)
        assert len(lines) == 4 and figure.layout.yaxis.title.text == "softmax score"
        lined = [shape for shape in figure.layout.shapes if shape.type == "line"]
        assert len(lined) == (curve.flips is not None)
