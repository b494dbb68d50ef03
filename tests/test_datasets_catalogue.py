"""Catalogue beside FITS images: each source is cut from the image that covers it best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from vlass_explorer import cutouts, datasets
from vlass_explorer.datasets import catalogue, splits
from vlass_explorer.schema import CutoutError, DatasetError

RANDOM = np.random.default_rng(0)


def tile(path: Path, ra: float, dec: float, side: int = 400, axes: int = 2) -> WCS:
    """A tile of noise with pixels of 2 arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---SIN", "DEC--SIN"], [ra, dec]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-2 / 3600, 2 / 3600], [(side + 1) / 2] * 2
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.normal(0, 1, (side, side)).astype(np.float32)
    fits.PrimaryHDU(pixels.reshape((1,) * (axes - 2) + pixels.shape), wcs.to_header()).writeto(path)
    return wcs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tiles that overlap, one of them four-dimensional and in a sub-folder."""
    tile(tmp_path / "east.fits", 150.15, 2.0)
    tile(tmp_path / "more" / "west.fits", 150.0, 2.0, axes=4)
    return tmp_path


def table(folder: Path, text: str) -> Path:
    (folder / "catalogue.csv").write_text(text)
    return folder


def test_sources_are_cut_from_the_tile_in_which_they_lie_deepest(folder: Path) -> None:
    rows = "RA_deg,Dec_deg,label,name,fold\n150.16,2.01,FRI,a,0\n149.99,1.99,FRII,b,1\n150.08,2.0,FRI,c,2\n"
    found = datasets.load("class_folders", table(folder, rows))
    assert datasets.recognise(folder) == "catalogue" and found.label_names == ("FRI", "FRII")
    assert [(item.name, item.label, item.fold, item.ra) for item in found.items] == [
        ("a", 0, 0, 150.16),
        ("b", 1, 1, 149.99),
        ("c", 0, 2, 150.08),
    ]
    for item, file in zip(found.items, ("east.fits", "more/west.fits", "east.fits"), strict=True):
        cutout = item.read()
        whole = cutouts.read(folder / file)
        x, y = cutout.wcs.world_to_pixel_values(item.ra, item.dec)
        assert cutout.shape == (270, 270) and abs(x - 134.5) <= 0.51 and abs(y - 134.5) <= 0.51
        column, row = (round(float(v)) for v in whole.wcs.world_to_pixel_values(item.ra, item.dec))
        assert cutout.pixels[round(float(y)), round(float(x))] == whole.pixels[row, column]
    assert found.pixel_scale_arcsec == pytest.approx(2.0)
    assert splits.groups(list(found.items)).tolist() == [0, 1, 2]


def test_real_cutouts_are_found_by_position(data_dir: Path, tmp_path: Path) -> None:
    for path in (data_dir / "cutouts" / "vlass").glob("VLASS*.fits"):
        (tmp_path / path.name).symlink_to(path)
    found = datasets.load("catalogue", table(tmp_path, "ra,dec,label\n3.49042,-9.33092,FRII\n"))
    assert found.survey == "VLASS" and found.items[0].name == "line 2"
    assert np.isfinite(found.items[0].read().pixels).sum() > 10_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ra,dec\n1,2\n", "needs the columns ra and dec and label"),
        ("ra,dec,label\n150.0,,x\n", "line 2 has no ra or no dec"),
        ("ra,dec,label\n150.0,95,x\n", "line 2: dec is '95'"),
        ("ra,dec,label\n", "The catalogue has no rows"),
        ("ra,dec,label\n150.0,2.0,x\n330.0,-2.0,x\n10.0,2.0,y\n", "2 of 3 sources lie in none of the 3 FITS"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_told(text: str, reason: str, folder: Path) -> None:
    (folder / "broken.fits").write_bytes(b"SIMPLE  = nothing")
    with pytest.raises(DatasetError) as error:
        catalogue.load(table(folder, text))
    assert reason in str(error.value)


def test_a_folder_without_catalogue_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"needs a folder with catalogue\.csv"):
        catalogue.load(tmp_path)


def test_extent_is_told_from_headers_alone(folder: Path, tmp_path: Path) -> None:
    wcs = cutouts.extent(folder / "more" / "west.fits")
    assert wcs.array_shape == (400, 400) and wcs.wcs.crval == pytest.approx([150.0, 2.0])
    fits.PrimaryHDU(np.zeros((20, 20))).writeto(tmp_path / "plain.fits")
    (tmp_path / "text.fits").write_text("no image")
    for name, reason in (("plain.fits", "no usable sky coordinates"), ("text.fits", "damaged")):
        with pytest.raises(CutoutError, match=reason):
            cutouts.extent(tmp_path / name)
