"""Two epochs of simulated fields against their truth, bad input in one sentence each, and what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from two_epochs import BEAMS, RMS, Truth, epoch, pair

from vlass_explorer import epochs, match, measure
from vlass_explorer.common_beam import differ, to_common_beam
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.epochs import Comparison, agreement, groups, neighbours, words
from vlass_explorer.epochs.changes import _detectable
from vlass_explorer.export import epochs as export
from vlass_explorer.schema import Beam, Cutout, MatchError, Origin, PairError, Prediction, Validity

QUIET = 1e-6


@cache
def compared(seed: int, truth: Truth) -> Comparison:
    return epochs.compare(*pair(seed, truth))


def near(found: Comparison, pixels: np.ndarray) -> np.ndarray:
    y, x = found.target.peak_yx
    return pixels[y - 6 : y + 7, x - 6 : x + 7]


@pytest.mark.parametrize("seed", [1, 2])
def test_half_an_arcsec_is_found_from_neighbours_and_taken_back(seed: int) -> None:
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    shift = (0.5 * np.cos(angle), 0.5 * np.sin(angle))
    found = compared(seed, Truth(shift=shift, neighbours=12))
    assert found.shift is not None and found.shift.is_known
    wrong = np.hypot(found.shift.east - shift[0], found.shift.north - shift[1])
    assert wrong < 0.05 and wrong < 4 * np.hypot(found.shift.east_error, found.shift.north_error)
    peak = found.target.measured[0].peak
    laid = match.onto(found.second, found.first.wcs, found.first.shape, (-shift[0], -shift[1]))
    assert np.abs(near(found, laid.pixels - found.first.pixels)).max() > 0.05 * peak  # as it would stay
    assert np.sqrt(np.mean(near(found, found.difference.pixels) ** 2)) < 0.03 * peak
    assert "that is taken back" in words.registration(found)


def test_a_constant_source_leaves_less_than_three_per_cent() -> None:
    quiet = compared(4, Truth(rms=QUIET, scale=1.1))
    peak = quiet.target.measured[0].peak
    assert np.abs(near(quiet, quiet.difference.pixels)).max() < 0.01 * peak  # of smoothing and resampling alone
    assert quiet.scale is not None and quiet.scale.value == pytest.approx(1.1, abs=2e-3)
    noisy = compared(4, Truth(scale=1.1))
    assert np.sqrt(np.mean(near(noisy, noisy.difference.pixels) ** 2)) < 0.03 * noisy.target.measured[0].peak
    assert not any(change is not None and change.is_real for change in (*noisy.target.peak, *noisy.target.flux))
    assert noisy.difference.noise is not None and noisy.difference.noise.rms == pytest.approx(1.41 * RMS, rel=0.15)


@pytest.mark.parametrize("change", [0.2, -0.2])
def test_a_change_of_a_fifth_is_told_from_the_field_and_not_from_the_flux_scales(change: float) -> None:
    found = compared(5, Truth(snr=60.0, change=change))
    relative, absolute = found.target.peak
    assert relative is not None and absolute is not None and relative.is_real and not absolute.is_real
    assert relative.share == pytest.approx(change, abs=4 * relative.error / relative.first)
    told = " ".join(words.changes(found))
    assert "it differs" in told and "no more than the errors allow" in told
    values = json.loads(export.comparison_json(found))
    assert values["peak"]["relative"]["differs"] and not values["peak"]["absolute"]["differs"]
    assert [image["file_sha256"] for image in values["images"]] == list(found.files)


def test_too_few_neighbours_say_what_could_be_seen() -> None:
    found = compared(6, Truth(neighbours=4))
    assert found.scale is None and found.target.peak[0] is None and len(found.neighbours) == 4
    assert "4 compact neighbours of at least 10" in words.scale(found)
    assert "a fall of 50 % or a rise of 101 % could be told" in words.scale(found)
    alone = compared(6, Truth(neighbours=0))
    assert alone.shift is None and words.registration(alone).startswith("Not registered: no neighbour")


@pytest.mark.parametrize("shares", [(0.15, 0.15), (0.03, 0.1), (0.0, 0.006)])
def test_the_change_that_can_be_told_is_three_sigma(shares: tuple[float, float]) -> None:
    noise_share = 0.014
    for change in (sign * each for sign, each in zip((-1, 1), _detectable(noise_share, shares), strict=True)):
        error = np.sqrt(noise_share**2 + shares[0] ** 2 + (shares[1] * (1 + change)) ** 2)
        assert abs(change) / error == pytest.approx(3.0)
    assert _detectable(0.01, (0.1, 0.4)) == (np.inf, np.inf)


def test_a_source_that_vanished_and_one_that_is_not_there() -> None:
    gone = compared(7, Truth(change=-1.0))
    assert gone.target.peak[0] is not None and gone.target.peak[0].share == pytest.approx(-1.0, abs=0.06)
    assert gone.target.peak[0].is_real and gone.target.peak[1] is not None and gone.target.peak[1].is_real
    faint = compared(7, Truth(snr=0.5))
    assert not faint.target.detected and "Nothing reaches 5 rms here" in faint.cautions[-1]
    assert faint.target.peak[0] is not None and not faint.target.peak[0].is_real
    assert all("Integrated" not in line for line in words.changes(faint))


def test_variable_neighbours_do_not_set_the_scale() -> None:
    found = compared(8, Truth(neighbours=14))
    spoilt = [
        replace(one, peaks=(one.peaks[0], 1.6 * one.peaks[1])) if place < 2 else one
        for place, one in enumerate(found.neighbours)
    ]
    scale, told = neighbours.scale(spoilt)
    assert scale is not None and scale.value == pytest.approx(1.0, abs=0.03) and scale.count == 12
    assert [one.used for one in told[:3]] == [False, False, True]


def test_the_common_beam_holds_both_and_is_not_much_larger() -> None:
    one, other = pair(9, Truth(neighbours=1, rms=QUIET))
    together = to_common_beam((one, other))
    assert together.smoothed and together.widened and together.cutouts[0].beam is not None
    assert together.beam.solid_angle < 1.6 * max(beam.solid_angle for beam in BEAMS)
    assert differ(*(cutout.beam for cutout in together.cutouts)) == 0.0  # type: ignore[misc]
    same = to_common_beam((one, replace(other, beam=one.beam)))
    assert not same.smoothed and same.cutouts[0] is one
    with pytest.raises(MatchError, match="beam of epoch 2 is not known"):
        to_common_beam((one, replace(other, beam=None)))


def moved(cutout: Cutout, degrees: float) -> Cutout:
    wcs = cutout.wcs.deepcopy()
    wcs.wcs.crval = wcs.wcs.crval + np.array([degrees, 0.0])
    return replace(cutout, wcs=wcs, sha256="moved")


def blanked(cutout: Cutout) -> Cutout:
    pixels = cutout.pixels.copy()
    pixels[150:210, 150:210] = np.nan
    return replace(cutout, pixels=pixels, sha256="")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: moved(c, 5.0), r"VLASS 3.1 does not show this source: the centre of its image is 4.3° away"),
        (lambda c: moved(c, 0.15), r"VLASS 3.1 does not show this source: the centre of its image is 7.8′ away"),
        (lambda c: replace(c, unit=None), "VLASS 3.1 is of no named unit, not in Jy/beam"),
        (lambda c: replace(c, unit="K"), "VLASS 3.1 is in K, not in Jy/beam"),
        (lambda c: replace(c, beam=None), "VLASS 3.1 gives no beam"),
        (lambda c: replace(c, wcs=None), "VLASS 3.1 has no sky coordinates"),
        (lambda c: replace(c, noise=None), "VLASS 3.1 has no noise left"),
        (lambda c: replace(c, kind="image"), "VLASS 3.1 is a picture"),
        (lambda c: replace(c, origin=replace(c.origin, product="rms")), "is no total-intensity image"),
        (lambda c: replace(c, origin=replace(c.origin, frequency_ghz=1.4)), "the spectrum of the source, not a change"),
        (blanked, "VLASS 3.1 holds no data .NaN. at the source"),
        (lambda c: replace(c, sha256="one"), "Both images are the same file of VLASS"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(spoil: object, said: str) -> None:
    one, other = pair(10, Truth(neighbours=1))
    with pytest.raises(PairError, match=said):
        epochs.compare(replace(one, sha256="one"), spoil(other))  # type: ignore[operator]


def test_what_bears_on_a_comparison_is_told() -> None:
    one, other = pair(10, Truth(neighbours=1, epochs=("2.1", "2.1")))
    same = epochs.compare(one, other)
    assert "Both images are VLASS 2.1" in same.cautions[0]
    unknown = epochs.compare(one, replace(other, origin=Origin("VLASS", "total intensity", vlass_epoch="3.1")))
    told = " ".join(words.all_of(unknown))
    assert "The frequency of VLASS 3.1 is not known" in told and "One is a Quick Look image and one is not" in told
    nameless = epochs.compare(one, replace(other, origin=Origin(frequency_ghz=3.0)))
    assert nameless.target.peak == (None, None) and "there is no absolute verdict" in " ".join(words.changes(nameless))
    milli = replace(other, pixels=other.pixels * np.float32(1e3), unit="mJy/beam", sha256="")
    milli = replace(milli, noise=measure.noise(milli.pixels))
    alike = epochs.compare(one, milli)
    assert alike.target.measured[1].peak == pytest.approx(same.target.measured[1].peak, rel=1e-5)


def test_a_position_beside_the_centre() -> None:
    one, other = pair(5, Truth(snr=60.0, change=0.2))
    found = compared(5, Truth(snr=60.0, change=0.2))
    neighbour = max(found.neighbours, key=lambda each: each.peaks[0])
    place = one.wcs.pixel_to_world(neighbour.x, neighbour.y).icrs
    there = epochs.compare(one, other, (float(place.ra.deg), float(place.dec.deg)))
    assert there.target.measured[0].peak == pytest.approx(neighbour.peaks[0], rel=0.1)
    assert np.hypot(there.target.peak_yx[0] - neighbour.y, there.target.peak_yx[1] - neighbour.x) < 2.0
    assert there.target.peak[0] is not None and not there.target.peak[0].is_real


def test_the_difference_is_a_file_that_lies_right(tmp_path: object) -> None:
    found = compared(5, Truth(snr=60.0, change=0.2))
    with fits.open(__import__("io").BytesIO(export.difference_fits(found))) as hdus:
        header, pixels = hdus[0].header, hdus[0].data
    y, x = found.target.peak_yx
    assert found.target.peak[0] is not None
    assert pixels[y, x] == pytest.approx(found.target.peak[0].value, rel=0.25)  # between pixels it is higher
    assert header["BUNIT"] == "Jy/beam" and header["BMAJ"] == pytest.approx(found.beam.major / 3600)
    assert "compact neighbours" in str(header["HISTORY"]).replace("\n", "")
    there = WCS(header).pixel_to_world(x, y)
    assert there.separation(found.first.wcs.pixel_to_world(x, y)).arcsec < 1e-6


def test_images_of_one_place_are_found_and_named() -> None:
    one, other = pair(11, Truth(neighbours=0))
    first = Origin("FIRST", "total intensity", 1.4)
    grid = FlatGrid((128, 128), 1.8)
    survey = Observation((Component(0.05, 0.0, 0.0),), Beam(5.4, 5.4), grid).cutout(
        noise(np.random.default_rng(0), grid, Beam(5.4, 5.4), 1.5e-4), "f", first
    )
    far = moved(survey, 3.0)
    shown = groups.at([survey, other, far, one, one], (180.0, 30.0))
    assert [each.name for each in shown] == ["VLASS 2.1", "VLASS 3.1", "FIRST"]
    assert [each.is_vlass for each in shown] == [True, True, False] and all(each.is_radio for each in shown)
    twice = groups.at([one, replace(other, origin=epoch(1, name="2.1"))])
    assert [each.name for each in twice] == ["VLASS 2.1", "VLASS 2.1 (2)"]
    assert groups.at([]) == [] and groups.at([replace(one, wcs=None)])[0].name == "VLASS 2.1"
    laid = epochs.aligned(shown, (180.0, 30.0), 120.0)
    assert {each.shape for each in laid} == {(120, 120)} and laid[2].noise == survey.noise
    assert np.unravel_index(np.nanargmax(laid[2].pixels), (120, 120)) in {(60, 60), (59, 59), (59, 60), (60, 59)}
    with pytest.raises(PairError, match="A side of 3″ is none"):
        epochs.aligned(shown, (180.0, 30.0), 3.0)


def answer(label: int, level: str = "ok") -> Prediction:
    logits = np.zeros(2)
    logits[label] = 3.0
    scores = np.exp(logits) / np.exp(logits).sum()
    return Prediction(("FRI", "FRII"), logits, scores, Validity(level))  # type: ignore[arg-type]


def test_agreement_counts_only_what_a_checkpoint_is_for() -> None:
    said = [
        agreement.said("FIRST", answer(1), None),
        agreement.said("VLASS 2.1", answer(0, "caution"), answer(1, "caution")),
        agreement.said("NVSS", answer(0, "outside"), None),
    ]
    assert agreement.sentences(said) == [
        "As they are, the images do not agree: FIRST FRII, VLASS 2.1 FRI.",
        "FIRST as it is and VLASS 2.1 matched say FRII.",
    ]
    assert agreement.sentences(said[2:]) == []
    both = [agreement.said(name, answer(1, "caution"), answer(1)) for name in ("VLASS 2.1", "VLASS 3.1")]
    assert agreement.sentences(both)[1] == "Matched to the beam of training, both images say FRII."
    refused = [agreement.said(name, answer(1), None) for name in ("FIRST", "FIRST (2)")]
    assert agreement.sentences(refused) == ["As they are, both images say FRII."]
