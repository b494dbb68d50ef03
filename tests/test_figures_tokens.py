"""Patches on the sky: their markers lie at the centres of the patches, in the axes of the cutout."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from astropy.wcs import WCS

from vlass_explorer.figures.tokens import add_patches
from vlass_explorer.schema import Cutout, Window


@pytest.fixture
def cutout() -> Cutout:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [180.0, 0.0], [50.5, 50.5], [-1 / 3600, 1 / 3600]
    return Cutout("sky.fits", np.zeros((100, 100), np.float32), wcs=wcs, row0="south")


def test_point_i_is_patch_row_and_column_with_row_0_in_the_south(cutout: Cutout) -> None:
    figure = go.Figure()
    add_patches(figure, cutout, Window(10, 90, 10, 90), (4, 8), None, clickable=True)
    [patches] = figure.data
    south_east, next_east_to_west, next_north = 0, 1, 8
    assert np.allclose([patches.x[south_east], patches.y[south_east]], [35, -30], atol=1e-3)
    assert np.allclose([patches.x[next_east_to_west], patches.y[next_east_to_west]], [25, -30], atol=1e-3)
    assert np.allclose([patches.x[next_north], patches.y[next_north]], [35, -10], atol=1e-3)
    assert patches.text[9] == "patch row 1, column 1"


def test_the_chosen_patch_is_framed_by_its_edges(cutout: Cutout) -> None:
    figure = go.Figure()
    add_patches(figure, cutout, Window(10, 90, 10, 90), (4, 8), 31, clickable=False)
    assert not figure.data
    [frame] = figure.layout.shapes
    assert np.allclose(sorted([frame.x0, frame.x1]), [-40, -30], atol=1e-3)
    assert np.allclose(sorted([frame.y0, frame.y1]), [20, 40], atol=1e-3)
