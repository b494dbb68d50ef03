"""The beam wherever files hold it: tables of planes, keywords in any unit, HISTORY of imaging tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import point_source
import pytest

from vlass_explorer import cutouts
from vlass_explorer.cutouts import beam_history, beams
from vlass_explorer.cutouts.notes import Notes
from vlass_explorer.measure import measure
from vlass_explorer.schema import Cutout

PER_PLANE: dict[str, Any] = {"BMAJ": None, "BMIN": None, "BPA": None, "CASAMBM": True}
VLASS = "VLASS2.1.se.T13t36.J232400+073000.06.2048.v1.I.iter3.image.pbcor.tt0.subim.fits"
SMOOTH = 'imsmooth(kernel="gauss", major="6.4arcsec", minor="5.4arcsec", pa="5.0deg"'
CUBE: dict[str, Any] = {
    "CTYPE3": "FREQ",
    "CRVAL3": 3e9,
    "CDELT3": 1e7,
    "CRPIX3": 1.0,
    "CTYPE4": "STOKES",
    "CRVAL4": 1.0,
    "CDELT4": 1.0,
    "CRPIX4": 1.0,
}


def axes(cutout: Cutout) -> tuple[float, float, float] | None:
    return None if cutout.beam is None else (cutout.beam.major, cutout.beam.minor, cutout.beam.pa)


@pytest.mark.parametrize("name", ["a.fits", VLASS])
def test_a_table_of_one_beam_is_that_of_the_image(name: str) -> None:
    table = point_source.beams((5.4, 5.4, 0.0, 0, 0))
    cutout = cutouts.read(point_source.file(point_source.sky()[None, None], table, **PER_PLANE, **CUBE), name)
    assert axes(cutout) == pytest.approx((5.4, 5.4, 0.0)) and cutout.beam is not None and not cutout.beam.assumed
    cutout = cutouts.read(point_source.file(None, table, **{**PER_PLANE, "CASAMBM": None}), name)
    assert axes(cutout) == pytest.approx((5.4, 5.4, 0.0))  # the table alone says so


def test_each_plane_has_its_beam() -> None:
    cube = np.stack([point_source.sky()] * 6).reshape(2, 3, 100, 100)
    rows = [(5.0 + chan + 10 * pol, 4.0, 10.0 * chan, chan, pol) for chan in range(3) for pol in range(2)]
    data = point_source.file(cube, point_source.beams(*rows), **PER_PLANE, **CUBE)
    found = [axes(cutouts.read(data, plane=plane)) for plane in range(6)]
    assert found == [pytest.approx((5.0 + c + 10 * p, 4.0, 10.0 * c)) for p in range(2) for c in range(3)]
    blank = [(0.0, 0.0, 0.0, chan, pol) if chan == 1 else row for row in rows for chan, pol in [row[3:]]]
    data = point_source.file(cube, point_source.beams(*blank), **PER_PLANE, **CUBE)
    empty = cutouts.read(data, VLASS, plane=1)
    assert empty.beam is None and any("holds none for this plane" in note for note in empty.notes)


def test_no_nominal_beam_stands_for_that_of_a_plane() -> None:
    rows = [(5.0 + chan, 4.0, 0.0, chan, 0) for chan in range(3)]
    for tables in ([], [point_source.beams(*rows)]):  # missing, or of a cube of which this is one plane
        cutout = cutouts.read(point_source.file(None, *tables, **PER_PLANE), VLASS)
        assert cutout.beam is None and any("no beam is known" in note for note in cutout.notes)
    alike = point_source.beams(*[(5.4, 5.4, 0.0, chan, 0) for chan in range(3)])
    assert axes(cutouts.read(point_source.file(None, alike, **PER_PLANE), VLASS)) == pytest.approx((5.4, 5.4, 0.0))


@pytest.mark.parametrize(
    ("beams", "is_one"),
    [
        (((6.0, 3.0, 179.8), (6.0, 3.0, 0.2), (6.0, 3.0, 180.0)), True),  # position angles are modulo 180
        (((6.0, 3.0, -60.0), (6.0, 3.0, 120.0), (6.0, 3.0, 300.0)), True),
        (((6.0, 3.0, 10.0), (6.0, 3.0, 80.0), (6.0, 3.0, 10.0)), False),
        (((5.4, 5.4, 10.0), (5.4, 5.39, 80.0), (5.4, 5.4, 150.0)), True),  # a round beam has no position angle
        (((6.0, 3.0, 10.0), (6.0, 3.2, 10.0), (6.0, 3.0, 10.0)), False),
    ],
)
def test_beams_that_are_one_ellipse_stand_for_a_plane_that_the_table_does_not_name(
    beams: tuple[tuple[float, float, float], ...], is_one: bool
) -> None:
    table = point_source.beams(*[(*beam, chan, 0) for chan, beam in enumerate(beams)])
    found = axes(cutouts.read(point_source.file(None, table, **PER_PLANE), VLASS))
    assert (found is not None) == is_one
    if found is not None:
        assert found[:2] == pytest.approx(beams[0][:2])


@pytest.mark.parametrize(
    ("unit", "size"), [("deg", 0.0015), ("degrees", 0.0015), ("arcsec", 5.4), ("ASEC", 5.4), ("arcseconds", 5.4)]
)
def test_a_table_of_beams_in_any_usual_unit(unit: str, size: float) -> None:
    table = point_source.beams((size, size, 0.0, 0, 0), unit=unit)
    assert axes(cutouts.read(point_source.file(None, table, **PER_PLANE), VLASS)) == pytest.approx((5.4, 5.4, 0.0))


@pytest.mark.parametrize(
    "cards",
    [
        {"BMAJ": 0.0015, "BMIN": 0.0015, "BPA": 0.0},
        {"CLEANBMJ": 0.0015, "CLEANBMN": 0.0015, "CLEANBPA": 0.0},
        {"BMAJ": "5.4 arcsec", "BMIN": "5.4arcsec", "BPA": "0 deg"},
        {"BMAJ": '5.4"', "BMIN": '5.4"', "BPA": 0.0},
        {"BMAJ": "1.5D-3", "BMIN": "1.5D-3", "BPA": 0.0},
        {"BMAJ": (5.4, "[arcsec] major axis"), "BMIN": (5.4, "[arcsec]"), "BPA": 0.0},
        {"BMAJ": (0.09, "beam, arcmin"), "BMIN": (0.09, "beam, arcmin"), "BPA": 0.0},
        {"BMAJ": (5.4, "[deg]"), "BMIN": 5.4, "BPA": 0.0},
        {"BMAJ": 5.4, "BMIN": 5.4, "BPA": 0.0},
        {"BMAJ": 2.618e-5, "BMIN": 2.618e-5, "BPA": 0.0},
        {"BMAJ": 0.0, "BMIN": 0.0, "HISTORY": "AIPS   CLEAN BMAJ=  1.5000E-03 BMIN=  1.5000E-03 BPA=   0.00"},
    ],
)
def test_a_beam_in_any_usual_unit(cards: dict[str, Any]) -> None:
    cutout = cutouts.read(point_source.file(**{"BMAJ": None, "BMIN": None, "BPA": None, **cards}))
    assert axes(cutout) == pytest.approx((5.4, 5.4, 0.0), rel=1e-3)


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ("AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00", (6.4, 5.4, 5.0, "AIPS")),
        ("AIPS   IMAGR BMAJ =   6.40 BMIN =   5.40 BPA= 5.00  /asec", (6.4, 5.4, 5.0, "AIPS")),
        ("Obit CLEAN BMAJ=1.7778E-03\nObit BMIN=1.5000E-03 BPA=5.0", (6.4, 5.4, 5.0, "Obit")),
        ("BMAJ = 0.0017778, BMIN = 0.0015", (6.4, 5.4, None, "")),
        ("AIPS   CONVL BMAJ =   6.4000   BMIN =   5.4000   BPA =   5.000", (6.4, 5.4, 5.0, "AIPS")),
        ("BMAJ='6.4arcsec' BMIN='5.4arcsec' BPA='5deg'", (6.4, 5.4, 5.0, "")),
        (
            "imager::clean() [] Fitted beam used in\n> restoration: 6.4 by 5.4 (arcsec)\n>       at pa 5 (deg)",
            (6.4, 5.4, 5.0, "CASA"),
        ),
        ('tclean(restoringbeam=["6.4arcsec","5.4arcsec","5deg"])', (6.4, 5.4, 5.0, "CASA")),
        (f"{SMOOTH}, targetres=True)", (6.4, 5.4, 5.0, "CASA")),
        (f"{SMOOTH}, targetr\n>es=T)", (6.4, 5.4, 5.0, "CASA")),
        ('major = "6.4arcsec"\nminor = "5.4arcsec"\npa = "5deg"', (6.4, 5.4, 5.0, "CASA")),
        ("restoringbeam = [u'6.4arcsec', u'5.4arcsec', u'5.0deg']", (6.4, 5.4, 5.0, "CASA")),
        ("Common Beam for restoration : 6.4 arcsec, 5.4 arcsec, 5 deg", (6.4, 5.4, 5.0, "CASA")),
        (
            "restoringbeam = {'major': {'unit': 'arcsec', 'value': 6.4}, 'minor': {'unit': 'arcsec', 'value': 5.4},\n"
            " 'positionangle': {'unit': 'deg', 'value': 5.0}}",
            (6.4, 5.4, 5.0, "CASA"),
        ),
        (
            'imsmooth(beam={"major": "6.4arcsec", "minor": "5.4arcsec", "pa": "5deg"}, targetres=True)',
            (6.4, 5.4, 5.0, "CASA"),
        ),
        (
            "imsmooth(major='9arcsec', minor='9arcsec')\n"
            "restoringbeam = {'major': '6.4arcsec', 'minor': '5.4arcsec', 'positionangle': '5deg'}",
            (6.4, 5.4, 5.0, "CASA"),
        ),
        ("DDF.py --Output-RestoringBeam 6.4,5.4,5.0 --Weight-Robust -0.5", (6.4, 5.4, 5.0, "DDFacet")),
        ("DDF.py --Output-Rest\noringBeam=6.4 --Weight-Robust -0.5", (6.4, 6.4, None, "DDFacet")),
        ("Output-RestoringBeam = 6.4\nOutput-Mode = Clean", (6.4, 6.4, None, "DDFacet")),
        ("Output-RestoringBeam = None", None),
        ("CONVOL:   fwhm=6.4,5.4\nCONVOL:   pa=5\nCONVOL:   options=final", (6.4, 5.4, 5.0, "Miriad")),
        ("restore.beam = [6.4arcsec, 5.4arcsec, 5deg]", (6.4, 5.4, 5.0, "CASA")),
        ("RESTOR: Beam =  6.400E+00 x  5.400E+00 arcsec, pa =  5.000E+00 degrees", (6.4, 5.4, 5.0, "Miriad")),
        ("wsclean -name a -beam-sha\npe 6.4asec 5.4asec 5deg -niter 10", (6.4, 5.4, 5.0, "WSClean")),
        ("wsclean -circular-beam -beam-size 6.4 -niter 10", (6.4, 6.4, None, "WSClean")),
        ("RESTOR: Executed\nRESTOR:   fwhm=6.4,5.4\nRESTOR:   pa=5", (6.4, 5.4, 5.0, "Miriad")),
        ("AIPS   CLEAN BMAJ=  0.0 BMIN=  0.0 BPA=   0.00", None),
        ("nothing of the kind", None),
    ],
)
def test_the_beam_of_the_history(history: str, found: tuple[float, float, float | None, str] | None) -> None:
    told = beam_history.last(history)
    if found is None:
        assert told is None
    else:
        assert told is not None and told[:2] == pytest.approx(found[:2], rel=1e-3) and told[2:] == found[2:]


def test_the_last_beam_of_the_history_counts() -> None:
    first = "AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00"
    later = 'imsmooth(major="25arcsec", minor="25arcsec", pa="0deg", targetres=True)'
    assert (beam_history.last(f"{first}\n{later}") or ())[:3] == (25.0, 25.0, 0.0)
    assert (beam_history.last(f"{later}\n{first}") or ())[:2] == pytest.approx((6.4, 5.4), rel=1e-3)


@pytest.mark.parametrize(
    "smoothing",
    [
        f"{SMOOTH}, targetres=False)",
        f"{SMOOTH})",
        'taskname=imsmooth\nmajor = "6.4arcsec"\nminor = "5.4arcsec"\npa = "5deg"\ntargetres = False',
        'ia.convolve2d(major="6.4arcsec", minor="5.4arcsec", pa="5deg")',
        "CONVOL:   map=a\nCONVOL:   fwhm=6.4,5.4\nCONVOL:   pa=5",
        "SMOOTH:   fwhm=6.4",
    ],
)
def test_what_an_image_was_smoothed_with_is_no_beam(smoothing: str) -> None:
    first = "AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00"
    notes = Notes()
    assert beams.beam({"HISTORY": f"{first}\n{smoothing}"}, "VLASS", 1.0, notes) is None
    assert notes == ["The HISTORY tells what the image was smoothed with, not its beam before: no beam is known."]
    again = beams.beam({"HISTORY": f"{smoothing}\n{first}"}, "VLASS", 1.0, notes)
    assert again is not None and again.major == pytest.approx(6.4, rel=1e-3)


def test_an_impossible_beam_is_said() -> None:
    wide = cutouts.read(point_source.file(BMAJ=0.1, BMIN=0.1))
    assert "The beam (360″) is wider than the image (180″)." in wide.notes
    fine = cutouts.read(point_source.file(BMAJ=1e-4, BMIN=1e-4))
    assert "The beam (0.36″) is much finer than a pixel (1.8″)." in fine.notes
    assert "much finer than a pixel" in measure(fine).off["flux"] and measure(wide).off.get("flux") is None
    coarse = cutouts.read(point_source.file(CDELT1=-1.8, CDELT2=1.8))
    assert any(note.startswith("Pixels of 1.8° are those of no telescope") for note in coarse.notes)


def test_a_wide_beam_of_a_small_cut_stays_in_degrees() -> None:
    found = beams.beam({"BMAJ": 0.0125, "BMIN": 0.0125, "BPA": 0.0}, None, 0.5, Notes(), width=40)
    assert found is not None and found.major == pytest.approx(45.0)
