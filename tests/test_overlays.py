"""Region files and catalogues on an image: shapes against regions and astropy, labels kept, nonsense told."""

from __future__ import annotations

import io

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from figure_cutouts import fits_cutout, picture, sky_wcs
from regions import Regions as Reference

from vlass_explorer import overlays
from vlass_explorer.datasets import sky_model
from vlass_explorer.overlays import OverlayError
from vlass_explorer.schema import ArchiveError, Cutout

HEAD = "# Region file format: DS9 version 4.1\n"
SHAPES = """icrs
circle(150.001,30.002,8") # text={0042} color=red
ellipse(149.998,29.999,12",5",35) # text={a, b}
box(150.002,30.001,14",6",50)
polygon(150.004,30.0,150.0,30.004,149.997,29.998)
"""


def read(text, name="x.reg"):
    return overlays.read((HEAD + text if name.endswith("reg") else text).encode(), name)


@pytest.mark.parametrize("rotation", [0.0, 40.0, 130.0])
def test_shapes_lie_where_regions_puts_them_on_a_turned_image(rotation):
    cutout = fits_cutout(wcs=sky_wcs((60, 80), rotation=rotation))
    placed = {each.label or f"{len(each.x)}": each for each in overlays.place(read(SHAPES), cutout).shapes}
    assert {"0042", "a, b", "5", "4"} == set(placed)
    theirs = [each.to_pixel(cutout.wcs) for each in Reference.parse(HEAD + SHAPES, format="ds9")]
    inside = np.mgrid[:60, :80].reshape(2, -1).T.astype(float)
    from matplotlib.path import Path
    from regions import PixCoord

    for name, their in zip(("0042", "a, b", "5", "4"), theirs, strict=True):
        ours = Path(np.stack([placed[name].x, placed[name].y], axis=1)).contains_points(inside[:, ::-1])
        other = their.contains(PixCoord(inside[:, 1], inside[:, 0]))
        assert ours.sum() > 30 and (ours ^ other).sum() <= 4, name  # pixels cut by the edge of a polygon of 48 sides
    assert placed["0042"].colour == "#ff0000"


@pytest.mark.parametrize("dec", [0.0, 60.0, 89.998])
def test_a_circle_is_one_on_the_sky_even_about_the_pole(dec):
    cutout = Cutout("a", np.zeros((200, 200), np.float32), wcs=sky_model.projected("TAN", (40.0, dec), 1.0, (200, 200)))
    (shape,) = overlays.place(read(f'icrs\ncircle(40.0,{dec},30")\n'), cutout).shapes
    there = cutout.wcs.pixel_to_world(shape.x, shape.y)
    assert there.separation(SkyCoord(40.0, dec, unit="deg")).arcsec == pytest.approx(30.0, abs=1e-3)


def test_the_angle_of_an_ellipse_is_that_of_its_own_frame():
    """regions 0.12 turns it by the north of ICRS, whatever the frame of the file."""
    centre = SkyCoord(150.0, 30.0, unit="deg").galactic
    given = read(f'galactic\nellipse({centre.l.deg},{centre.b.deg},4",20",25)\n')
    shape = overlays.place(given, fits_cutout()).shapes[0]
    there = fits_cutout().wcs.pixel_to_world(shape.x, shape.y).galactic
    away = centre.separation(there)
    assert centre.position_angle(there[away.argmax()]).deg % 180 == pytest.approx(25.0, abs=0.1)
    assert (away.max().arcsec, away.min().arcsec) == pytest.approx((20.0, 4.0), rel=1e-2)


def test_frames_in_pixels_points_lines_and_annuli():
    text = "image\ncircle(11,21,5)\npoint(31,31) # text={here}\nline(1,1,9,9)\nannulus(40,30,3,6)\nbox(20,20,4,2)\n"
    drawn = overlays.place(read(text), picture()).shapes
    shapes = {(len(each.x), each.label): each for each in drawn}
    assert (shapes[1, "here"].y[0], shapes[1, "here"].x[0]) == (30, 30) and shapes[1, "here"].is_point
    circle = next(each for each in drawn if len(each.x) == 49 and abs(each.x[:-1].mean() - 10) < 0.01)
    assert np.hypot(circle.x - 10, circle.y - 20) == pytest.approx(5.0)
    assert shapes[2, ""].x.tolist() == [0, 8]
    box = shapes[5, ""]
    assert np.ptp(box.x) == pytest.approx(4) and np.ptp(box.y) == pytest.approx(2)


def test_an_ellipse_of_casa_has_half_axes_and_a_position_angle():
    text = "#CRTFv0\nellipse [[150.0deg, 30.0deg], [10arcsec, 4arcsec], 20deg], coord=ICRS, label='c', color=blue\n"
    shape = overlays.place(read(text, "x.crtf"), fits_cutout()).shapes[0]
    centre, there = SkyCoord(150, 30, unit="deg"), fits_cutout().wcs.pixel_to_world(shape.x, shape.y)
    away = centre.separation(there)
    assert away.max().arcsec == pytest.approx(10.0, rel=1e-3)
    assert centre.position_angle(there[away.argmax()]).deg % 180 == pytest.approx(20.0, abs=0.5)
    assert (shape.label, shape.colour) == ("c", "#0000ff")


def test_an_excluded_region_and_kinds_that_are_not_known():
    layer = read('icrs\n-circle(150,30,5")\nvector(150,30,10",30)\n')
    assert layer.shapes[0].excluded and "1 kind of region" in layer.notes[0]


def test_what_lies_elsewhere_is_counted_and_the_nearest_are_drawn():
    rng = np.random.default_rng(0)
    places = rng.uniform((149.992, 29.995), (150.008, 30.005), (2500, 2))
    rows = "\n".join(f'circle({ra:.6f},{dec:.6f},1")' for ra, dec in places)
    placed = overlays.place(read(f'fk5\n{rows}\ncircle(10,10,1")\n'), fits_cutout())
    assert len(placed.shapes) == 2000
    assert placed.sentence.endswith("of 2,501 regions lie on this image; the 2,000 nearest to its centre are drawn.")
    away = [np.hypot(each.y.mean() - 29.5, each.x.mean() - 39.5) for each in placed.shapes]
    assert (np.diff(away) > -1e-6).all()
    assert "none of 1 regions" in overlays.place(read('fk5\ncircle(10,10,1")\n'), fits_cutout()).sentence
    assert "no sky coordinates" in overlays.place(read('fk5\ncircle(10,10,1")\n'), picture()).sentence


@pytest.mark.parametrize("suffix", [".vot", ".csv", ".fits"])
def test_a_catalogue_is_found_by_ucd_or_name(suffix):
    table = Table({"one": [150.001, 150.0, 10.0, np.nan], "two": [30.002, 30.0, 10.0, 30.0], "name": list("abcd")})
    names = {"one": "RAJ2000", "two": "DEJ2000"}
    if suffix == ".vot":  # odd names, told by their UCD alone
        table["one"].meta["ucd"], table["two"].meta["ucd"] = "pos.eq.ra;meta.main", "pos.eq.dec;meta.main"
        table["one"].unit = table["two"].unit = u.deg
    else:
        table.rename_columns(list(names), list(names.values()))
    buffer = io.BytesIO() if suffix != ".csv" else io.StringIO()
    table.write(buffer, format={".vot": "votable", ".csv": "ascii.csv", ".fits": "fits"}[suffix])
    content = buffer.getvalue().encode() if suffix == ".csv" else buffer.getvalue()
    layer = overlays.read(content, f"cat{suffix}")
    placed = overlays.place(layer, fits_cutout(wcs=sky_wcs((60, 80), rotation=70.0)))
    assert [each.label for each in placed.shapes] == ["b", "a"] and all(each.is_point for each in placed.shapes)
    y, x = placed.shapes[1].y[0], placed.shapes[1].x[0]
    there = sky_wcs((60, 80), rotation=70.0).pixel_to_world(x, y)
    assert there.separation(SkyCoord(150.001, 30.002, unit="deg")).arcsec < 1e-4
    assert placed.sentence == f"cat{suffix}: 2 of 3 sources on this image." and "1 rows" in placed.notes[0]


def test_sexagesimal_positions_of_a_table():
    layer = overlays.read(b"source,ra,dec\nx,10:00:00.00,+30:00:00.0\ny,,\n", "t.csv")
    assert (layer.ra[0], layer.dec[0]) == pytest.approx((150.0, 30.0)) and layer.labels == ("x",)


@pytest.mark.parametrize(
    ("content", "name", "error", "said"),
    [
        (b"\x00\x01 nonsense", "a.reg", OverlayError, "cannot be read as a region file"),
        (b'icrs\ncircle(150,30,"x")', "a.reg", OverlayError, "cannot be read as a region file"),
        (b"a,b\n1,2\n", "a.csv", ArchiveError, "no columns of right ascension"),
        (b"not xml", "a.vot", ArchiveError, "cannot be read as a table"),
        (b"ra,dec\n12:99:00,+10:00:00\n", "a.csv", OverlayError, "cannot be read"),
    ],
)
def test_nonsense_ends_in_a_sentence(content, name, error, said):
    with pytest.raises(error, match=said):
        overlays.read(content, name)


def test_the_class_of_a_source_stands_beside_its_name() -> None:
    read = overlays.read(b"name,ra,dec,class\nA1,150,30,FRII\nA2,150.001,30,\n", "c.csv")
    assert read.labels == ("A1 \u00b7 FRII", "A2")
    assert overlays.read(b"ra,dec,type\n150,30,star\n", "c.csv").labels == ("star",)
    assert overlays.read(b"ra,dec\n150,30\n", "c.csv").labels == ("",)
