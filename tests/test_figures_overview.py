"""One picture of many maps: colours, orientation and what a click means."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from plotly.colors import sample_colorscale

from vlass_explorer.figures.colours import SIGNED_MAP, UNSIGNED_MAP
from vlass_explorer.figures.overview import GAP_PIXELS, lookup, overview, picture, png, scaled, tiled


def test_unsigned_tiles_run_from_their_own_minimum_to_their_own_maximum() -> None:
    maps = np.random.default_rng(0).random((2, 3, 4, 5)) * [[[[1.0]], [[10.0]], [[100.0]]]] - 7
    each = scaled(maps)
    assert np.allclose(each.min(axis=(2, 3)), 0) and np.allclose(each.max(axis=(2, 3)), 1)
    common = scaled(maps, common=True)
    assert common.min() == 0 and common.max() == 1
    assert np.allclose(np.ptp(common[:, 0]) / np.ptp(common), np.ptp(maps[:, 0]) / np.ptp(maps))


def test_signed_zero_is_the_middle_of_the_colours() -> None:
    maps = np.array([[[[-1.0, 0.0], [2.0, 4.0]]]])
    assert scaled(maps, signed=True).tolist() == [[[[0.375, 0.5], [0.75, 1.0]]]]
    assert scaled(np.zeros((1, 1, 2, 2)), signed=True).tolist() == [[[[0.5, 0.5], [0.5, 0.5]]]]
    assert scaled(np.full((1, 1, 2, 2), 3.0)).max() == 0


@pytest.mark.parametrize("name", [UNSIGNED_MAP, SIGNED_MAP])
def test_colours_are_those_of_plotly(name: str) -> None:
    for level in (0, 100, 255):
        red, green, blue = lookup(name)[level, :3]
        [wanted] = sample_colorscale(name, [level / 255])
        values = [float(text) for text in wanted.removeprefix("rgb(").rstrip(")").split(",")]
        assert np.abs(np.array([red, green, blue]) - values).max() <= 1


def test_row_0_of_a_map_is_at_the_bottom_of_its_tile() -> None:
    maps = np.zeros((2, 3, 4, 4))
    maps[1, 2, 0, 0] = 1.0  # lower left patch of the lower right tile
    picture = tiled(maps, UNSIGNED_MAP)
    height, width = picture.shape[0] // 2, picture.shape[1] // 3
    gap = GAP_PIXELS // 2
    bright = (picture == lookup(UNSIGNED_MAP)[255]).all(axis=2)
    rows, columns = np.nonzero(bright)
    assert rows.max() == 2 * height - gap - 1 and columns.min() == 2 * width + gap
    assert bright.sum() == ((height - GAP_PIXELS) // 4) ** 2
    assert (picture[:gap] == 0).all()  # gaps are transparent


def test_overview_carries_the_picture_and_one_marker_a_tile() -> None:
    maps = np.random.default_rng(1).random((4, 12, 8, 8))
    names = [f"r{i}" for i in range(4)], [f"c{i}" for i in range(12)]
    figure = overview(picture(maps, UNSIGNED_MAP), maps.shape, row_names=names[0], column_names=names[1], chosen=(2, 5))
    [trace] = figure.data
    assert len(trace.x) == 48 and trace.text[2 * 12 + 5].split() == ["r2,", "c5"]
    assert (trace.y[29], trace.x[29]) == (2, 5)
    [image] = figure.layout.images
    assert (image.x, image.y, image.sizex, image.sizey) == (-0.5, -0.5, 12, 4)
    data = base64.b64decode(image.source.removeprefix("data:image/png;base64,"))
    drawn = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(drawn, tiled(scaled(maps), UNSIGNED_MAP))
    [frame] = figure.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (4.5, 5.5, 1.5, 2.5)
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # tile row 0 on top


def test_twelve_layers_of_twelve_heads_stay_a_small_picture() -> None:
    maps = np.random.default_rng(2).random((13, 12, 14, 14))
    assert len(png(tiled(scaled(maps), UNSIGNED_MAP))) < 300_000
