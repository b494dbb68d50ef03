"""Bad input: forged, damaged and empty files, broken coordinates, names, warnings; every real file."""

from __future__ import annotations

import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from fits_bytes import packed, primary, refused

from vlass_explorer import cutouts
from vlass_explorer.schema import CutoutError


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "VELO", "CTYPE2": "FREQ"},
        {"CDELT1": 0.0},
        {"CRVAL2": "abc"},
        {"CTYPE1": "RA---ZZZ", "CTYPE2": "DEC--ZZZ"},
        {"CTYPE1": "RA---TAN", "CTYPE2": "RA---TAN"},
        {"CRVAL2": 4000.0},
        {"CRPIX1": 1e30},
        {"CDELT2": None},
        {"CRPIX1": "middle"},
    ],
)
def test_broken_coordinates_are_left_out_with_a_note(cards: dict[str, object]) -> None:
    cutout = cutouts.read(primary(**cards))
    assert cutout.wcs is None and cutout.pixel_scale is None and cutout.row0 == "unknown"
    assert any("coordinates" in note and "left out" in note for note in cutout.notes)


def test_without_any_pixel_size_no_pixel_of_a_degree_is_made_up() -> None:
    """The standard's default of CDELT; beside a PC matrix it is what the file means."""
    for missing in ({"CDELT1": None}, {"CDELT1": None, "CDELT2": None}):
        data = primary(**missing)
        cutout = cutouts.read(data)
        said = [note for note in cutout.notes if "no pixel size (CDELT, CD or PC)" in note]
        assert cutout.wcs is None and len(said) == 1 and "default of 1°" in said[0]
        assert cutouts.read(data, pixel_scale=1.8).pixel_scale == (1.8, 1.8)
    for given in ({"PC1_1": -5e-4, "PC2_2": 5e-4}, {"CD1_1": -5e-4, "CD2_2": 5e-4}):
        assert cutouts.read(primary(CDELT1=None, CDELT2=None, **given)).pixel_scale == pytest.approx((1.8, 1.8))


def test_an_unreadable_card_costs_only_itself() -> None:
    data = primary(DATE="2020-01-01").replace(b"CRVAL1  =                150.0", b"CRVAL1  =             15 x 0.0")
    cutout = cutouts.read(data)
    assert cutout.wcs is None and cutout.header["DATE"] == "2020-01-01" and "CRVAL1" not in cutout.header
    assert any("CRVAL1 is absent or unreadable" in note for note in cutout.notes)
    assert "1 unreadable header card left out." in cutout.notes


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\data\\a.fits", "a.fits"),
        ("<img src=x onerror=alert(1)>.fits", "<img src=x onerror=alert(1)>.fits"),
        ("a\x00b\x1b[31m\u202e.fits\n", "ab[31m.fits"),
        ("/", "unnamed"),
        ("", "unnamed"),
        ("x" * 300 + ".fits", "x" * 195 + ".fits"),
    ],
)
def test_names_are_base_names(given: str, kept: str) -> None:
    assert cutouts.read(primary(), given).name == kept


def test_bad_files_end_in_one_sentence(tmp_path: Path) -> None:
    assert "cut short" in refused(primary()[:5000])
    assert "no end" in refused(primary()[:1000])
    assert "is no FITS" in refused(b"RA,Dec\n1,2\n" * 100, name="a.fits")
    assert "empty" in refused(b"")
    assert "NaN" in refused(primary(np.full((20, 20), np.nan, np.float32)))
    assert "the value 3" in refused(primary(np.full((20, 20), 3.0, np.float32)))
    assert "1 × 1" in refused(primary(np.ones((1, 1), np.float32)))
    sparse = np.full((20, 20), np.nan, np.float32)
    sparse[0, :5] = np.arange(5)
    assert "Only 5 pixels" in refused(primary(sparse))
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.arange(3.0))])
    assert "only a table" in refused(packed(fits.PrimaryHDU(), table))
    assert "nothing but a header" in refused(packed(fits.PrimaryHDU()))
    huge = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 4000, "NAXIS2": 4000, "EXTEND": True})
    assert "cut short" in refused(huge.tostring().encode() + bytes(2880))
    assert "pickle" in refused(b"\x80\x04\x95abc")
    assert ".Z" in refused(b"\x1f\x9d\x90abc")
    with pytest.raises(CutoutError, match="no such file"):
        cutouts.read(tmp_path / "absent.fits")
    with pytest.raises(CutoutError, match="no such file"):
        cutouts.read(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NAXIS", "99999999"),  # astropy would count the axes one by one
        ("NAXIS", "-1"),
        ("NAXIS", "99999999999999999999"),
        ("NAXIS1", "99999999999999999999"),
        ("NAXIS1", "'RA---SIN'"),  # astropy would repeat this text as often as the other axis is long
        ("NAXIS1", "777777701"),
        ("NAXIS2", "-5"),
        ("NAXIS2", "2.5"),
        ("BITPIX", "-31"),
        ("BITPIX", "99"),
    ],
)
def test_forged_sizes_are_refused_at_once(key: str, value: str) -> None:
    data = primary()
    start = data.index(f"{key:8}=".encode())
    forged = data[:start] + f"{key:8}= {value:>20}".encode().ljust(80) + data[start + 80 :]
    tracemalloc.start()
    refused(forged)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_warnings_of_one_thread_stay_in_its_cutout() -> None:
    odd = primary(DUMMY=-1).replace(b"DUMMY   =", b"BLANK   =")
    notes: dict[int, list[tuple[str, ...]]] = {0: [], 1: []}

    def work(which: int) -> None:
        for _ in range(8):
            notes[which].append(cutouts.read(odd if which else primary()).notes)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    shown = warnings.showwarning
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes[0] == [()] * 8
    told = "The header has a BLANK value that does not apply to floating-point pixels and is ignored."
    assert notes[1] == [(told,)] * 8
    assert warnings.showwarning is shown


def test_every_real_file_is_read_or_refused(data_dir: Path) -> None:
    outcomes: dict[str, str] = {}
    for path in sorted((data_dir / "cutouts").rglob("*")):
        if path.is_file():
            try:
                cutout = cutouts.read(path)
                assert cutout.header or cutout.kind != "fits"
                outcomes[path.name] = "read"
            except CutoutError as error:
                outcomes[path.name] = str(error)
    refusals = {name: text for name, text in outcomes.items() if text != "read" and not name.endswith(".header")}
    expected = {
        "1904-66_SIN_psf.fits": "value 0.24",
        "1904_comp.fits": "only a table",
        "blank.fits": "1 × 1 pixels",
        "double_ext.fits": "5 × 5 pixels",
        "header_newlines.fits": "1 × 1 pixels",
        "lzw.fits.Z": "uncompress",
        "random_groups.fits": "visibilities",
        "table.fits": "only a table",
        "zerowidth.fits": "no pixels",
    }
    assert refusals.keys() == expected.keys()
    for name, words in expected.items():
        assert words in refusals[name]
    headers = [text for name, text in outcomes.items() if name.endswith(".header")]
    assert headers and all("saved as text" in text for text in headers)
