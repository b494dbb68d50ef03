"""Corrected counts hold the truth: surveys whose classes are mixed otherwise than where the checkpoint was tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import counts, sources
from vlass_explorer.export import tables
from vlass_explorer.schema import CatalogueError, Reports, Row

HELD = np.array([[38, 0, 9, 3], [1, 54, 0, 4], [5, 2, 64, 8], [5, 9, 13, 138]])
NAMES = ("Bent", "Compact", "FRI", "FRII")


def surveys(count: int, rows: int, fractions: list[float], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels given and truth of simulated surveys, and the held-out part that each checkpoint was tried on."""
    random = np.random.default_rng(seed)
    called, held, truth = [], [], []
    for _ in range(count):
        errs = np.stack([random.dirichlet(row + 0.5) for row in HELD])
        held.append([random.multinomial(total, row) for total, row in zip(HELD.sum(axis=1), errs, strict=True)])
        truth.append(random.multinomial(rows, fractions))
        called.append(sum(random.multinomial(n, row) for n, row in zip(truth[-1], errs, strict=True)))
    return np.array(called), np.array(held), np.array(truth)


def test_counts_of_surveys_with_few_bent_sources_lie_in_their_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 here, with fewer draws; benchmarks/corrected_counts.py does 1,000 of several kinds."""
    called, held, truth = surveys(80, 2000, [0.01, 0.45, 0.20, 0.34], 3)
    monkeypatch.setattr(counts, "BURN", 250)
    monkeypatch.setattr(counts, "KEPT", 150)
    drawn = counts.sample(called, held, chains=4, seed=1)
    low, _, high = np.moveaxis(np.stack([counts.interval(each) for each in drawn]), 1, 0)
    inside = ((truth >= low) & (truth <= high)).mean(axis=0)
    assert (inside >= 0.88).all()  # 93 %, less what 80 scatter
    # Counting labels finds four times as many bent ones, and is not in the interval.
    assert np.median(called[:, 0] / truth[:, 0]) > 2.0
    assert ((called[:, 0] >= low[:, 0]) & (called[:, 0] <= high[:, 0])).mean() < 0.5
    assert (drawn.sum(axis=2) == 2000).all()


def test_a_perfect_checkpoint_needs_no_correction() -> None:
    called = dict(zip(NAMES, (10, 20, 30, 40), strict=True))
    for one in counts.corrected(NAMES, called, 100_000 * np.eye(4, dtype=np.int64)):
        assert (one.called, one.count) == (called[one.label], called[one.label]) and one.high - one.low <= 1


def test_fractions_that_are_known_are_used() -> None:
    """Of a tenth A and nine tenths B, 0.1 * 0.8 + 0.9 * 0.2 are called A; what is known narrows the interval."""
    held = np.array([[800, 200], [200, 800]])
    called = {"A": 2600, "B": 7400}
    known = counts.corrected(("A", "B"), called, held, {"A": 0.1, "B": 0.9})
    guessed = counts.corrected(("A", "B"), called, held)
    assert known[0].count == pytest.approx(1000, rel=0.05) and guessed[0].count == pytest.approx(1000, rel=0.25)
    assert known[0].high - known[0].low < 0.5 * (guessed[0].high - guessed[0].low)
    for prior, words in (
        ({"A": 1.0}, "a fraction for each of A, B"),
        ({"A": 0.3, "B": 0.3}, r"add up to 1, not to 0\.6"),
        ({"A": -1.0, "B": 2.0}, "0 or more"),
    ):
        with pytest.raises(CatalogueError, match=words):
            counts.corrected(("A", "B"), {"A": 1}, held, prior)


def test_what_is_counted_of_a_table(tmp_path: Path) -> None:
    plain = Row("a", checkpoint="one", label="FRI", scores={"FRI": 1.0}, validity="ok", ra=1.0, dec=1.0, rms=1.0)
    matched = {"matched_label": "FRII", "matched_validity": "ok", "matched_beam_major": 9.0, "matched_beam_minor": 9.0}
    rows = [
        plain,
        replace(plain, id="b", ra=2.0, validity="outside"),
        replace(plain, id="c", ra=3.0, label=None, scores={}, error="no"),
        replace(plain, id="d", ra=4.0, checkpoint="two"),
        replace(plain, id="e", ra=5.0, beam_major=3.0, beam_minor=3.0, **matched),
        replace(plain, id="f", rms=2.0),
    ]
    tables.write_rows(tmp_path / "t.parquet", rows)
    assert counts.of_table(tmp_path / "t.parquet", "one") == ({"FRI": 3}, 2)
    sources.write(tmp_path / "t.parquet", tmp_path / "s.parquet")
    assert counts.of_table(tmp_path / "s.parquet", "one") == ({"FRI": 1, "FRII": 1}, 2)
    assert counts.of_table(tmp_path / "s.parquet", "none") == ({}, 0)


def test_the_confusion_is_that_of_the_card(tmp_path: Path) -> None:
    card = checkpoints.find("first-cnn")
    found = counts.confusion(card)
    assert found.shape == (4, 4) and found.sum() == card.reports.validation.count
    for table in ({}, {"macro_f1": 0.5}, {"macro_f1": 0.5, "confusion": [[1, 0], [0, 1]]}):
        with pytest.raises(CatalogueError, match="first-cnn has no confusion of a held-out part"):
            counts.confusion(replace(card, reports=Reports(table)))
