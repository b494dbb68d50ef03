"""Files of one image by the letter of the standard are read without astropy: the same cards, pixels and coordinates."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from vlass_explorer import cutouts
from vlass_explorer.cutouts import beams, hdus, pair, plain, sky
from vlass_explorer.cutouts.notes import Notes
from vlass_explorer.datasets import simulated

ASKED = ("BMAJ", "BMIN", "BEAM_MAJ")


def written(folder: Path, *cards: tuple[Any, ...], kind: str = "f4") -> bytes:
    """A simulated cutout with more cards."""
    pixels, header = simulated.simulate("Double Lobes", 0, 3)
    for card in cards:
        header[card[0]] = card[1:]
    fits.PrimaryHDU(pixels[None, None].astype(kind), header).writeto(folder / "a.fits", overwrite=True)
    return (folder / "a.fits").read_bytes()


def changed(data: bytes, old: str, new: str) -> bytes:
    """The file with one card in place of another."""
    assert data.count(old.ljust(80).encode()) == 1
    return data.replace(old.ljust(80).encode(), new.ljust(80).encode())


def same(data: bytes, path: Path) -> bool:
    """Is a file plain, and if so all of it as astropy has it?"""
    found = plain.read(data)
    if found is None:
        return False
    path.write_bytes(data)
    with warnings.catch_warnings(), fits.open(path, memmap=False, uint=False) as opened:
        warnings.simplefilter("error")
        cards, bad = hdus.cards_of(opened[0].header)
        assert list(found.cards.items()) == list(cards.items()) and not bad and len(opened) == 1
        assert [type(value) for value in found.cards.values()] == [type(value) for value in cards.values()]
        told = beams.comments(opened[0].header)
        assert {key: found.comments[key] for key in told} == told and found.name == opened[0].name
        assert np.array_equal(found.section, opened[0].data, equal_nan=True)
    return True


def test_what_is_plain_is_read_as_astropy_reads_it(tmp_path: Path) -> None:
    assert same(written(tmp_path), tmp_path / "b.fits")
    cards: tuple[tuple[Any, ...], ...] = (
        ("BSCALE", 1.0),
        ("BZERO", 0.0),
        ("EXTEND", True),
        ("BMAJ", 7e-4, "beam's axis, in deg / deg"),
        ("A", 1e-300),
        ("B-1", -17),
        ("C_2", ""),
        ("D", "  of   blanks "),
        ("E", 123456789012345.6),
        ("OBJECT", "a/b", "c / d"),
    )
    assert same(written(tmp_path, *cards), tmp_path / "b.fits")
    assert same(written(tmp_path, *cards, kind="f8"), tmp_path / "b.fits")
    data = written(tmp_path)
    for value in (
        "1E5",
        "1.",
        ".5",
        "-1.5D+02",
        "+7",
        "007",
        "                   1 /",
        "T",
        "'x'/y",
        "''",
        "2.e5   / it's",
    ):
        card = f"OBSERVER= {value}"
        assert same(changed(data, "OBSERVER= 'simulated'", card), tmp_path / "b.fits"), card
    # The first of two cards counts, as in astropy.
    assert same(changed(data, "OBSERVER= 'simulated'", "BMAJ    = 1.0"), tmp_path / "b.fits")


@pytest.mark.parametrize(
    "card",
    [
        "OBSERVER= 'it''s'",
        "OBSERVER= '' / 'x'",
        "OBSERVER= 'AXIS.1: 2'",
        "OBSERVER= 'long&'",
        "OBSERVER= (1.0, 2.0)",
        "OBSERVER=",
        "OBSERVER= 12 34",
        "OBSERVER=1",
        "observer= 1",
        "OBSERVER 'x'",
        "BLANK   = 0",
        "HIERARCH a b = 1",
        "OBSERVER= 'open",
        "OBSERVER= 'caf\xe9'",
        "CONTINUE  'x'",
        "EXTNAME = 'R'",
        "BSCALE  = 2.0",
        "BZERO   = 1.5",
        "PCOUNT  = 4",
        "GROUPS  = T",
        "ZIMAGE  = T",
        "OBSERVER= 1.0E999",
        "        = 1",
        "NAXIS5  = 2",
        "OBSERVER= 1234567890123456789",
        "OBSERVER= 'x' y",
        "OBSERVER= True",
    ],
)
def test_what_is_not_plain_is_left_to_astropy(tmp_path: Path, card: str) -> None:
    data = written(tmp_path)
    place = data.index(b"OBSERVER= ")
    assert plain.read(data[:place] + card.encode("latin-1").ljust(80) + data[place + 80 :]) is None


def test_files_that_are_longer_or_shorter_are_left_to_astropy(tmp_path: Path) -> None:
    data = written(tmp_path)
    assert plain.read(data) is not None
    for other in (data[:-1], data[:-2880], data + b"\0", data + bytes(2880), data[:2880], b"", b"SIMPLE".ljust(2880)):
        assert plain.read(other) is None
    assert plain.read(written(tmp_path, kind="i2")) is None
    swapped = changed(data, "NAXIS1  =                  181", "NAXISX  =                  181")
    assert plain.read(swapped) is None
    assert plain.read(data.replace(b"NAXIS2  =                  181", b"NAXIS2  =                    0")) is None


def test_a_cutout_is_the_same_by_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.fits").write_bytes(written(tmp_path, ("BSCALE", 1.0), ("PC1_2", 0.0), ("FILNAM01", "VLASS3")))
    header = simulated.simulate("Double Lobes", 0, 3)[1]
    place = (header["CRVAL1"], header["CRVAL2"])
    for options in ({}, {"box": (20, 90, 30, 120)}, {"position": place, "size_arcsec": 60.0}):
        quick = cutouts.read(tmp_path / "a.fits", **options)
        with monkeypatch.context() as patch:
            patch.setattr(plain, "read", lambda data: None)
            slow = cutouts.read(tmp_path / "a.fits", **options)
        assert quick.pixels.tobytes() == slow.pixels.tobytes() and list(quick.header.items()) == list(
            slow.header.items()
        )
        for name in ("sha256", "unit", "beam", "noise", "origin", "notes", "more_notes", "row0", "kind", "planes"):
            assert getattr(quick, name) == getattr(slow, name)
        assert quick.wcs is not None and slow.wcs is not None and quick.wcs.wcs.compare(slow.wcs.wcs)
        assert quick.pixel_shape is not None and slow.pixel_shape is not None
        assert quick.pixel_shape.steps.tobytes() == slow.pixel_shape.steps.tobytes()


@pytest.mark.parametrize(
    "cards",
    [
        {"CDELT1": -5e-4, "CDELT2": 5e-4},
        {"CDELT1": -1.8 / 3600, "CDELT2": 1.8 / 3600, "CROTA2": 33.3},
        {"CD1_1": -2.7777777777777778e-4, "CD1_2": 1.1e-5, "CD2_1": 1.1e-5, "CD2_2": 2.7777777777777778e-4},
        {"CDELT1": -5e-4, "CDELT2": 5e-4, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8, "LONPOLE": 170.0},
        {"CDELT1": -5e-4, "CDELT2": 5e-4, "PV2_1": 0.1, "RADESYS": "FK4", "DATE-OBS": "1988-01-01", "MJD-OBS": 47161.0},
        {"CD1_1": -5e-4, "CD2_2": 5e-4, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6},
    ],
)
@pytest.mark.parametrize("kind", ["SIN", "TAN", "ZEA", "NCP"])
def test_coordinates_are_those_of_astropy_to_the_last_bit(cards: dict[str, Any], kind: str) -> None:
    if "PV2_1" in cards and kind != "SIN":
        pytest.skip("PV2_1 is a number of other projections")
    place = {"CRVAL1": 201.36506333333334, "CRVAL2": -43.01911, "CRPIX1": 91.0, "CRPIX2": 90.5}
    header = pair.header({"CTYPE1": f"RA---{kind}", "CTYPE2": f"DEC--{kind}", **place, **cards}, (1, 2), Notes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = sky._made(header), WCS(fits.Header(header))
    assert ours.wcs.compare(theirs.wcs) and ours.to_header_string(relax=True) == theirs.to_header_string(relax=True)
    assert set(vars(ours)) == set(vars(theirs)) and ours.naxis == theirs.naxis == 2
    points = np.random.default_rng(1).uniform(0.0, 180.0, (40, 2))
    assert np.array_equal(ours.all_pix2world(points, 0), theirs.all_pix2world(points, 0))


def test_real_files_are_read_as_astropy_reads_them(tmp_path: Path, data_dir: Path) -> None:
    root = data_dir / "cutouts"
    files = [path for path in sorted(root.rglob("*.fits")) if path.stat().st_size < 8 << 20]
    assert sum(same(path.read_bytes(), tmp_path / "b.fits") for path in files) > 25
