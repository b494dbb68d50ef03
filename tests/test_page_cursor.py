"""What the page interpolates under the cursor is where the pixel lies on the sky."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from figure_cutouts import picture

from ui.look import cursor
from vlass_explorer.datasets import sky_model
from vlass_explorer.schema import Cutout


@pytest.mark.parametrize("position", [(180.0, 0.0), (0.02, 60.0), (83.6, -36.0)])
def test_positions_between_the_nodes_are_right_to_a_twentieth_of_an_arcsec(position: tuple[float, float]) -> None:
    wcs = sky_model.projected("SIN", position, 1.0, (3722, 3722))
    nodes = cursor.positions(Cutout("a", np.zeros((3722, 3722), np.float32), wcs=wcs))
    assert nodes is not None
    step = 3722 / (cursor.NODES - 1)
    for row, column in np.random.default_rng(0).integers(0, cursor.NODES - 1, (20, 2)):
        ra, dec = (f[row : row + 2, column : column + 2].mean() for f in nodes)  # the middle of a cell is the worst
        place = wcs.pixel_to_world((column + 0.5) * step - 0.5, (row + 0.5) * step - 0.5)
        assert place.separation(SkyCoord(ra, dec, unit="deg")).arcsec < 0.05


def test_a_picture_has_no_place_on_the_sky() -> None:
    assert cursor.positions(picture()) is None
