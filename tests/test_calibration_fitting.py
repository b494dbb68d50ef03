"""A calibration from answers: what it reaches on cutouts not fitted to, its table, and whom it holds for."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from test_calibration_temperature import draws

from vlass_explorer import stretches
from vlass_explorer.calibration import Answers, Calibration, apply, calibrate, choose, fitting, randomness
from vlass_explorer.checkpoints.config import plain
from vlass_explorer.schema import Cutout, InputError, Origin, Prediction, Validity

NAMES = ("Bent", "Compact", "FRI", "FRII")
PICTURE = "A picture: how its brightness was stretched is unknown."


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def answers(count: int = 1200, temperature: float = 2.5, seed: int = 0) -> Answers:
    """Overconfident scores, as of a model that was trained for too long."""
    logits, labels = draws(count, temperature, seed)
    contents = tuple(f"{seed:08x}{i:08x}" for i in range(count))
    return Answers(softmax(logits), labels, contents, NAMES, "a set", survey="FIRST", conditions={PICTURE: 1.0})


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(answers())


def test_what_is_reached_is_measured_on_others(found: Calibration) -> None:
    assert found.temperature.temperature == pytest.approx(2.5, rel=0.1)
    assert found.before.equal_mass > 0.1 > found.after.null > found.after.equal_mass
    assert found.after.brier < found.before.brier and found.after.loss < found.before.loss
    whole = found.covered["all"]
    assert whole.count == 1200 == sum(found.covered[name].count for name in NAMES)
    assert 0.87 < whole.hits / whole.count < 0.94 and 1.0 < whole.size < 4.0
    assert all(one.hits / one.count > 0.83 for one in found.covered.values())


def test_the_table_comes_back_equal(found: Calibration) -> None:
    assert Calibration.of(json.loads(json.dumps(plain(found.table())))) == found
    few = calibrate(answers(60), coverage=0.99)  # 60 cutouts allow no threshold at 99 %
    assert few.sets.thresholds == (math.inf,) * 4
    assert Calibration.of(json.loads(json.dumps(plain(few.table()), allow_nan=False))) == few


@pytest.mark.parametrize("change", [{"counts": [1, 2]}, {"covered": {"all": {}}}, {"temperature": {}}])
def test_another_table_is_refused(found: Calibration, change: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Calibration.of(found.table() | change)


def test_classes_without_and_with_few_cutouts_are_said() -> None:
    whole = answers()
    keep = np.r_[np.flatnonzero(whole.labels > 1), np.flatnonzero(whole.labels == 1)[:10]]
    contents = tuple(np.array(whole.contents)[keep])
    found = calibrate(replace(whole, scores=whole.scores[keep], labels=whole.labels[keep], contents=contents))
    assert found.notes == (
        "No Bent among the cutouts: it holds for sources of the other classes only.",
        "Fewer than 30 cutouts: Compact. Nothing is claimed of these classes alone.",
    )
    assert found.sets.own == (False, False, True, True) and "Bent" not in found.covered
    with pytest.raises(InputError, match="Compact has fewer than 5 labelled cutouts"):
        rare = np.r_[keep[:-10], keep[-4:]]
        some = tuple(np.array(whole.contents)[rare])
        calibrate(replace(whole, scores=whole.scores[rare], labels=whole.labels[rare], contents=some))


def test_fields_of_the_sky_stay_together() -> None:
    # Each source is there four times: with copies on both sides a fifth would not be unseen.
    whole = answers(100)
    fourfold = replace(
        whole,
        scores=np.repeat(whole.scores, 4, axis=0),
        labels=np.repeat(whole.labels, 4),
        contents=tuple(np.repeat(whole.contents, 4)),
        groups=np.repeat(np.arange(100), 4),
    )
    apart = calibrate(fourfold)
    assert apart.covered["all"].hits % 4 == 0  # copies share their draw, their part, and so their fate


def test_one_field_of_the_sky_is_calibrated_with_a_note() -> None:
    whole = answers(100)
    found = calibrate(replace(whole, groups=np.zeros(100, np.int64)))
    assert found.notes[0] == fitting.ONE_FIELD and found.covered["all"].count == 100
    assert found.before == calibrate(whole).before


def test_what_sets_reach_is_told_by_signal_to_noise_and_size() -> None:
    """Scores of faint sources are noise: one threshold for all covers them less, and the bins show it."""
    whole = answers(2000)
    random = np.random.default_rng(3)
    snr = np.exp(random.uniform(np.log(4), np.log(400), 2000))
    scores = np.where((snr < 10)[:, None], whole.scores[random.permutation(2000)], whole.scores)
    size = np.where(random.random(2000) < 0.5, np.nan, random.uniform(5, 60, 2000))
    found = calibrate(replace(whole, scores=scores, quantities={"S/N": snr, "angular size": size}))
    bins = found.binned["S/N"]
    assert [one.low for one in bins][0] == 0.0 and bins[-1].high == math.inf and sum(one.count for one in bins) == 2000
    assert all(first.high == then.low for first, then in zip(bins[:-1], bins[1:], strict=True))
    assert [one.count for one in bins] == [((one.low <= snr) & (snr < one.high)).sum() for one in bins]
    assert sum(one.hits for one in bins) == found.covered["all"].hits
    assert bins[0].hits / bins[0].count < 0.85 < 0.91 < bins[-1].hits / bins[-1].count
    assert sum(one.count for one in found.binned["angular size"]) == np.isfinite(size).sum()
    assert found.shares[bins[0].words("S/N")] is bins[0]
    assert Calibration.of(json.loads(json.dumps(plain(found.table()), allow_nan=False))) == found
    old = found.table()
    del old["binned"]
    assert Calibration.of(old).binned == {}  # a file of an earlier version
    few = calibrate(replace(whole, quantities={"S/N": np.where(np.arange(2000) < 59, snr, np.nan)}))
    assert few.binned == {}  # two bins of 30 each it takes at least


def prediction(scores: np.ndarray, level: str = "caution", *reasons: str) -> Prediction:
    return Prediction(NAMES, np.log(scores), scores, Validity(level, reasons or (PICTURE,)))  # type: ignore[arg-type]


def cutout(survey: str | None = "FIRST") -> Cutout:
    return Cutout("a", np.ones((8, 8), np.float32), origin=Origin(survey=survey))


SCORES = np.array([0.02, 0.03, 0.15, 0.8])


def test_the_answer_of_a_cutout_is_calibrated_and_the_same_again(found: Calibration) -> None:
    one = apply(found, prediction(SCORES), "abc")
    assert one.scores == pytest.approx(softmax(np.log(SCORES) / found.temperature.temperature))
    inside = found.sets.members(one.scores[None], randomness(["abc"]))[0]
    assert set(one.members) == {name for name, is_in in zip(NAMES, inside, strict=True) if is_in}
    assert one.members[0] == "FRII" and "90%" in one.words
    assert apply(found, prediction(SCORES), "abc").members == one.members


def test_fractions_of_the_users_survey_change_scores_not_sets(found: Calibration) -> None:
    one = apply(found, prediction(SCORES), "abc")
    other = apply(found, prediction(SCORES), "abc", [0.01, 0.9, 0.05, 0.04])
    ratio = np.array([0.01, 0.9, 0.05, 0.04]) / found.fractions
    assert other.scores == pytest.approx(one.scores * ratio / (one.scores * ratio).sum())
    assert other.members == one.members


@pytest.mark.parametrize(
    ("survey", "level", "reasons", "view", "words"),
    [
        ("VLASS", "caution", (PICTURE,), "as it is", "Calibrated on FIRST cutouts; this is VLASS."),
        ("FIRST", "outside", ("The unit is K; trained on Jy/beam.",), "as it is", "The unit is K"),
        ("FIRST", "caution", ("12% of the field has no data.",), "as it is", "Unlike the cutouts calibrated on: 12%"),
        ("FIRST", "caution", (PICTURE,), "matched", "as they are only; this one is seen at the training data's beam"),
    ],
)
def test_it_is_withdrawn_where_the_cutout_is_unlike_those(
    found: Calibration, survey: str, level: str, reasons: tuple[str, ...], view: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        choose([found], cutout(survey), prediction(SCORES, level, *reasons), view)  # type: ignore[arg-type]


def test_it_holds_for_cutouts_like_those(found: Calibration) -> None:
    assert choose([found], cutout(), prediction(SCORES), "as it is") is found
    with pytest.raises(InputError, match="Not calibrated"):
        choose([], cutout(), prediction(SCORES), "as it is")


def test_digits_of_a_reason_do_not_matter(found: Calibration) -> None:
    some = replace(found, conditions={"#% of the field has no data.": 0.2, "rare": 0.01})
    assert choose([some], cutout(), prediction(SCORES, "caution", "7.5% of the field has no data."), "as it is") is some
    with pytest.raises(InputError, match="Unlike the cutouts"):
        choose([some], cutout(), prediction(SCORES, "caution", "rare"), "as it is")


def test_what_follows_from_an_unknown_stretch_withdraws_nothing(found: Calibration) -> None:
    for labels in ({"linear": "FRII", "sqrt": "FRII"}, {"linear": "FRII", "sqrt": "FRI"}):
        told = stretches.reason(labels)
        assert choose([found], cutout(), prediction(SCORES, "caution", PICTURE, told), "as it is") is found
    with pytest.raises(InputError, match=r"pixels are used\. Declare it where you know it\.$"):
        scale = "No pixel scale is known: the central 100 × 100 pixels are used."
        choose([found], cutout(), prediction(SCORES, "caution", PICTURE, scale), "as it is")


def test_a_label_without_any_cutout_is_not_calibrated(found: Calibration) -> None:
    some = replace(found, counts=(0, 0, 500, 700))
    with pytest.raises(InputError, match="Calibrated on FRI and FRII only; the model says Bent"):
        choose([some], cutout(), prediction(np.array([0.7, 0.1, 0.1, 0.1])), "as it is")
    assert choose([some], cutout(), prediction(SCORES), "as it is") is some
