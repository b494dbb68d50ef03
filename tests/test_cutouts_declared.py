"""Declared pictures: each stretch undone to the brightness it was made from, beam, survey and scale, and bad words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, LogStretch, SqrtStretch
from cli_call import Run
from numpy.typing import NDArray
from PIL import Image

from vlass_explorer import cutouts, validity
from vlass_explorer.cutouts import declared
from vlass_explorer.schema import Beam, CutoutError, InputSpec

X = np.linspace(0.0, 1.0, 64 * 64).reshape(64, 64)
SHOWN: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "linear": lambda x: x,
    "sqrt": SqrtStretch(),
    "asinh:10": AsinhStretch(0.1),
    "log:100": LogStretch(99.0),
    "LOG:30": LogStretch(29.0),
}


def png(values: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values[::-1]).save(buffer, "PNG")
    return buffer.getvalue()


def npy(values: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize("text", SHOWN)
def test_the_brightness_that_a_stretch_was_made_from(text: str) -> None:
    shown = SHOWN[text](X)
    full = 255.0 if text == "linear" else 1.0
    eight = cutouts.read(png(np.round(255 * shown).astype(np.uint8)), stretch=text).pixels / full
    sixteen = cutouts.read(png(np.round(65535 * shown).astype(np.uint16)), stretch=text).pixels
    floats = cutouts.read(npy(shown), stretch=text).pixels
    slope = np.gradient(shown.ravel(), X.ravel()).reshape(X.shape)
    assert np.all(np.abs(eight - X) <= 0.51 / 255 / slope + 1e-3 * X)
    np.testing.assert_allclose(sixteen / (65535.0 if text == "linear" else 1.0), X, atol=5e-4)
    np.testing.assert_allclose(floats, X, atol=1e-6)


def test_the_formula_of_a_log_picture_and_its_zeros() -> None:
    v = np.arange(256, dtype=np.float32).reshape(16, 16)
    found = declared.linear(v, "log:100")
    np.testing.assert_allclose(found, (100 ** (v.astype(float) / 255) - 1) / 99, rtol=1e-6, atol=1e-9)
    assert found[0, 0] == 0.0
    signed = np.array([[-255.0, -51.0, np.nan, 0.0]], np.float32)
    np.testing.assert_allclose(declared.linear(signed, "sqrt"), [[-1.0, -0.04, np.nan, 0.0]], rtol=1e-6)


def test_what_was_declared_stands_on_the_cutout() -> None:
    content = png(np.round(255 * X).astype(np.uint8))
    plain = cutouts.read(content, "a.png", pixel_scale=1.534)
    found = cutouts.read(
        content, "a.png", pixel_scale=1.534, stretch="log:100", beam=declared.beam((2.5,)), survey="vlass"
    )
    assert (found.stretch, found.beam) == ("log:100", Beam(2.5, 2.5, source="declared"))
    assert (found.origin.survey, found.origin.frequency_ghz) == ("VLASS", 3.0)
    assert found.pixel_scale == plain.pixel_scale == (1.534, 1.534)
    assert found.notes[0] == (
        "Declared, not read from the file: stretch log:100, beam 2.5″, survey VLASS, pixels of 1.534″."
    )
    assert not any("unknown stretch" in note for note in found.notes)
    assert any("unknown stretch" in note for note in plain.notes) and plain.beam is None
    assert len({plain.sha256, found.sha256, cutouts.read(content, "a.png", stretch="log:30").sha256}) == 3


def test_validity_names_the_declaration() -> None:
    spec = InputSpec(survey="FIRST", frequency_ghz=1.4, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
    content = png(np.round(255 * X).astype(np.uint8))
    found = cutouts.read(content, pixel_scale=3.0, stretch="sqrt", beam=Beam(2.5, 2.5), survey="VLASS")
    reasons = validity.check(found, spec).reasons
    assert "The stretch (sqrt) is what was declared; the file does not tell it." in reasons
    assert "Trained on FIRST (1.4 GHz, 5.4″). This is VLASS (3 GHz, 2.5″): untested." in reasons
    assert "A picture: how its brightness was stretched is unknown." not in reasons
    undeclared = replace(found, stretch=None)
    assert "A picture: how its brightness was stretched is unknown." in validity.check(undeclared, spec).reasons


def test_a_clip_gives_a_picture_its_unit() -> None:
    content = png(np.round(255 * LogStretch(99.0)(X)).astype(np.uint8))
    found = cutouts.read(content, stretch="log:100", clip=(-0.5, 20.0), pixel_scale=1.0, beam=declared.beam((2.5,)))
    assert found.unit == "mJy/beam" and found.notes[0].startswith(
        "Declared, not read from the file: stretch log:100, clip at -0.5 and 20 mJy/beam, beam 2.5″"
    )
    assert float(found.pixels.min()) == pytest.approx(-0.5) and float(found.pixels.max()) == pytest.approx(20.0)
    shown = np.round(255 * LogStretch(99.0)(X)) / 255
    np.testing.assert_allclose(found.pixels, 20.5 * (100**shown - 1) / 99 - 0.5, atol=1e-5)
    plain = cutouts.read(png(np.round(255 * X).astype(np.uint8)), stretch="linear", clip=(0.0, 2.0))
    np.testing.assert_allclose(plain.pixels, 2.0 * np.round(255 * X) / 255, atol=1e-6)
    assert found.sha256 != cutouts.read(content, stretch="log:100", clip=(0.0, 20.0)).sha256
    with pytest.raises(CutoutError, match="A clip needs the stretch"):
        cutouts.read(content, clip=(0.0, 20.0))
    for values in ((1.0,), (2.0, 1.0), (0.0, float("inf"))):
        with pytest.raises(CutoutError, match="A clip is LOW,HIGH"):
            declared.limits(values)


def test_fits_holds_what_it_says(data_dir: Path) -> None:
    path = next((data_dir / "cutouts" / "vlass").glob("VLASS__3.1.ql*"))
    plain, said = cutouts.read(path), cutouts.read(path, stretch="log:100", beam=Beam(9.0, 9.0), survey="FIRST")
    assert (said.sha256, said.beam, said.origin, said.stretch) == (plain.sha256, plain.beam, plain.origin, None)


@pytest.mark.parametrize("text", ["", "log", "log:1", "log:-5", "log:nan", "log:1e9", "sqrt:2", "asinh:0", "gamma:2"])
def test_words_that_are_no_stretch(text: str) -> None:
    with pytest.raises(CutoutError, match="is no stretch: give linear, sqrt, asinh:A or log:R"):
        declared.stretch(text)


@pytest.mark.parametrize("axes", [(0.0,), (-2.5,), (2.0, 3.0), (3.0, 2.0, float("nan")), (3.0, 2.0, 1.0, 4.0), (9e9,)])
def test_numbers_that_are_no_beam(axes: tuple[float, ...]) -> None:
    with pytest.raises(CutoutError, match="the major axis first"):
        declared.beam(axes)


def test_pictures_whose_stretch_cannot_be_undone() -> None:
    colour = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    with pytest.raises(CutoutError, match="colour picture cannot be undone"):
        cutouts.read(png(colour), stretch="sqrt")
    with pytest.raises(CutoutError, match="declare it as linear"):
        cutouts.read(npy(1e6 * X), stretch="sqrt")


def test_a_declared_picture_on_the_command_line(run: Run, tmp_path: Path) -> None:
    y, x = np.indices((120, 120)) - 60
    image = np.exp(-(y**2 + (x - 6) ** 2) / 8.0) + 0.5 * np.exp(-(y**2 + (x + 6) ** 2) / 8.0)
    path = tmp_path / "double.png"
    path.write_bytes(png(np.round(255 * LogStretch(99.0)(np.clip(image, 0, 1))).astype(np.uint8)))
    said = ("--stretch", "log:100", "--beam", "2.5", "--survey", "VLASS", "--pixel-scale", "1.534")
    code, told, _ = run("predict", path, "--checkpoint", "tiny", "--json", "--match", *said)
    found = json.loads(told)
    assert code == 0
    assert found["matched"]["beam_arcsec"] == [5.4, 5.4] and found["matched"]["pixel_scale_arcsec"] == [1.8, 1.8]
    assert found["matched"]["notes"][:2] == [
        "Smoothed from a beam of 2.5″ to 5.4″.",
        "Regridded from pixels of 1.53″ to 1.8″.",
    ]
    assert "VLASS at FIRST's beam, 3 GHz instead of 1.4 GHz" in " ".join(found["matched"]["reasons"])
    _, told, _ = run("predict", path, "--checkpoint", "tiny", "--json", "--match", "--beam", "2.5")
    assert "declare how it was stretched" in json.loads(told)["matched"]["error"]


@pytest.mark.parametrize("said", [("--stretch", "gamma:2"), ("--beam", "2.5,x"), ("--beam", "2,3"), ("--clip", "3,2")])
def test_bad_words_on_the_command_line(run: Run, capsys: pytest.CaptureFixture[str], said: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as left:
        run("predict", "a.png", "--checkpoint", "tiny", *said)
    assert left.value.code == 2
    assert said[0] in capsys.readouterr().err
