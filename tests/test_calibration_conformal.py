"""Prediction sets: closed forms, coverage within its Beta bounds, classes too rare, ties and broken scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta

from vlass_explorer.calibration import Sets, coverage_bounds, randomness
from vlass_explorer.calibration.conformal import nonconformity, quantile
from vlass_explorer.schema import InputError

METHODS = ("lac", "aps")


def draws(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident scores of three classes, and their labels."""
    true = random.dirichlet([0.6, 0.8, 1.0], count)
    labels = (random.random((count, 1)) > np.cumsum(true, axis=1)[:, :-1]).sum(axis=1)
    sharp = true**2
    return sharp / sharp.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize(("count", "place"), [(9, 9), (19, 18), (99, 90), (100, 91), (8, None)])
def test_the_quantile_is_the_finite_sample_one(count: int, place: int | None) -> None:
    values = np.random.default_rng(0).permutation(count).astype(float) + 1
    assert quantile(values, 0.9) == (math.inf if place is None else place)


def test_lac_by_hand() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    found = Sets.fit(scores, [0, 0, 0, 1], coverage=0.6, method="lac", by_class=False)
    # Nonconformities 0.1, 0.2, 0.6, 0.7; the third of four: ceil(5 * 0.6) = 3.
    assert found.thresholds == pytest.approx((0.6, 0.6))
    assert found.members([[0.5, 0.5], [0.95, 0.05], [0.4, 0.6]]).tolist() == [[True, True], [True, False], [True, True]]


def test_aps_by_hand() -> None:
    scores = np.array([[0.5, 0.3, 0.2]])
    assert nonconformity(scores, "aps", np.array([0.0]))[0] == pytest.approx([0.0, 0.5, 0.8])
    assert nonconformity(scores, "aps", np.array([1.0]))[0] == pytest.approx([0.5, 0.8, 1.0])
    ties = np.array([[0.4, 0.4, 0.2]])
    assert nonconformity(ties, "aps", np.array([0.5]))[0] == pytest.approx([0.4, 0.4, 0.9])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by_class", [False, True])
def test_coverage_of_many_splits_is_beta_distributed(method: str, by_class: bool) -> None:
    random, found = np.random.default_rng(1), []
    for _ in range(1000):
        scores, labels = draws(random, 300)
        u = random.random(300)
        sets = Sets.fit(scores[:200], labels[:200], method=method, by_class=by_class, random=u[:200])
        found.append(sets.members(scores[200:], u[200:])[np.arange(100), labels[200:]].mean())
    # At least 0.9 on average, and not much more: 1 / (n + 1) a threshold, of which there are three.
    error = np.std(found) / math.sqrt(1000)
    slack = 3 * (1 / 61 if by_class else 1 / 201)
    assert 0.9 - 3 * error <= np.mean(found) <= 0.9 + slack + 3 * error
    if not by_class:
        low, high = coverage_bounds(200, 0.9, tested=100)
        assert 0.92 <= np.mean([low <= one <= high for one in found]) <= 1.0


def test_each_class_is_covered_where_it_has_a_threshold_of_its_own() -> None:
    random = np.random.default_rng(2)
    scores, labels = draws(random, 40_000)
    u = random.random(40_000)
    for by_class, worst in ((True, 0.885), (False, 0.0)):
        sets = Sets.fit(scores[:20_000], labels[:20_000], method="lac", by_class=by_class, random=u[:20_000])
        inside = sets.members(scores[20_000:], u[20_000:])[np.arange(20_000), labels[20_000:]]
        by = [inside[labels[20_000:] == k].mean() for k in range(3)]
        assert min(by) >= worst
        if not by_class:
            assert min(by) < 0.88  # which a shared threshold does not give


def test_a_rare_class_shares_the_threshold_and_few_cutouts_hold_all_classes() -> None:
    scores, labels = draws(np.random.default_rng(3), 200)
    rare = np.r_[np.flatnonzero(labels != 0), np.flatnonzero(labels == 0)[:12]]
    found = Sets.fit(scores[rare], labels[rare])
    assert found.own == (False, True, True) and found.counts[0] == 12
    few = Sets.fit(scores[:8], labels[:8])
    assert few.thresholds == (math.inf,) * 3
    assert few.members(scores[:2]).all()


def test_bounds_are_those_of_the_beta_distribution() -> None:
    assert coverage_bounds(200, 0.9) == pytest.approx(tuple(beta(181, 20).ppf([0.025, 0.975])))
    assert coverage_bounds(5, 0.9) == (1.0, 1.0)


def test_scores_that_are_not_finite_exclude_nothing() -> None:
    scores, labels = draws(np.random.default_rng(4), 200)
    assert Sets.fit(scores, labels).members([[np.nan, 0.5, 0.5]]).all()
    with pytest.raises(InputError, match="not finite"):
        Sets.fit([[np.nan, 1.0], [0.0, 1.0]], [0, 1])


def test_equal_scores_of_all_cutouts_still_cover() -> None:
    labels = np.arange(300) % 3
    sets = Sets.fit(np.full((300, 3), 1 / 3), labels, method="lac")
    assert sets.members(np.full((1, 3), 1 / 3)).all()


def test_the_draw_of_a_cutout_is_its_own_and_uniform() -> None:
    found = randomness([f"{i:016x}" for i in range(4000)])
    assert (randomness(["abc"]) == randomness(["abc"])).all()
    assert np.histogram(found, 10, (0, 1))[0] == pytest.approx(400, abs=80)
