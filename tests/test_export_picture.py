"""The PNG of a map: axes, beam, position, units and colour bars, the right way up, told as text in the file too."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from test_export import FILES, cutout, explanation, provenance, wcs
from tiny_checkpoint import SPEC

from vlass_explorer import cutouts, export, preprocess
from vlass_explorer.export import picture as pictures
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.schema import Beam, Window


def picture(maps: Any, *, signed: bool = False) -> Image.Image:
    return Image.open(io.BytesIO(export.png_bytes(explanation(maps, signed=signed), cutout(), provenance())))


def panel(image: Image.Image, title: str) -> np.ndarray:
    """Pixels of one panel of a picture, as the text of the file says where it lies, up to its window of the cutout."""
    found = re.search(rf"{re.escape(title)}[^:;]*: ([0-9]+),([0-9]+),([0-9]+),([0-9]+)", image.text["Panels"])
    assert found is not None, image.text["Panels"]
    left, top, right, bottom = map(int, found.groups())
    side = preprocess.window(cutout(), SPEC).shape[0]
    margin = max(1, round(0.03 * side))  # pixels of the cutout around the window
    inset = (right - left) * margin / (side + 2 * margin) + 1
    box = [round(edge) for edge in (left + inset, top + inset, right - inset, bottom - inset)]
    return np.asarray(image.convert("RGB").crop(box)).astype(int)


def test_the_picture_stands_with_row_0_at_the_bottom() -> None:
    maps = np.zeros((1, 4, 4))
    maps[0, 0, 0], maps[0, 3, 3] = 1.0, 0.5
    tile = panel(picture(maps), "layer 0")
    assert tuple(tile[-1, 0]) == (253, 231, 36)  # the top of viridis
    assert tuple(tile[0, -1]) == (32, 144, 140)  # its middle
    assert tuple(tile[-1, -1]) == tuple(tile[0, 0]) == (68, 1, 84)


def test_the_picture_shows_what_the_model_saw_beside_the_map() -> None:
    tile = panel(picture(np.zeros((1, 4, 4))), "What the model saw").sum(axis=2)
    y, x = np.unravel_index(tile.argmax(), tile.shape)
    seen = preprocess.input_image(preprocess.to_tensor(cutout(), SPEC), SPEC)
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    step = tile.shape[0] / seen.shape[0]
    assert abs(y / step - (seen.shape[0] - 1 - row)) < 1.2 and abs(x / step - column) < 1.2


def test_signed_maps_are_centred_on_zero_and_no_data_has_its_own_colour() -> None:
    maps = np.zeros((1, 4, 4))
    maps[0, 0, 0], maps[0, 1, 0] = -1.0, np.nan
    tile = panel(picture(maps, signed=True), "layer 0")
    assert np.ptp(tile[0, 0]) <= 3  # zero is white or grey
    assert tile[-1, 0][2] > tile[-1, 0][0]
    assert tuple(tile[-1 - round(tile.shape[0] * 0.375), 3]) == (124, 135, 148)


def test_the_picture_says_where_it_is_what_it_shows_and_in_which_units(data_dir: Path) -> None:
    source = cutouts.read(data_dir / "cutouts" / FILES["VLASS"])
    content = export.png_bytes(
        replace(explanation(np.ones((1, 4, 4))), unit="share of attention"), source, provenance()
    )
    image = Image.open(io.BytesIO(content))
    assert image.text["Title"].startswith(source.name)
    assert "00h13m57" in image.text["Title"] and "VLASS Quick Look epoch 3.1" in image.text["Source"]
    assert "beam 3″ × 2.22″" in image.text["Source"]
    assert "Sky [mJy/beam]" in image.text["Panels"] and "layer 0 [share of attention]" in image.text["Panels"]
    left, top, right, bottom = map(int, image.text["Panels"].split(": ")[1].split(";")[0].split(","))
    grey = np.asarray(image.convert("L")).astype(int)
    around = {
        "declinations": grey[top:bottom, left - 60 : left - 8],
        "right ascensions": grey[bottom + 4 : bottom + 30, left:right],
        "colour bar": grey[bottom + 45 : bottom + 110, left:right],
        "heading": grey[:40, left:],
    }
    for name, part in around.items():
        assert (part < 100).sum() > 60, name


def test_the_axes_of_the_picture_are_those_of_its_coordinates() -> None:
    """The drawn panel covers the window with its margin, one pixel of the cutout after the other."""
    source = cutout(wcs=wcs(rotation=0.0))
    window = preprocess.window(source, SPEC)
    pixels = np.zeros_like(source.pixels)
    pixels[window.y0 + 10, window.x0 + 20] = 1.0
    image = Image.open(
        io.BytesIO(
            export.png_bytes(
                explanation(np.zeros((1, 4, 4))), replace(source, pixels=pixels, sha256="ef" * 32), provenance()
            )
        )
    )
    tile = panel(image, "Sky").sum(axis=2)
    side = window.shape[0]
    y, x = (int((share) * tile.shape[0]) for share in (1 - 10.5 / side, 20.5 / side))
    assert tile[y - 2 : y + 3, x - 2 : x + 3].max() > 3 * np.median(tile)


def test_a_large_image_is_sharp_in_the_window_and_a_tiny_beam_has_its_unit() -> None:
    wide = np.zeros((2000, 2300), np.float32)
    wide[900:1100, 1000:1300] = 1.0
    window = Window(980, 1020, 1100, 1140)
    source = replace(cutout(), pixels=wide, beam=Beam(0.0018, 0.0014))
    panel = pictures.sky_panel(source, SkyView(), window)
    assert panel.window == Window(978, 1022, 1098, 1142) and panel.image.shape == (44, 44)
    assert pictures.sky_panel(source, SkyView(), None).image.shape == (667, 767)
    assert "beam 1.8 mas × 1.4 mas" in pictures.heading(source)[2]


def test_many_panels_fit_and_the_rest_is_counted() -> None:
    small = picture(np.random.default_rng(2).random((36, 8, 8)))
    assert small.width < 1700
    assert small.text["Method"] == "attention_rollout"
    assert small.text["Checkpoint sha256"] == "ab" * 32
    assert picture(np.zeros((300, 2, 2))).height < 6000
