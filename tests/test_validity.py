"""Each rule of validity on made cutouts, and the verdicts on the real files from a FIRST checkpoint."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.wcs import WCS

from vlass_explorer import cutouts, match, measure, validity
from vlass_explorer.schema import Beam, Cutout, CutoutError, InputSpec, Origin

FIRST = InputSpec(survey="FIRST", frequency_ghz=1.4, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
RNG = np.random.default_rng(5)


def source(y: float = 74.5, x: float = 74.5, peak: float = 0.05, fwhm: float = 4.0) -> Cutout:
    """150 x 150 pixels of 1.8 arcsec with one source, as FIRST."""
    yy, xx = np.indices((150, 150))
    image = peak * np.exp(-4 * np.log(2) * ((yy - y) ** 2 + (xx - x) ** 2) / fwhm**2)
    pixels = (image + RNG.normal(0, 1.5e-4, image.shape)).astype(np.float32)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-0.0005, 0.0005]
    wcs.wcs.crpix = [75.5, 75.5]
    wcs.wcs.crval = [150, 30]
    origin = Origin(survey="FIRST", product="total intensity", frequency_ghz=1.4)
    return Cutout("a.fits", pixels, "Jy/beam", wcs, Beam(5.4, 5.4), measure.noise(pixels), {}, origin)


def told(cutout: Cutout, spec: InputSpec = FIRST) -> tuple[str, str]:
    found = validity.check(cutout, spec)
    return found.level, " ".join(found.reasons)


def test_what_was_trained_on_is_ok() -> None:
    assert validity.check(source(), FIRST).reasons == ()
    assert validity.check(source(), FIRST).level == "ok"


@pytest.mark.parametrize("product", sorted(validity.PRODUCTS))
def test_products_that_are_no_total_intensity(product: str) -> None:
    cutout = replace(source(), origin=Origin(survey="FIRST", product=product, frequency_ghz=1.4))
    level, text = told(cutout)
    assert level == "outside" and "not a total-intensity image" in text


@pytest.mark.parametrize(
    ("unit", "level"), [("Jy/beam", "ok"), ("mJy/beam", "ok"), (None, "caution"), ("DN", "outside"), ("K", "outside")]
)
def test_units(unit: str | None, level: str) -> None:
    assert told(replace(source(), unit=unit))[0] == level
    assert told(replace(source(), unit=unit), replace(FIRST, unit=None))[0] == "ok"


def test_a_matched_cutout_of_another_survey_stays_one() -> None:
    vlass = Origin(survey="VLASS", product="total intensity", frequency_ghz=3.0)
    native = replace(source(), origin=vlass, beam=Beam(3.0, 2.2))
    assert validity.check(match.to_training(native, FIRST), FIRST).reasons == (
        "VLASS at FIRST's beam, 3 GHz instead of 1.4 GHz: structure resolved out by VLASS stays missing.",
    )
    assert validity.check(match.smooth(native, Beam(4.9, 4.9)), FIRST).reasons == (
        "Trained on FIRST (1.4 GHz, 5.4″). This is VLASS (3 GHz, 4.9″): untested.",
    )


def test_regridded_pixels_are_square_ones() -> None:
    oblong = replace(source(), sha256="")
    assert oblong.wcs is not None
    oblong.wcs.wcs.cdelt = [-0.0005, 0.0007]
    assert told(oblong)[0] == "outside"
    assert told(match.to_training(oblong, FIRST)) == ("ok", "")


def test_survey_frequency_beam_and_pixels() -> None:
    vlass = Origin(survey="VLASS", product="total intensity", frequency_ghz=3.0)
    assert validity.check(replace(source(), origin=vlass, beam=Beam(3.0, 2.2)), FIRST).reasons == (
        "Trained on FIRST (1.4 GHz, 5.4″). This is VLASS (3 GHz, 3.0″×2.2″): untested.",
    )
    wide = replace(source(), origin=replace(vlass, survey="NVSS", frequency_ghz=1.4), beam=Beam(45.0, 45.0))
    level, text = told(wide)
    assert level == "outside" and "This is NVSS (1.4 GHz, 45″): its beam is 8.3 times as wide" in text
    level, text = told(replace(source(), beam=Beam(1.3, 1.3)))
    assert level == "outside" and "4.2 times finer" in text
    assert told(replace(source(), beam=Beam(6.4, 5.4)))[0] == "ok"  # FIRST's own southern beam
    level, text = told(replace(source(), beam=Beam(8.0, 8.0)))
    assert level == "caution" and "The beam of this image is 8.0″" in text
    level, text = told(replace(source(), origin=replace(source().origin, frequency_ghz=0.3)))
    assert level == "caution" and "300 MHz" in text
    level, text = told(source(), replace(FIRST, pixel_scale_arcsec=1.0))
    assert level == "caution" and "pixels of 1″" in text and "1.8″" in text
    assert "an unnamed survey" in told(replace(source(), origin=replace(source().origin, survey=None)))[1]


def test_a_source_smaller_than_the_beam_has_no_morphology() -> None:
    beam = 5.4 / 1.8
    assert told(source(fwhm=beam)) == ("ok", "The source is smaller than the beam: no morphology.")
    assert told(source(fwhm=1.4 * beam))[0] == "ok"


def test_plates_and_coarse_pixels_are_outside() -> None:
    counts = np.round(source().pixels * 1e5 + 4000).astype(np.float32)
    plate = replace(source(), pixels=counts, unit=None, beam=None, origin=Origin())
    level, text = told(plate)
    assert level == "outside" and "photographic plate" in text
    assert told(replace(plate, pixels=source().pixels))[0] == "caution"
    wcs = source().wcs
    assert wcs is not None
    wcs.wcs.cdelt = [-11 / 3600, 11 / 3600]
    level, text = told(replace(source(), wcs=wcs))
    assert level == "outside" and "Pixels of 11″ are too coarse: trained on 1.8″" in text


def test_simulated_and_real_do_not_mix() -> None:
    simulated = replace(source(), origin=replace(source().origin, simulated=True))
    level, text = told(simulated)
    assert level == "caution" and "This one is simulated" in text
    assert told(simulated, replace(FIRST, simulated=True))[0] == "ok"
    assert told(source(), replace(FIRST, simulated=True))[0] == "caution"
    named = replace(FIRST, survey="FIRST (simulated)")
    assert told(simulated, named)[0] == "ok" and told(source(), named)[0] == "caution"
    level, text = told(replace(source(), origin=replace(source().origin, survey="VLASS")), named)
    assert level == "caution" and text.startswith("Trained on simulated FIRST (1.4 GHz, 5.4″). This is VLASS (")


def test_missing_data() -> None:
    cutout = source()
    pixels = cutout.pixels.copy()
    pixels[:29] = np.nan  # four rows of the field of view of 100
    assert told(replace(cutout, pixels=pixels.copy()))[0] == "ok"
    pixels[:36] = np.nan
    level, text = told(replace(cutout, pixels=pixels.copy()))
    assert level == "caution" and "11 % of the field of view hold no data" in text
    pixels[:80] = np.nan
    assert told(replace(cutout, pixels=pixels))[0] == "outside"
    small = replace(cutout, pixels=cutout.pixels[40:110, 40:110].copy())
    level, text = told(small)
    assert level == "caution" and "51 % of the field of view lie beyond the image" in text


def test_empty_fields() -> None:
    empty = source(peak=0.0)
    assert told(empty)[0] == "outside" and "no emission above 5 rms" in told(empty)[1]
    aside = source(y=118)
    level, text = told(aside)
    assert level == "caution" and "no emission above 5 rms within 30″" in text and "78″ off centre" in text
    outside = source(y=140)
    assert told(outside)[0] == "outside"


def test_a_brighter_neighbour_and_a_large_source() -> None:
    both = source().pixels + source(y=110, peak=0.2).pixels
    level, text = told(replace(source(), pixels=both.astype(np.float32)))
    assert (
        level == "caution"
        and text == "The brightest source lies 64″ off centre; the model expects its source at the centre."
    )
    level, text = told(source(fwhm=40.0))
    assert level == "caution" and "of the 180″ field of view" in text


def test_pictures_and_arrays() -> None:
    clipped = np.where(source().pixels > 5e-4, source().pixels * 5000, 0).astype(np.float32)
    picture = Cutout("a.png", clipped, "count", kind="image")
    level, text = told(picture)
    assert level == "caution"
    assert "stretched is unknown" in text and "central 100 × 100 pixels" in text
    assert validity.check(replace(picture, declared_scale=1.8), FIRST).reasons == (
        "A picture: how its brightness was stretched is unknown.",
    )
    level, text = told(Cutout("a.npy", clipped, kind="array"))
    assert level == "caution" and "″" not in text
    wide = Cutout("a.npy", np.where(clipped > 0, clipped, 0) + source(fwhm=45.0).pixels, kind="array")
    assert re.search(r"spans 1\d\d pixels of the 100 pixels field of view", told(wide)[1])
    dark = np.zeros((150, 150), np.float32)
    dark[0, 0] = 255
    assert told(Cutout("a.png", dark, "count", kind="image"))[0] == "outside"


def test_pixels_too_large_for_the_field_of_view() -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-0.1, 0.1]
    level, text = told(replace(source(), wcs=wcs))
    assert level == "outside" and "unlike the training data" in text


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [
        ("vlass/VLASS*.fits", "caution", "This is VLASS (3 GHz, 3.0″×2.2″): untested."),
        ("vlass/FIRST*.fits", "ok", ""),
        ("vlass/NVSS*.fits", "outside", "This is NVSS (1.4 GHz, 45″)"),
        ("pairs/NVSS/4C*.fits", "outside", "8.3 times as wide"),
        ("pairs/FIRST/4C*.fits", "ok", ""),
        ("lotss/*.fits", "caution", "This is LoTSS (144 MHz, 6.0″): untested."),
        ("first/WISE*.fits", "outside", "infrared"),
        ("first/residual*.fits", "outside", "residual"),
        ("first/*model.fits", "outside", "model"),
        ("first/3C194.fits", "ok", ""),
        ("first/100_016*.fits", "ok", ""),
        ("first/J000410*.fits", "caution", "75 % of the field of view lie beyond the image"),
        ("odd/1904-66_bkg*.fits", "outside", "background"),
        ("odd/scale.fits", "outside", "infrared"),
        ("odd/m13_rice.fits", "outside", "photographic plate"),
        ("surveys/MOST_CenA.fits", "outside", "Pixels of 11″"),
        ("surveys/test_image_mJy.fits", "caution", "smaller than the beam: no morphology"),
    ],
)
def test_verdicts_on_real_files(data_dir: Path, name: str, level: str, words: str) -> None:
    path = next((data_dir / "cutouts").glob(name))
    assert told(cutouts.read(path))[0] == level
    assert words in told(cutouts.read(path))[1]


def test_an_image_of_one_pixel_never_gets_a_verdict(data_dir: Path) -> None:
    with pytest.raises(CutoutError, match="1 × 1"):
        cutouts.read(data_dir / "cutouts" / "odd" / "blank.fits")


def test_labelled_pictures_are_a_caution_never_outside(data_dir: Path) -> None:
    paths = sorted((data_dir / "first-radio-galaxies").rglob("*.png"))[::40]
    assert len(paths) > 40
    assert {told(cutouts.read(path, row0="south"))[0] for path in paths} == {"caution"}
