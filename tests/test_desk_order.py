"""Orders of the desk: each holds every cutout once; ties, scores that are not finite, features without numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from vlass_explorer.desk import order


def test_entropy_and_disagreement_against_scipy_and_by_hand() -> None:
    scores = np.random.default_rng(0).dirichlet(np.ones(4), size=(8, 30))
    assert order.entropy(scores) == pytest.approx(scipy_entropy(scores, axis=-1))
    assert order.entropy([[1.0, 0.0]]) == pytest.approx([0.0])
    expected = scipy_entropy(scores.mean(axis=0), axis=-1) - scipy_entropy(scores, axis=-1).mean(axis=0)
    assert order.disagreement(scores) == pytest.approx(expected)
    assert order.disagreement(np.stack([scores[0]] * 8)) == pytest.approx(0.0, abs=1e-12)


def test_over_the_sky_neighbours_follow_each_other() -> None:
    places = [[10.0, 0.2], [350.0, 0.1], [20.0, 0.3], [np.nan, np.nan], [15.0, 1.5], [12.0, 1.2]]
    assert order.sky(places).tolist() == [0, 2, 1, 4, 5, 3]


def test_scores_equal_to_the_last_bit_keep_the_list_and_nan_comes_last() -> None:
    scores = np.full((5, 2), 0.5)
    assert order.score(scores).tolist() == [0, 1, 2, 3, 4]
    assert order.informative(scores).tolist() == [0, 1, 2, 3, 4]
    assert order.varied(scores).tolist() == [0, 1, 2, 3, 4]
    scores[1] = np.nan
    assert order.score(scores).tolist() == [0, 2, 3, 4, 1]
    assert order.informative(scores).tolist() == [0, 2, 3, 4, 1] == order.varied(scores).tolist()
    assert order.varied(scores, features=np.full((5, 3), np.nan))[-1] == 1
    assert sorted(order.varied(np.full((3, 2), np.nan), features=np.ones((3, 2)))) == [0, 1, 2]


def test_informative_is_between_two_classes_and_not_between_all() -> None:
    scores = [[0.9, 0.06, 0.04], [0.36, 0.33, 0.31], [0.48, 0.47, 0.05], [np.nan, 0.5, 0.5], [0.6, 0.3, 0.1]]
    assert order.informative(scores).tolist() == [2, 1, 4, 0, 3]
    assert order.varied(scores).tolist() == [1, 4, 2, 0, 3]  # by entropy alone


def test_varied_puts_doubt_first_and_does_not_repeat_itself() -> None:
    random = np.random.default_rng(1)
    features = np.repeat(np.eye(4), 25, axis=0) + 0.01 * random.normal(size=(100, 4))
    scores = np.tile([0.6, 0.4], (100, 1))
    scores[::25] = [0.5, 0.5]
    first = order.varied(scores, features=features)
    assert sorted(first.tolist()) == list(range(100))
    assert {index // 25 for index in first[:4].tolist()} == {0, 1, 2, 3}
    labelled = np.arange(100) < 25
    assert {index // 25 for index in order.varied(scores, features=features, labelled=labelled)[:3].tolist()} == {
        1,
        2,
        3,
    }
    distance = np.where(np.arange(100) == 7, 5.0, 1.0)
    assert order.varied(np.full((100, 2), 0.5), distance=distance)[0] == 7


def test_random_is_the_same_for_its_seed() -> None:
    assert (order.random(50, 3) == order.random(50, 3)).all() and sorted(order.random(50, 3)) == list(range(50))
    assert (order.random(50, 3) != order.random(50, 4)).any()


def test_fifty_thousand_cutouts_are_ordered() -> None:
    random = np.random.default_rng(2)
    scores = random.dirichlet(np.ones(4), size=50_000)
    found = order.varied(scores, features=random.normal(size=(50_000, 64)).astype(np.float32))
    assert np.bincount(found, minlength=50_000).max() == 1 and len(found) == 50_000
