"""Survey, product, epoch, date, unit and beam from file names and real headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from vlass_explorer import cutouts
from vlass_explorer.cutouts import beams, units
from vlass_explorer.cutouts.notes import Notes
from vlass_explorer.cutouts.origin import by_name, origin
from vlass_explorer.schema import Origin

QL = "VLASS1.2.ql.T09t22.J141001-043000.10.2048.v1.I.iter1.image.pbcor.tt0.subim.fits"


def cards(path: Path) -> dict[str, Any]:
    """Cards of a header that was saved as text, with or without line ends."""
    text = path.read_text()
    text = text[text.index("SIMPLE") :]
    lines = text.splitlines() if "\n" in text[:100] else [text[i : i + 80] for i in range(0, len(text), 80)]
    kept = [line for line in lines if line[8:10] == "= " and line[:8].strip() not in ("HISTORY", "COMMENT")]
    header = fits.Header.fromstring("\n".join(kept), sep="\n")
    return {card.keyword: card.value for card in header.cards}


@pytest.mark.parametrize(
    ("name", "product"),
    [
        (QL, "total intensity"),
        (QL.replace("tt0", "tt0.rms"), "rms"),
        (QL.replace("tt0", "tt1"), "tt1"),
        (QL.replace("image.pbcor.tt0", "image.alpha"), "alpha"),
        (QL.replace("image.pbcor.tt0", "residual"), "residual"),
        (QL.replace(".I.", ".Q."), "stokes QUV"),
        ("FIRST_model.fits", "model"),
        ("field_psf.fits", "psf"),
        ("remodelled_firms.fits", "total intensity"),
    ],
)
def test_product_by_name(name: str, product: str) -> None:
    assert origin(name, {"BUNIT": "Jy/beam"}, "Jy/beam").product == product


def test_vlass_names() -> None:
    told = origin(QL, {}, "Jy/beam")
    assert (told.survey, told.vlass_epoch, told.tile, told.version) == ("VLASS", "1.2", "T09t22", "v1")
    assert told.quick_look and told.frequency_ghz == 3.0
    single = origin("VLASS2.1.se.T10t01.J000200-003000.06.2048.v2.I.iter3.image.pbcor.tt0.subim.fits", {}, "Jy/beam")
    assert (single.survey, single.version, single.quick_look) == ("VLASS", "v2", False)


def test_a_picture_is_known_by_its_name_alone() -> None:
    assert by_name(QL.replace("tt0", "tt0.rms") + ".png").product == "rms"
    assert by_name("Model_I_no_sub.npy") == Origin()
    assert by_name("simulated_double_lobes.png") == Origin(simulated=True)


@pytest.mark.parametrize(
    ("name", "header", "survey", "product"),
    [
        ("a.fits", {"SURVEY": "FIRST"}, "FIRST", "total intensity"),
        ("a.fits", {"HISTORY": "The FIRST VLA Survey: Copyright 1997"}, "FIRST", "total intensity"),
        ("a.fits", {"HISTORY": "the first survey of its kind"}, None, "total intensity"),
        ("a.fits", {"OBSERVER": "NVSS GRP"}, "NVSS", "total intensity"),
        ("a.fits", {"OBSERVER": "LoTSS", "TELESCOP": "LOFAR"}, "LoTSS", "total intensity"),
        ("a.fits", {"TELESCOP": "WISE"}, "WISE", "infrared"),
        ("a.fits", {"DATASET": "2MASS"}, "2MASS", "infrared"),
        ("a.fits", {"TELESCOP": "UK 48-inch Schmidt"}, None, "optical"),
        ("nvss_J1.fits", {"TELESCOP": "VLA"}, "NVSS", "total intensity"),
        ("my first galaxy.fits", {"TELESCOP": "VLA"}, None, "total intensity"),
        ("thefirsts.fits", {"TELESCOP": "VLA"}, None, "total intensity"),
        ("FIRSTJ000315.0.fits", {"TELESCOP": "VLA"}, "FIRST", "total intensity"),
    ],
)
def test_survey_by_header_then_name(name: str, header: dict[str, Any], survey: str | None, product: str) -> None:
    told = origin(name, header, "Jy/beam")
    assert (told.survey, told.product) == (survey, product)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023-03-26T19:18:44.5", "2023-03-26"),
        ("19970301", "1997-03-01"),
        ("200002", "2000-02"),
        ("11/03/76", "1976-03-11"),
        ("soon", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert origin("a.fits", {"DATE-OBS": text}, None).date == date


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("JY/BEAM", "Jy/beam"),
        ("Jy beam-1", "Jy/beam"),
        ("mJy/beam", "mJy/beam"),
        ("uJy/bm", "uJy/beam"),
        ("DN", "DN"),
        ("Jy/pixel", "Jy/pixel"),
        ("", None),
    ],
)
def test_units(text: str, unit: str | None) -> None:
    notes = Notes()
    assert units.read({"BUNIT": text}, notes) == (unit, 1.0)
    assert bool(notes) == (unit is None)


AIPS = """AIPS   CLEAN BMAJ=  9.0E-03 BMIN=  9.0E-03 BPA=   0.00
AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00"""


@pytest.mark.parametrize(
    ("header", "survey", "beam", "words"),
    [
        ({"BMAJ": 0.002, "BMIN": 0.001, "BPA": 30.0}, None, (7.2, 3.6, 30.0, False), ""),
        ({"BMAJ": "0.002", "BMIN": 0.001, "BPA": 30.0}, None, (7.2, 3.6, 30.0, False), ""),
        ({"HISTORY": AIPS}, "FIRST", (6.40008, 5.4, 5.0, False), "AIPS HISTORY"),
        ({"BMAJ": "INF", "BMIN": 0.001, "BPA": 3.0}, "VLASS", (2.5, 2.5, 0.0, True), "'INF', no finite number"),
        ({"BMAJ": "INF", "BMIN": 0.001}, None, None, "'INF', no finite number"),
        ({"BMAJ": 0.0, "BMIN": 0.0}, None, None, "is none"),
        ({}, "FIRST", (5.4, 5.4, 0.0, True), "nominal 5.4″ of FIRST is assumed"),
        ({}, None, None, ""),
        ({"BMAJ": 0.002}, None, (7.2, 7.2, 0.0, False), "taken as round"),
        ({"BMAJ": 0.001, "BMIN": 0.002, "BPA": 10.0}, None, (7.2, 3.6, 100.0, False), "swapped"),
        ({"BMAJ": 5.4, "BMIN": 5.4, "BPA": 0.0}, "FIRST", (5.4, 5.4, 0.0, False), "read as arcsec"),
    ],
)
def test_beams(header: dict[str, Any], survey: str | None, beam: tuple[float, ...] | None, words: str) -> None:
    notes = Notes()
    found = beams.beam(header, survey, 1.8, notes)
    if beam is None:
        assert found is None
    else:
        assert found is not None
        assert (found.major, found.minor, found.pa) == pytest.approx(beam[:3])
        assert found.assumed == beam[3]
    assert words in " ".join(notes) if words else not notes


def test_a_wide_beam_in_degrees_stays_in_degrees() -> None:
    found = beams.beam({"BMAJ": 0.24, "BMIN": 0.24, "BPA": 0.0}, None, 240.0, Notes())
    assert found is not None and found.major == pytest.approx(864.0)


def test_real_vlass_headers(data_dir: Path) -> None:
    folder = data_dir / "cutouts" / "vlass-headers"
    seen = {}
    for path in sorted(folder.glob("*.header")):
        name = path.name.removesuffix(".header")
        header = cards(path)
        told = origin(name, header, units.read(header, [])[0])
        assert told.survey == "VLASS" and told.date and told.date[:2] == "20", name
        assert told.vlass_epoch == name[5:8] and told.quick_look == (".ql." in name)
        assert told.tile == name.split(".")[3]
        assert origin("download.fits", header, "Jy/beam").survey == "VLASS"  # the header alone says so
        seen[name] = told.product
    assert {product for name, product in seen.items() if ".rms." in name} == {"rms"}
    assert {product for name, product in seen.items() if ".tt1." in name} == {"tt1"}
    infinite = next(folder.glob("VLASS1.1.ql.T06t24*"))
    notes = Notes()
    found = beams.beam(cards(infinite), "VLASS", 1.0, notes)
    assert found is not None and found.assumed and found.major == 2.5
    assert notes == [
        "BMAJ is 'INF', no finite number: ignored.",
        "The file gives no usable beam: the nominal 2.5″ of VLASS is assumed.",
    ]


def test_real_files(data_dir: Path) -> None:
    expected = {
        "first/100_016.732+000.523_0.1538_0026.95.fits": ("FIRST", "total intensity", 5.4, True, None),
        "first/J000410+082157.fits": ("FIRST", "total intensity", 6.4, False, "2009-04-28"),
        "first/J085556.090+491113.15.pybdsm_gaus_model.fits": (None, "model", 5.4, False, None),
        "first/residual_bdsf.fits": ("FIRST", "residual", 5.4, False, "1997-04-14"),
        "first/WISE_J153149.9+113421.7_w1.fits": ("WISE", "infrared", None, None, "2010-02-03"),
        "lotss/P218+55-mosaic.fits": ("LoTSS", "total intensity", 6.0, False, None),
        "vlass/NVSS_J001357.2-091951.5.fits": ("NVSS", "total intensity", 45.0, False, None),
        "pairs/NVSS/4C 34.47_II.fits": ("NVSS", "total intensity", 45.0, True, None),
        "odd/1904-66_bkg_compressed.fits": (None, "background", 864.0, False, None),
        "odd/dss.14.29.56-62.41.05.fits.gz": ("DSS", "optical", None, None, "1976-03-11"),
        "odd/scale.fits": ("2MASS", "infrared", None, None, None),
    }
    for name, (survey, product, major, assumed, date) in expected.items():
        cutout = cutouts.read(data_dir / "cutouts" / name)
        assert (cutout.origin.survey, cutout.origin.product, cutout.origin.date) == (survey, product, date), name
        if major is None:
            assert cutout.beam is None, name
        else:
            assert cutout.beam is not None and cutout.beam.major == pytest.approx(major, rel=1e-4), name
            assert cutout.beam.assumed == assumed, name


def test_dates_that_astropy_only_converts_are_not_called_old(data_dir: Path) -> None:
    path = next((data_dir / "cutouts" / "vlass").glob("VLASS__*"))
    cutout = cutouts.read(path)
    assert not any("old form" in note for note in (*cutout.notes, *cutout.more_notes))
    old = next((data_dir / "cutouts" / "vlass").glob("FIRST_*"))
    assert any("Dates in the header were written in an old form" in note for note in cutouts.read(old).notes)
