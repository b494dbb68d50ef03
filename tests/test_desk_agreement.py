"""Kappa against published tables and, where installed, packages of others; soft labels; what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from vlass_explorer.desk import agreement, records
from vlass_explorer.desk.records import Given

# Fleiss 1971, the example of 10 subjects and 14 raters: 0.210.
FLEISS = """0 0 0 0 14  0 2 6 4 2  0 0 3 5 6  0 3 9 2 0  2 2 8 1 1
7 7 0 0 0  3 2 6 3 0  2 5 3 2 2  6 5 2 1 0  0 2 2 3 7"""


def given(by: str, cutout: str, word: str) -> Given:
    kind = word if word in ("unsure", "artefact") else "class"
    told = records.label(by, cutout, word, kind=kind)
    return records.given(told)


def pairs(table: list[list[int]]) -> tuple[list[int], list[int]]:
    cells = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [i for i, _ in cells], [j for _, j in cells]


def test_cohen_of_a_known_table() -> None:
    found = agreement.cohen(*pairs([[20, 5], [10, 15]]))
    assert found.value == pytest.approx(0.4) and found.observed == pytest.approx(0.7) and found.count == 50
    # the variance of Fleiss, Cohen and Everitt 1969 written out cell by cell
    p = np.array([[20, 5], [10, 15]]) / 50
    rows, columns, po, pe = p.sum(1), p.sum(0), 0.7, 0.5
    total = 0.0
    for i in range(2):
        for j in range(2):
            both = rows[i] + columns[j] if i == j else columns[i] + rows[j]
            total += p[i, j] * (((1 - pe) - both * (1 - po)) ** 2 if i == j else ((1 - po) * both) ** 2)
    spread = 1.959964 * np.sqrt((total - (po * pe - 2 * pe + po) ** 2) / 50) / (1 - pe) ** 2
    assert (found.low, found.high) == pytest.approx((0.4 - spread, 0.4 + spread), abs=1e-6)


def test_cohen_against_scikit_learn_and_its_interval_covers(one_thread_inside_torch: None) -> None:
    random = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        truth = random.integers(4, size=150)
        one, other = (np.where(random.random(150) < 0.7, truth, random.integers(4, size=150)) for _ in range(2))
        found = agreement.cohen(one, other)
        assert found.value == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)
        # each keeps the truth with 0.7 and else draws: same with 0.7^2 + (1 - 0.7^2) / 4, chance 1 / 4
        inside.append(found.low <= 0.49 <= found.high)
    assert np.mean(inside) > 0.91


def test_cohen_against_statsmodels_where_it_is_installed() -> None:
    rater = pytest.importorskip("statsmodels.stats.inter_rater")
    table = [[44, 5, 1], [7, 20, 3], [9, 5, 6]]
    theirs, ours = rater.cohens_kappa(np.array(table)), agreement.cohen(*pairs(table))
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.kappa, theirs.kappa_low, theirs.kappa_upp))


def test_fleiss_of_the_published_table() -> None:
    table = np.array(FLEISS.split(), int).reshape(10, 5)
    found = agreement.fleiss(table)
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.low is not None and found.low < 0.210 < (found.high or 0)
    complete = agreement.fleiss(np.array([[3, 0], [0, 3]]))
    assert complete.value == 1.0
    with pytest.raises(ValueError, match="same labellers"):
        agreement.fleiss([[3, 0], [1, 1]])


def test_where_it_is_not_defined() -> None:
    assert agreement.cohen([1, 1], [1, 1]).value is None
    assert agreement.cohen([], []).count == 0
    assert agreement.fleiss([[2, 0], [2, 0]]).value is None
    assert agreement.between([], ["ann", "bob"]).value is None
    assert agreement.between([], ["ann", "bob", "eve"]).count == 0


def test_between_labellers_and_soft_labels() -> None:
    words = {"a": ("FRI", "FRI", "FRI"), "b": ("FRI", "FRII", "FRI"), "c": ("FRII", "FRII", "FRI")}
    words |= {"d": ("artefact", "artefact", "FRII"), "e": ("unsure", "FRI", "FRI")}
    told = [given(by, cutout, row[k]) for cutout, row in words.items() for k, by in enumerate(("ann", "bob", "eve"))]
    told.append(given("ann", "only ann", "FRI"))
    two = agreement.between(told, ["ann", "bob"])
    assert two.count == 4 and two.left_out == 1 and two.observed == pytest.approx(0.75)
    assert two.value == pytest.approx(cohen_kappa_score([0, 0, 1, 2], [0, 1, 1, 2]))
    three = agreement.between(told, ["ann", "bob", "eve"])
    assert three.count == 4
    table = np.array([[3, 0, 0], [2, 1, 0], [1, 2, 0], [0, 1, 2]])
    assert three.value == pytest.approx(agreement.fleiss(table).value)
    soft = agreement.soft(told, ["FRI", "FRII"])
    assert soft["b"] == pytest.approx([2 / 3, 1 / 3]) and soft["d"] == pytest.approx([0, 1])
    assert soft["e"] == pytest.approx([1, 0]) and "only ann" in soft
