"""Rows of cutouts: position, edge, noise, sizes and scores against what was put in; cutouts without a prediction."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from vlass_explorer import __version__, measure
from vlass_explorer.catalogue import rows
from vlass_explorer.datasets import identity
from vlass_explorer.schema import (
    Beam,
    Checkpoint,
    Cutout,
    Cutouts,
    InputError,
    InputSpec,
    Origin,
    Prediction,
    Row,
    Seen,
    Validity,
)

SCALE = 1.5
CARD = Checkpoint("tiny", None, "cnn", "morphology", ("FR, I", "FRII"), InputSpec(), sha256="ab12")  # type: ignore[arg-type]
PREDICTION = Prediction(
    CARD.label_names, np.array([2.0, 1.0]), np.array([0.75, 0.25]), Validity("caution", ("Untested.",))
)


def wcs(shape: tuple[int, int], *, frame: str = "icrs") -> WCS:
    found = WCS(naxis=2)
    found.wcs.ctype = ["RA---SIN", "DEC--SIN"] if frame == "icrs" else ["GLON-SIN", "GLAT-SIN"]
    found.wcs.crval = [150.0, 30.0]
    found.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    found.wcs.cdelt = [-SCALE / 3600.0, SCALE / 3600.0]
    found.array_shape = shape
    return found


def cutout(y: float = 60.0, x: float = 60.0, *, shape: tuple[int, int] = (121, 121), frame: str = "icrs") -> Cutout:
    """A source of 10 mJy/beam, beam 6″ × 3″, in noise of 0.1 mJy/beam, at pixel (y, x)."""
    rng = np.random.default_rng(3)
    rows_, columns = np.mgrid[: shape[0], : shape[1]]
    sigma = np.sqrt(6.0 * 3.0) / SCALE / 2.3548
    pixels = rng.normal(0, 0.1, shape) + 10.0 * np.exp(-((rows_ - y) ** 2 + (columns - x) ** 2) / 2 / sigma**2)
    pixels = pixels.astype(np.float32)
    origin = Origin("VLASS", "total intensity", 3.0, "2.1", "T10t01", "v1", "2020-01-02", quick_look=True)
    beam = Beam(6.0, 3.0, 20.0, assumed=True, source="nominal")
    return Cutout(
        "source.fits",
        pixels,
        "mJy/beam",
        wcs(shape, frame=frame),
        beam,
        measure.noise(pixels),
        origin=origin,
        notes=("No unit.",),
        more_notes=("An old date.",),
        sha256="cd34",
    )


def test_a_row_holds_what_is_known() -> None:
    one = cutout(64, 57)
    measured = measure.measure(one)
    row = rows.of(one, PREDICTION, measured, CARD, id="7", group=3)
    assert (row.id, row.name, row.group_id, row.cutout_sha256) == ("7", "source.fits", 3, "cd34")
    assert (row.checkpoint, row.checkpoint_sha256, row.version) == ("tiny", "ab12", __version__)
    assert (row.label, row.score, dict(row.scores)) == ("FR, I", 0.75, {"FR, I": 0.75, "FRII": 0.25})
    assert row.more_notes == ("An old date.",)
    assert (row.validity, row.reasons, row.notes, row.error) == ("caution", ("Untested.",), ("No unit.",), None)
    assert (row.survey, row.product, row.vlass_epoch, row.quick_look) == ("VLASS", "total intensity", "2.1", True)
    assert (row.beam_major, row.beam_minor, row.beam_pa, row.beam_assumed) == (6.0, 3.0, 20.0, True)
    assert row.pixel_scale == pytest.approx(SCALE)
    assert row.rms == pytest.approx(1e-4, rel=0.05)
    assert row.peak == pytest.approx(1e-2, rel=0.05)
    assert row.snr == pytest.approx(row.peak / row.rms)
    assert row.rms_source == one.noise.method.replace("σ", " sigma") and row.rms_pixels == one.noise.pixels
    assert row.angular_size_beams == pytest.approx(row.angular_size / np.sqrt(18.0))
    assert (row.detected, row.at_edge, row.position_given) == (True, False, False)


def test_every_measurement_stands_in_its_column_in_its_unit() -> None:
    """Fields of the same name are equal, brightness in Jy/beam; numbers are those of a resolved source in a bowl."""
    given = measure.Measurements(
        20.0,
        (60, 60),
        0.1,
        200.0,
        30.0,
        50,
        peak_fit=19.0,
        peak_error=0.2,
        major=12.0,
        minor=5.0,
        pa=33.0,
        major_error=0.5,
        minor_error=0.4,
        size_limit=2.0,
        flux=0.3,
        flux_error=0.01,
        flux_raw=0.29,
        flux_beams=17.5,
        flux_limit=0.001,
        flux_scale_error=0.03,
        flux_corrected=0.35,
        flux_scale_source="A 2020",
        bowl=-0.05,
        blanked=4,
        notes=("In a bowl.",),
        off={"flux_limit": "No."},
    )
    row = rows.of(cutout(), PREDICTION, given, CARD)
    brightness = {"peak", "peak_fit", "peak_error", "rms", "bowl"}
    shared = {field.name for field in fields(measure.Measurements)} & {field.name for field in fields(Row)}
    assert {field.name for field in fields(measure.Measurements)} - shared == {"peak_yx", "source_pixels", "off"}
    for name in shared - {"notes", "at_edge"}:
        value = getattr(given, name)
        assert getattr(row, name) == (pytest.approx(1e-3 * value) if name in brightness else value), name
    assert (row.measurement_notes, row.not_measured) == (("In a bowl.",), ("flux_limit: No.",))
    assert row.major_beams == pytest.approx(12.0 / np.sqrt(18.0))


def test_the_source_is_off_the_centre_by_its_offset() -> None:
    row = rows.of(one := cutout(64, 57), PREDICTION, measure.measure(one), CARD)
    assert (row.ra, row.dec) == pytest.approx((150.0, 30.0))
    assert row.offset == pytest.approx(np.hypot(4, 3) * SCALE, rel=1e-6)
    assert row.peak_dec == pytest.approx(30.0 + 4 * SCALE / 3600, abs=1e-7)
    assert row.peak_ra == pytest.approx(150.0 + 3 * SCALE / 3600 / np.cos(np.radians(30.0)), abs=1e-6)
    asked = rows.of(one, PREDICTION, measure.measure(one), CARD, position=(row.peak_ra, row.peak_dec))
    assert (asked.ra, asked.dec, asked.position_given) == (row.peak_ra, row.peak_dec, True)
    assert asked.offset == pytest.approx(0.0, abs=1e-6)


def test_positions_are_icrs_whatever_the_cutout_counts_in() -> None:
    one = cutout(frame="galactic")
    row = rows.of(one, PREDICTION, measure.measure(one), CARD)
    centre = SkyCoord(150.0 * u.deg, 30.0 * u.deg, frame="galactic").icrs
    assert (row.ra, row.dec) == pytest.approx((centre.ra.deg, centre.dec.deg))


def test_a_source_at_the_border_or_beside_missing_pixels_is_at_the_edge() -> None:
    small = cutout(2, 30, shape=(61, 61))
    blank = cutout()
    pixels = blank.pixels.copy()
    pixels[:, 63:] = np.nan
    for one in (small, replace(blank, pixels=pixels)):
        assert rows.of(one, PREDICTION, measure.measure(one), CARD).at_edge is True


def test_without_source_coordinates_or_unit_the_columns_are_empty() -> None:
    empty = cutout(1e6, 1e6)
    row = rows.of(empty, PREDICTION, measure.measure(empty), CARD)
    assert (row.detected, row.at_edge, row.offset, row.peak_ra, row.flux) == (False, None, None, None, None)
    assert row.ra == pytest.approx(150.0)
    assert any(reason.startswith("flux: There is no emission") for reason in row.not_measured)
    array = replace(cutout(), wcs=None, unit=None, beam=None, kind="array")
    row = rows.of(array, PREDICTION, measure.measure(array), CARD)
    assert (row.ra, row.offset, row.peak, row.rms, row.pixel_scale, row.angular_size_beams) == (None,) * 6
    assert row.snr is not None


def test_a_cutout_without_a_prediction_keeps_its_measurements_and_says_why() -> None:
    one = cutout()
    row = rows.of(one, InputError("No noise."), measure.measure(one), CARD)
    assert (row.error, row.label, dict(row.scores), row.validity) == ("No noise.", None, {}, None)
    assert row.peak == pytest.approx(1e-2, rel=0.05)
    bad = rows.failed("x/bad.fits", "bad.fits", InputError("No file."), CARD, position=(1.0, 2.0))
    assert (bad.error, bad.ra, bad.dec, bad.checkpoint, bad.detected) == ("No file.", 1.0, 2.0, "tiny", None)


def test_what_the_checkpoint_has_seen_is_told_by_pixels_and_by_place() -> None:
    one = cutout()
    measured = measure.measure(one)

    def told(seen: Seen | None) -> str | None:
        return rows.of(one, PREDICTION, measured, CARD, seen=seen).seen

    copy = Cutouts(np.array([identity.content(one)]), np.array([[np.nan, np.nan]]))
    near = Cutouts(np.array(["0" * 16]), np.array([[150.0, 30.001]]))
    assert told(None) == "unknown"
    assert told(Seen()) == "unseen"
    assert told(Seen(train=copy)) == "trained"
    assert told(Seen(selected=near)) == "selected"
    assert rows.of(one, PREDICTION, measured, CARD).content == identity.content(one)
