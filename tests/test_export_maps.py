"""Several maps in one file, and the strongest patches as regions: checked against the WCS and by hand."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image
from test_export import CARD, cutout, explanation, opened, provenance
from tiny_checkpoint import SPEC

from vlass_explorer import export, preprocess
from vlass_explorer.export.regions import Patch
from vlass_explorer.figures import frame, tokens
from vlass_explorer.schema import Window


def items() -> list[export.Item]:
    rng = np.random.default_rng(3)
    coarse, fine = explanation(rng.random((2, 4, 4))), explanation(rng.normal(size=(1, 32, 32)), signed=True)
    return [(coarse, provenance()), (fine, provenance(against="FRI"))]


def test_a_cube_holds_every_map_on_the_pixels_of_the_cutout() -> None:
    source, made = cutout(), items()
    data, header = opened(export.cube_bytes(made, source))
    assert data.shape == (3, *source.shape)
    window = preprocess.window(source, SPEC)
    for plane, panel in zip(data, [*made[0][0].maps, *made[1][0].maps], strict=True):
        side = panel.shape[0]
        for y, x in ((window.y0, window.x0), (window.y1 - 1, window.x1 - 1), (window.y0 + 17, window.x0 + 33)):
            if 0 <= y < source.shape[0] and 0 <= x < source.shape[1]:
                row, column = (
                    (at + 0.5) * side / size
                    for at, size in zip((y - window.y0, x - window.x0), window.shape, strict=True)
                )
                assert plane[y, x] == panel[int(row), int(column)]
    outside = np.ones(source.shape, bool)
    outside[max(window.y0, 0) : window.y1, max(window.x0, 0) : window.x1] = False
    assert np.isnan(data[:, outside]).all() and np.isfinite(data[:, ~outside]).all()
    pixels = np.array([[0.0, 0.0], [12.0, 50.0]])
    np.testing.assert_allclose(
        WCS(header).celestial.wcs_pix2world(pixels, 0), source.wcs.wcs_pix2world(pixels, 0), atol=1e-12
    )
    assert header["MAP2"] == "tiny, attention_rollout, FRII: layer 1"
    assert header["MAP3"] == "tiny, attention_rollout, FRII rather than FRI: layer 0"


def test_a_cube_of_a_small_field_leaves_the_rest_empty() -> None:
    spec = replace(SPEC, field_of_view=36.0)  # 20 of 80 x 70 pixels of 1.8 arcsec
    data, _ = opened(export.cube_bytes([(explanation(np.ones((1, 4, 4))), provenance(spec))], cutout()))
    assert np.isfinite(data).sum() == 20 * 20


def test_the_strongest_patches_come_first_and_zeros_not_at_all() -> None:
    relevance = np.zeros((2, 4), np.float32)
    relevance[1, 3], relevance[0, 1] = 2.0, -5.0
    assert export.top_patches(relevance, Window(10, 30, 0, 80)) == [
        Patch(10.0, 20.0, 20.0, 40.0, -5.0),
        Patch(20.0, 30.0, 60.0, 80.0, 2.0),
    ]
    assert len(export.top_patches(np.ones((8, 8)), Window(0, 8, 0, 8), count=3)) == 3


def test_a_fine_map_is_summed_in_blocks_first() -> None:
    relevance = np.zeros((64, 48), np.float32)
    relevance[8:12, 3:6] = 1.0  # one block of 4 x 3 cells
    relevance[40, 40] = 11.0
    first, second = export.top_patches(relevance, Window(0, 64, 0, 48))
    assert first == Patch(8.0, 12.0, 3.0, 6.0, 12.0) and second.value == 11.0


def polygons(text: str) -> list[np.ndarray]:
    return [np.array(found.split(","), float).reshape(4, 2) for found in re.findall(r"polygon\((.+?)\)", text)]


def test_regions_lie_on_the_sky_where_the_patches_are() -> None:
    source = cutout()
    window = preprocess.window(source, SPEC)
    maps = np.zeros((1, 4, 4))
    maps[0, 1, 2], maps[0, 3, 0] = -3.0, 1.0
    text = export.regions_bytes(explanation(maps, signed=True), source, provenance()).decode("ascii")
    lines = text.splitlines()
    assert lines[0] == "# Region file format: DS9 version 4.1" and lines[2] == "icrs"
    assert "color=red text={1: -3}" in lines[3] and "color=cyan text={2: 1}" in lines[4]
    step_y, step_x = window.shape[0] / 4, window.shape[1] / 4
    y0, x0 = window.y0 + step_y, window.x0 + 2 * step_x
    corners = np.array([(x0, y0), (x0 + step_x, y0), (x0 + step_x, y0 + step_y), (x0, y0 + step_y)])
    np.testing.assert_allclose(polygons(text)[0], source.wcs.wcs_pix2world(corners - 0.5, 0), atol=1e-7)


def test_regions_of_a_picture_are_in_image_pixels() -> None:
    source = cutout(wcs=None, kind="image", unit="count", pixels=cutout().pixels.copy())
    window = preprocess.window(source, SPEC)
    maps = np.zeros((1, 2, 2))
    maps[0, 0, 0] = 1.0
    text = export.regions_bytes(explanation(maps), source, provenance()).decode("ascii")
    assert text.splitlines()[2] == "image"
    first = polygons(text)[0][0]  # DS9 counts the centre of the first pixel as 1, its lower edge is 0.5
    np.testing.assert_allclose(first, [window.x0 + 0.5, window.y0 + 0.5])


def test_no_title_breaks_out_of_a_region() -> None:
    made = replace(explanation(np.ones((1, 2, 2))), titles=("x} # color=red\nglobal\u2028evil",))
    lines = export.regions_bytes(made, cutout(), provenance()).decode("ascii").splitlines()
    assert len(lines) == 3 + 4 and all(line.startswith("polygon(") for line in lines[3:])
    assert all(line.count("}") == 2 for line in lines[3:])


def test_a_sheet_shows_each_map_in_units_of_its_largest_value() -> None:
    maps = np.zeros((1, 4, 4))
    maps[0, 0, 0], maps[0, 3, 3] = -0.5, 1.0
    made = [(explanation(10 * maps, signed=True), provenance()), (explanation(np.abs(maps)), provenance())]
    sheet = Image.open(io.BytesIO(export.sheet_bytes(made, cutout())))
    assert "Sky [mJy/beam]" in sheet.text["Panels"]
    image = np.asarray(sheet.convert("RGB")).astype(int)[-(12 + 384 + 2 * 22 + 12 + 2 * 22) :]  # below the sky
    tiles = [image[32 : 32 + 384, 12 + 396 * i : 12 + 396 * i + 384] for i in range(3)]
    assert tuple(tiles[1][0, -1]) == (103, 0, 31)  # the red end of RdBu_r
    assert tiles[1][-1, 0][2] > tiles[1][-1, 0][0]
    assert tuple(tiles[2][0, -1]) == (253, 231, 37) and tuple(tiles[2][-1, 0]) == (33, 145, 140)


def test_the_manifests_keep_their_order_and_the_question() -> None:
    records = json.loads(export.manifests_json(items(), cutout()))["maps"]
    assert [record["against"] for record in records] == [None, "FRI"]
    assert [record["grid"] for record in records] == [[4, 4], [32, 32]]
    assert {record["checkpoint"]["name"] for record in records} == {CARD.name}


def test_a_distorted_cutout_keeps_its_distortion_in_the_cube() -> None:
    from astropy.wcs import Sip

    source = cutout()
    sky = source.wcs
    sky.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    bend = np.zeros((3, 3))
    bend[2, 0] = 2e-4
    sky.sip = Sip(bend, bend.T.copy(), None, None, sky.wcs.crpix)
    header = fits.Header.fromstring(opened(export.cube_bytes(items(), source))[1].tostring())
    pixels = np.array([[3.0, 60.0], [60.0, 5.0]])
    found = WCS(header, naxis=2).all_pix2world(pixels, 0)
    np.testing.assert_allclose(found, sky.all_pix2world(pixels, 0), atol=1e-9)
    assert np.abs(found - sky.wcs_pix2world(pixels, 0)).max() > 1e-5


@pytest.mark.parametrize("values", [np.full((1, 4, 4), np.nan), np.zeros((1, 4, 4))])
def test_empty_maps_make_no_regions_but_a_file(values: np.ndarray) -> None:
    assert len(export.regions_bytes(explanation(values), cutout(), provenance()).decode().splitlines()) == 3
    assert opened(export.cube_bytes([(explanation(values), provenance())], cutout()))[0].shape == (1, 80, 70)


def test_a_map_of_the_model_alone_gets_no_place_on_the_sky(tmp_path: Path) -> None:
    filters = replace(explanation(np.ones((2, 8, 8))), on_sky=False)
    paths = export.write(tmp_path, "filters", filters, cutout(), provenance())
    assert sorted(path.suffix for path in paths) == [".fits", ".json", ".png"]
    header = fits.getheader(next(path for path in paths if path.suffix == ".fits"))
    assert not WCS(header).has_celestial and "LTV1" not in header


def test_no_region_file_is_written_for_a_map_that_is_zero_everywhere(tmp_path: Path) -> None:
    empty = explanation(np.zeros((1, 4, 4)))
    assert not export.has_regions(empty) and export.has_regions(explanation(np.eye(4)[None]))
    paths = export.write(tmp_path, "empty", empty, cutout(), provenance())
    assert sorted(path.suffix for path in paths) == [".fits", ".json", ".png"]


def turned(first: str, second: str, step: tuple[float, float]) -> WCS:
    """An image with its sky axes in any order and direction, so far north that right ascension is not declination."""
    made, values = WCS(naxis=2), {"RA---SIN": 150.0, "DEC--SIN": 60.0}
    made.wcs.ctype, made.wcs.crval = (first, second), (values[first], values[second])
    made.wcs.cdelt, made.wcs.crpix = np.array(step) / 3600, (35.0, 40.0)
    made.wcs.set()
    return made


@pytest.mark.parametrize("step", [(-1.8, 1.8), (1.8, 1.8), (1.8, -1.8)], ids=["usual", "mirrored", "mirrored twice"])
@pytest.mark.parametrize("order", [("RA---SIN", "DEC--SIN"), ("DEC--SIN", "RA---SIN")], ids=["RA first", "Dec first"])
def test_clicked_and_exported_patches_lie_where_the_sky_says(order: tuple[str, str], step: tuple[float, float]) -> None:
    source = cutout(wcs=turned(*order, step))
    window = preprocess.window(source, SPEC)
    maps = np.zeros((1, 4, 4))
    maps[0, 1, 3] = 1.0
    middle = np.array([[window.x0 + window.shape[1] * 3.5 / 4, window.y0 + window.shape[0] * 1.5 / 4]])
    place = SkyCoord(source.wcs.pixel_to_world(*(middle - 0.5).T))

    text = export.regions_bytes(explanation(maps), source, provenance()).decode("ascii")
    assert text.splitlines()[2] == "icrs"
    corners = SkyCoord(polygons(text)[0], unit="deg")
    assert corners.separation(place).arcsec == pytest.approx(
        np.hypot(*window.shape) / 8 * 1.8, rel=1e-3
    )  # half the diagonal of a patch, to every corner
    middle_of_corners = corners.cartesian.mean()
    assert SkyCoord(middle_of_corners).separation(place[0]).arcsec < 0.02

    figure = go.Figure()
    tokens.add_patches(figure, source, window, (4, 4), None, clickable=True)
    marker = figure.data[-1]
    index = marker.text.index("patch row 1, column 3")
    assert divmod(index, 4) == (1, 3)
    axes = frame.frame(source)
    centre = source.wcs.pixel_to_world((source.shape[1] - 1) / 2, (source.shape[0] - 1) / 2)
    east, north = (float(offset.arcsec[0]) for offset in centre.spherical_offsets_to(place))
    y, x = axes.offset(np.array(north), np.array(east))
    assert (marker.y[index], marker.x[index]) == pytest.approx((float(y), float(x)), abs=0.02)
