"""The closer look at a source: the part that it fills, and the axes of a figure on that part."""

from __future__ import annotations

import numpy as np
import pytest

from vlass_explorer.figures import zoom
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.sky import sky_panels
from vlass_explorer.measure import noise
from vlass_explorer.schema import Cutout


def cutout(*places: tuple[int, int], side: int = 200, width: float = 2.0) -> Cutout:
    """Noise of rms 1 with a source of S/N 50 at each place (y, x); no WCS, so that axes are pixels."""
    y, x = np.mgrid[:side, :side]
    pixels = np.random.default_rng(0).normal(0, 1, (side, side)).astype(np.float32)
    for at in places:
        pixels += 50 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * width**2)).astype(np.float32)
    return Cutout("a.npy", pixels, kind="array", noise=noise(pixels))


def test_the_part_lies_around_the_source_at_the_centre() -> None:
    part = zoom.around_source(cutout((110, 90), (20, 20)))
    assert part is not None
    assert ((part.y0 + part.y1) / 2, (part.x0 + part.x1) / 2) == pytest.approx((110.5, 90.5), abs=1)
    assert part.shape == (zoom.LEAST, zoom.LEAST)


def test_without_one_there_it_is_the_brightest_and_without_any_nothing() -> None:
    part = zoom.around_source(cutout((20, 22), side=400))
    assert part is not None and ((part.y0 + part.y1) / 2, (part.x0 + part.x1) / 2) == pytest.approx((20.5, 22.5), abs=1)
    assert zoom.around_source(cutout()) is None
    assert zoom.around_source(cutout((10, 10), side=20)) is None  # it fills the cutout


def test_every_panel_begins_with_the_part() -> None:
    image = cutout((110, 90))
    part = zoom.around_source(image)
    assert part is not None
    figure = sky_panels(image, SkyView())
    before = figure.layout.uirevision
    zoom.zoom(figure, image, part)
    assert tuple(figure.layout.xaxis.range) == (part.x0, part.x1)
    assert tuple(figure.layout.yaxis.range) == (part.y0, part.y1)
    assert figure.layout.uirevision != before
