"""One row a source by the stated rule: each step of it decides once, and nothing before it is overruled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from vlass_explorer.catalogue import sources
from vlass_explorer.export import tables
from vlass_explorer.schema import Row, TableError

PLAIN = Row(
    "a",
    ra=10.0,
    dec=-20.0,
    checkpoint="one",
    label="FRI",
    score=0.8,
    scores={"FRI": 0.8, "FRII": 0.2},
    validity="ok",
    survey="VLASS",
    quick_look=True,
    rms=1e-4,
    date="2019-01-01",
    beam_major=2.5,
    beam_minor=2.5,
)
ARCSEC = 1.0 / 3600.0


def chosen(folder: Path, *rows: Row) -> list[tuple[str, int, str]]:
    """Identifier, number of rows and view of the answer of each source."""
    tables.write_rows(folder / "t.parquet", rows, overwrite=True)
    sources.write(folder / "t.parquet", folder / "s.parquet")
    found = parquet.read_table(folder / "s.parquet").select(["id", sources.ROWS, sources.ANSWER]).to_pylist()
    kept = {row.id: row for row in rows}
    assert tables.read_rows(folder / "s.parquet") == [kept[row["id"]] for row in found]
    return [(row["id"], row[sources.ROWS], row[sources.ANSWER]) for row in found]


def test_each_step_of_the_rule_decides(tmp_path: Path) -> None:
    better = replace(PLAIN, id="b")
    for change, against in (
        ({}, {"label": None, "scores": {}, "error": "no"}),  # answered before not, whatever else
        ({}, {"validity": "outside", "quick_look": False, "rms": 1e-5}),  # not outside before Single Epoch
        ({"quick_look": False, "validity": "caution", "rms": 2e-4}, {}),  # Single Epoch before ok
        ({"rms": 2e-4}, {"validity": "caution"}),  # ok before the lower noise
        ({"rms": 5e-5, "date": "2018-01-01"}, {}),  # the lower noise before the later date
        ({"date": "2021-01-01"}, {}),
    ):
        one, other = replace(better, **change), replace(PLAIN, **against)
        assert chosen(tmp_path, other, one) == chosen(tmp_path, one, other) == [("b", 2, "native")], (change, against)
    assert chosen(tmp_path, PLAIN, better) == [("a", 2, "native")]  # all alike: the first


def test_what_is_one_source(tmp_path: Path) -> None:
    near = replace(PLAIN, id="near", ra=10.0 + 9.0 * ARCSEC / np.cos(np.radians(20.0)), rms=2e-4)
    chain = replace(PLAIN, id="chain", ra=10.0 + 18.0 * ARCSEC / np.cos(np.radians(20.0)), rms=2e-4)
    far = replace(PLAIN, id="far", dec=-20.0 + 11.0 * ARCSEC)
    other = replace(PLAIN, id="other", checkpoint="two")
    nowhere = [replace(PLAIN, id=name, ra=None, dec=None) for name in "xy"]
    found = chosen(tmp_path, PLAIN, near, chain, far, other, *nowhere)
    assert found == [
        (name, count, "native") for name, count in zip(("a", "far", "other", "x", "y"), (3, 1, 1, 1, 1), strict=True)
    ]
    across = [replace(PLAIN, id="e", ra=359.9999), replace(PLAIN, id="w", ra=0.0001)]
    assert chosen(tmp_path, *across) == [("e", 2, "native")]


def test_the_matched_answer_counts_where_the_beam_asks_for_it(tmp_path: Path) -> None:
    matched = replace(
        PLAIN, matched_label="FRII", matched_validity="ok", matched_beam_major=5.4, matched_beam_minor=5.4
    )
    assert chosen(tmp_path, matched) == [("a", 1, "matched")]
    assert chosen(tmp_path, replace(matched, beam_major=5.0, beam_minor=5.0)) == [("a", 1, "native")]
    assert chosen(tmp_path, replace(matched, matched_validity="caution")) == [("a", 1, "native")]
    assert chosen(tmp_path, replace(matched, beam_major=None, beam_minor=None)) == [("a", 1, "native")]
    # Its validity is then the one that is held against other rows.
    other = replace(PLAIN, id="b", validity="caution", rms=1e-5)
    assert chosen(tmp_path, other, replace(matched, validity="caution")) == [("a", 2, "matched")]


def test_what_is_no_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no table")
    for table, to, words in (
        ("t.csv", "s.parquet", "taken from a .parquet table"),
        ("t.parquet", "s.fits", "taken from a .parquet table"),
        ("t.parquet", "s.parquet", "cannot be read as a Parquet table"),
    ):
        with pytest.raises(TableError, match=words):
            sources.write(tmp_path / table, tmp_path / to)
    tables.write_rows(tmp_path / "r.parquet", [PLAIN])
    parquet.write_table(parquet.read_table(tmp_path / "r.parquet").drop_columns(["rms"]), tmp_path / "u.parquet")
    with pytest.raises(TableError, match="lacks the column rms"):
        sources.write(tmp_path / "u.parquet", tmp_path / "s.parquet")
