"""Measured regions as files: DS9 reads back the same pixels, and the table holds the numbers of the core."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from figure_cutouts import fits_cutout, picture, sky_wcs
from regions import Regions

from vlass_explorer import export, measure, overlays
from vlass_explorer.measure import Region

BOTH = [Region("box", 21.0, 48.0, 12.0, 20.0), Region("circle", 30.0, 40.0, 10.0, 10.0)]


@pytest.mark.parametrize("rotation", [0.0, 35.0, 200.0])
def test_a_region_file_leads_back_to_the_same_pixels(rotation):
    cutout = fits_cutout(wcs=sky_wcs((60, 80), rotation=rotation))
    content = export.measured_regions(cutout, BOTH)
    box, circle = (each.to_pixel(cutout.wcs) for each in Regions.parse(content.decode(), format="ds9"))
    assert (box.center.y, box.center.x, box.height, box.width) == pytest.approx((21.0, 48.0, 12.0, 20.0), abs=1e-2)
    assert box.angle.to_value("deg") % 180 == pytest.approx(0.0, abs=0.02) or box.angle.deg % 180 > 179.98
    assert (circle.center.y, circle.center.x, circle.radius) == pytest.approx((30.0, 40.0, 5.0), abs=1e-2)
    placed = overlays.place(overlays.read(content, "a.reg"), cutout).shapes
    corners = next(each for each in placed if len(each.x) == 5)
    assert (corners.x.min(), corners.x.max()) == pytest.approx((38.0, 58.0), abs=2e-2)
    assert (corners.y.min(), corners.y.max()) == pytest.approx((15.0, 27.0), abs=2e-2)


def test_a_picture_has_regions_in_pixels():
    text = export.measured_regions(picture(), [Region("circle", 4.0, 9.0, 6.0, 3.0)]).decode()
    assert "image\nellipse(10.00000000,5.00000000,1.5000,3.0000,0.0000)" in text


def test_the_table_holds_the_numbers_with_their_units():
    cutout = fits_cutout()
    measured = [(each, measure.statistics(cutout, each)) for each in BOTH]
    lines = export.statistics_csv(cutout, measured).decode().splitlines()
    assert lines[0].startswith("# VLASS Explorer") and cutout.file_sha256 in lines[1]
    rows = list(csv.DictReader(lines[2:]))
    assert float(rows[0]["flux density (Jy)"]) == measured[0][1].flux
    assert float(rows[1]["peak (Jy/beam)"]) == pytest.approx(measured[1][1].peak)
    assert float(rows[0]["width (arcsec)"]) == pytest.approx(20.0, rel=1e-3)
    assert int(rows[0]["peak y (pixel)"]) == 20 and int(rows[0]["peak x (pixel)"]) == 50
    bare = replace(cutout, unit=None, sha256="12" * 32)
    rows = export.statistics_rows(bare, [(BOTH[0], measure.statistics(bare, BOTH[0]))])
    assert rows[0]["flux density (Jy)"] is None and "no brightness unit" in str(rows[0]["notes"])
