"""The script of the sky of Explore in a real browser: its axes are those of astropy."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Angle
from astropy.wcs import WCS
from playwright.sync_api import Browser

from ui.look import cursor
from vlass_explorer.datasets import sky_model
from vlass_explorer.figures.frame import frame, whole
from vlass_explorer.schema import Cutout

TICKS = "(grid, view, size) => ticks({...grid, nodes: vectors(grid.ra, grid.dec)}, view, size)"


def turned(dec: float, rotation: float, side: int) -> WCS:
    wcs = sky_model.projected("TAN", (150.0, dec), 1.0, (side, side))
    angle = np.radians(rotation)
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return wcs


@pytest.mark.parametrize(
    ("dec", "rotation", "part", "side"),
    [(0.0, 0.0, 1.0, 200), (60.0, 40.0, 1.0, 200), (-35.0, 120.0, 0.1, 200), (89.99, 10.0, 1.0, 200), (30, 20, 25, 12)],
)
def test_ticks_lie_where_astropy_has_their_values(
    chromium: Browser, dec: float, rotation: float, part: float, side: int
) -> None:
    """The page's own script, without a server: each label is the coordinate of its place on the edge.

    The last: a field of view 25 times as wide as the image.
    """
    cutout = Cutout("a", np.zeros((side, side), np.float32), wcs=turned(dec, rotation, side))
    ra, dec_nodes = cursor.positions(cutout)
    box = frame(cutout).extent(whole(cutout))
    grid = {"ra": ra.ravel().tolist(), "dec": dec_nodes.ravel().tolist(), "n": cursor.NODES, "box": list(box)}
    view = {"y": [box[0] * part, box[1] * part], "x": [box[2] * part, box[3] * part]}
    page = chromium.new_page()
    module = cursor.script().replace("export default function", "const component = function")
    edges = page.evaluate(
        f"([grid, view, size]) => {{ {module}; return ({TICKS})(grid, view, size) }}", [grid, view, [300, 300]]
    )
    page.close()
    assert {edges["x"]["name"], edges["y"]["name"]} == {"RA", "Dec"}
    axes = frame(cutout)
    for edge, other in (("x", "y"), ("y", "x")):
        ticks = edges[edge]["ticks"]
        assert 1 <= len(ticks) <= 12  # about the pole an edge may meet a declination twice
        for each in ticks:
            at = {edge: view[edge][0] + each["share"] * (view[edge][1] - view[edge][0]), other: view[other][0]}
            place = cutout.wcs.pixel_to_world(
                at["x"] / axes.step[1] + axes.centre[1] - 0.5, at["y"] / axes.step[0] + axes.centre[0] - 0.5
            )
            text = each["text"].replace("−", "-")
            if edges[edge]["name"] == "RA":
                off = (Angle(text, unit=u.hourangle) - place.ra).wrap_at(180 * u.deg).arcsec * np.cos(place.dec.rad)
            else:
                off = (Angle(text, unit=u.deg) - place.dec).arcsec
            assert abs(off) < (0.05 if part <= 1 else 0.15), (edge, each, place)


def test_brightness_has_four_digits_and_no_power_of_ten(chromium: Browser) -> None:
    values = [0.0, 1.0, -0.00012345, 0.38444, 110.94, 12345.6, -98765.4, 2.5e-7, 999.96, 1e-30]
    page = chromium.new_page()
    module = cursor.script().replace("export default function", "const component = function")
    told = page.evaluate(f"values => {{ {module}; return values.map(plain) }}", values)
    page.close()
    expected = [format(Decimal(f"{value:.3e}").normalize(), "f").replace("-", "−") for value in values]
    assert told == expected
