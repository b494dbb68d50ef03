"""Reading FITS: shapes, extensions, compression, scaling, coordinates and cuts."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import tracemalloc
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS
from fits_bytes import IMAGE, RNG, SKY, packed, primary, refused

from vlass_explorer import cutouts
from vlass_explorer.cutouts.bounds import unpacked
from vlass_explorer.schema import CutoutError


def test_a_plain_image_is_kept_as_stored() -> None:
    data = primary()
    cutout = cutouts.read(data, "a.fits")
    assert cutout.pixels.dtype == np.float32 and cutout.pixels.dtype.isnative
    np.testing.assert_array_equal(cutout.pixels, IMAGE)
    assert (cutout.name, cutout.unit, cutout.kind, cutout.row0, cutout.notes) == (
        "a.fits",
        "Jy/beam",
        "fits",
        "south",
        (),
    )
    assert cutout.beam is not None and (cutout.beam.major, cutout.beam.minor, cutout.beam.pa) == pytest.approx(
        (3, 2.5, 10)
    )
    assert cutout.pixel_scale == pytest.approx((1.0, 1.0))
    assert cutout.sha256 == hashlib.sha256(data).hexdigest()
    assert not cutout.pixels.flags.writeable


@pytest.mark.parametrize("lead", [(1,), (1, 1), (1, 1, 1)])
def test_degenerate_axes_are_dropped(lead: tuple[int, ...]) -> None:
    cutout = cutouts.read(primary(IMAGE.reshape(*lead, *IMAGE.shape)))
    np.testing.assert_array_equal(cutout.pixels, IMAGE)
    words = {1: "one degenerate one dropped", 2: "two degenerate ones dropped", 3: "3 degenerate ones dropped"}
    assert cutout.notes[0] == f"{2 + len(lead)} axes, {words[len(lead)]}."


def test_a_cube_gives_the_plane_asked_for() -> None:
    cube = np.stack([IMAGE, IMAGE + 1, IMAGE + 2, IMAGE + 3]).reshape(2, 2, *IMAGE.shape)
    data = primary(cube, CTYPE3="FREQ", CRVAL3=2e9, CDELT3=1e9, CRPIX3=1, CTYPE4="STOKES", CRVAL4=1, CDELT4=1, CRPIX4=1)
    first = cutouts.read(data)
    assert "A cube of 4 planes: plane 0 is shown." in first.notes
    assert (first.origin.frequency_ghz, first.origin.product) == (2.0, "total intensity")
    last = cutouts.read(data, plane=3)
    np.testing.assert_array_equal(last.pixels, IMAGE + 3)
    assert (last.origin.frequency_ghz, last.origin.product) == (3.0, "stokes QUV")
    assert "The plane shows Stokes Q." in last.notes
    assert first.sha256 != last.sha256
    assert refused(data, plane=4) == "There is no plane 4: the cube has planes 0 to 3."
    assert "one plane" in refused(primary(), plane=1)


def test_the_first_flat_image_of_several_is_shown() -> None:
    empty = fits.PrimaryHDU(header=fits.Header({"SURVEY": "FIRST", "BUNIT": "JY/BEAM"}))
    science = fits.ImageHDU(IMAGE, name="SCI")
    weights = fits.ImageHDU(np.ones((32, 40), np.float32), name="WHT")
    tiny = fits.ImageHDU(np.ones((2, 2), np.float32), name="TINY")
    cutout = cutouts.read(packed(empty, tiny, science, weights))
    np.testing.assert_array_equal(cutout.pixels, IMAGE)
    assert cutout.notes[0] == "3 images in the file: SCI 2 is shown, not TINY 1, WHT 3."
    assert (cutout.unit, cutout.origin.survey) == ("Jy/beam", "FIRST")  # inherited from the primary header


@pytest.mark.parametrize("kind", [">i2", ">i4", "u1", ">f8", ">f4"])
def test_number_types(kind: str) -> None:
    values = RNG.integers(0, 200, (12, 14)).astype(kind)
    cutout = cutouts.read(packed(fits.PrimaryHDU(values)))
    np.testing.assert_array_equal(cutout.pixels, values.astype(np.float32))


@pytest.mark.parametrize("as_path", [True, False])
def test_scaled_integers_with_blank(tmp_path: Path, as_path: bool) -> None:
    hdu = fits.PrimaryHDU(RNG.integers(-999, 999, (10, 11)).astype(np.int16))
    stored = hdu.data.copy()
    stored[3, 4] = -32768
    hdu.data = stored
    hdu.header.update({"BSCALE": 0.5, "BZERO": 10.0, "BLANK": -32768})
    stream = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdu.writeto(stream, output_verify="ignore")
    path = tmp_path / "scaled.fits"
    path.write_bytes(stream.getvalue())
    with fits.open(path) as reference:
        expected = reference[0].data.astype(np.float32)
    cutout = cutouts.read(path if as_path else path.read_bytes())
    np.testing.assert_array_equal(cutout.pixels, expected)


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "i8"])
@pytest.mark.parametrize("as_tiles", [False, True])
def test_blanks_of_any_integers_hold_no_data(kind: str, as_tiles: bool) -> None:
    image = RNG.integers(10, 200, (20, 20)).astype(kind)
    image[:2] = 0
    stored = {"u2": -(2**15), "u4": -(2**31)}.get(kind, 0)  # what 0 is in the file
    if as_tiles and kind == "i8":
        pytest.skip("astropy compresses no 64-bit integers")
    hdu = fits.CompImageHDU(image) if as_tiles else fits.ImageHDU(image)
    hdu.header["BLANK"] = stored
    cutout = cutouts.read(packed(fits.PrimaryHDU(), hdu))
    assert np.isnan(cutout.pixels[:2]).all()
    np.testing.assert_array_equal(cutout.pixels[2:], image[2:].astype(np.float32))
    assert any("10.0 % of the pixels hold no data" in note for note in cutout.notes)


@pytest.mark.parametrize("algorithm", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"])
def test_tile_compression(algorithm: str) -> None:
    image = np.round(IMAGE * 1e7).astype(np.int32)
    cutout = cutouts.read(packed(fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type=algorithm)), "a.fits.fz")
    np.testing.assert_array_equal(cutout.pixels, image.astype(np.float32))
    boxed = cutouts.read(
        packed(fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type=algorithm)), box=(3, 20, 5, 30)
    )
    np.testing.assert_array_equal(boxed.pixels, image[3:20, 5:30].astype(np.float32))


def test_gzip_and_bzip2() -> None:
    for pack in (gzip.compress, bz2.compress):
        cutout = cutouts.read(pack(primary()), "a.fits.gz")
        np.testing.assert_array_equal(cutout.pixels, IMAGE)
    assert "cut short" in refused(gzip.compress(primary())[:-300])
    tracemalloc.start()
    with pytest.raises(CutoutError, match="larger than 1 MB"):
        unpacked(gzip.compress(bytes(30_000_000), 1), 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 40e6  # the 30 MB that are packed here, and little more
    tracemalloc.stop()


def test_missing_data_is_kept_and_told() -> None:
    image = IMAGE.copy()
    image[:8] = np.nan
    image[20, 20] = np.inf
    cutout = cutouts.read(primary(image))
    assert int(np.isnan(cutout.pixels).sum()) == 8 * 40 + 1 and not np.isinf(cutout.pixels).any()
    assert cutout.notes == ("1 infinite pixels are taken as no data.", "25.1 % of the pixels hold no data (NaN).")


def test_row_0_follows_declination() -> None:
    assert cutouts.read(primary(CDELT2=-1 / 3600)).row0 == "north"
    assert cutouts.read(packed(fits.PrimaryHDU(IMAGE)), row0="south").row0 == "south"
    assert cutouts.read(packed(fits.PrimaryHDU(IMAGE))).row0 == "unknown"


def test_cuts_agree_with_astropy(tmp_path: Path) -> None:
    mosaic = RNG.normal(size=(300, 400)).astype(np.float32)
    path = tmp_path / "mosaic.fits"
    path.write_bytes(primary(mosaic, CRPIX1=200.0, CRPIX2=150.0))
    reference = Cutout2D(mosaic, SkyCoord(150.01, 30.01, unit="deg"), (60, 60), WCS(fits.getheader(path)))
    cutout = cutouts.read(path, position=(150.01, 30.01), size_arcsec=60.0)
    np.testing.assert_array_equal(cutout.pixels, reference.data)
    assert cutout.wcs is not None
    here = cutout.wcs.pixel_to_world(31, 12)
    assert here.separation(reference.wcs.pixel_to_world(31, 12)).arcsec < 1e-6
    boxed = cutouts.read(path, box=(100, 150, 30, 90))
    np.testing.assert_array_equal(boxed.pixels, mosaic[100:150, 30:90])
    assert boxed.notes[0] == "Cut from an image of 400 × 300 pixels; the noise is that of the cut."
    edge = cutouts.read(
        path, position=tuple(WCS(fits.getheader(path)).wcs_pix2world([[2.0, 2.0]], 0)[0]), size_arcsec=40.0
    )
    assert edge.shape == (40, 40) and np.isnan(edge.pixels[:18]).all() and np.isfinite(edge.pixels[18:, 18:]).all()
    np.testing.assert_array_equal(edge.pixels[18:, 18:], mosaic[:22, :22])
    data = path.read_bytes()
    assert "outside the image" in refused(data, position=(10.0, 30.0))
    assert "outside the image" in refused(data, position=(330.0, -30.0))
    assert "no position on the sky" in refused(data, position=(0.0, 91.0))
    assert "does not lie inside" in refused(data, box=(0, 301, 0, 10))
    assert "not both" in refused(data, box=(0, 9, 0, 9), position=(150.0, 30.0))
    assert "positive size" in refused(data, position=(150.0, 30.0), size_arcsec=-1.0)


def test_a_mosaic_is_cut_without_reading_it_whole(tmp_path: Path) -> None:
    side = 16000  # 1 GB as float32, sparse on the disk
    path = tmp_path / "mosaic.fits"
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": side, "NAXIS2": side, **SKY})
    start = len(header.tostring())
    with path.open("wb") as stream:
        stream.write(header.tostring().encode())
        stream.truncate(start + -(-side * side * 4 // 2880) * 2880)
        for row in range(32):
            stream.seek(start + 4 * ((9000 + row) * side + 7000))
            stream.write(IMAGE[row].astype(">f4").tobytes())
    whole = "The image has 16,000 × 16,000 pixels: give a position (RA, Dec) or a pixel box to cut from it."
    with pytest.raises(CutoutError) as error:
        cutouts.read(path)
    assert str(error.value) == whole
    tracemalloc.start()
    cutout = cutouts.read(path, box=(9000, 9032, 7000, 7040))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(cutout.pixels, IMAGE)
    assert peak < 20e6
    with pytest.raises(CutoutError, match="choose a smaller one"):
        cutouts.read(path, box=(0, 9000, 0, 9000))


def test_the_vlass_file(data_dir: Path) -> None:
    path = next((data_dir / "cutouts" / "vlass").glob("VLASS*.fits"))
    cutout = cutouts.read(path)
    assert cutout.shape == (241, 241) and cutout.unit == "Jy/beam" and cutout.row0 == "south"
    assert cutout.notes == ("4 axes, two degenerate ones dropped.",)  # astropy's own repairs concern nobody
    assert cutout.wcs is not None
    x, y = cutout.wcs.world_to_pixel(SkyCoord("00h13m57.17s", "-09d19m51.5s"))
    assert (x, y) == pytest.approx((119.8, 119.7), abs=0.5)
    uploaded = cutouts.read(path.read_bytes(), path.name)
    assert cutout.sha256 == uploaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(cutout.pixels, uploaded.pixels)
