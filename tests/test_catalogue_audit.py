"""An audit of 100: blind, every class judged, with intervals that hold what is true of the whole table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from cli_call import Run

from vlass_explorer.catalogue import audit
from vlass_explorer.export import tables
from vlass_explorer.schema import CatalogueError, Row

CLASSES = ("Bent", "Compact", "FRI", "FRII")
ERRS = np.array([[38, 0, 9, 3], [1, 54, 0, 4], [5, 2, 64, 8], [5, 9, 13, 138]], float)
ERRS /= ERRS.sum(axis=1, keepdims=True)


def survey(seed: int, count: int = 3000) -> tuple[list[Row], dict[str, str]]:
    """Rows of a table and the class of each source."""
    random = np.random.default_rng(seed)
    true = random.choice(4, count, p=[0.03, 0.5, 0.2, 0.27])
    rows, truth = [], {}
    for index, kind in enumerate(true.tolist()):
        label = CLASSES[random.choice(4, p=ERRS[kind])]
        scores = {name: 0.7 if name == label else 0.1 for name in CLASSES}
        rows.append(Row(str(index), checkpoint="one", label=label, score=0.7, scores=scores, validity="ok"))
        truth[str(index)] = CLASSES[kind]
    return rows, truth


def test_intervals_hold_the_purity_and_completeness_of_the_table() -> None:
    inside = []
    for seed in range(40):
        rows, truth = survey(seed, 1000)
        sample = audit.drawn(rows, "one", 100, seed)
        found = audit.judged(rows, "one", {row.id: truth[row.id] for row in sample}, CLASSES)
        for one in found:
            called = [row for row in rows if row.label == one.label]
            right = sum(truth[row.id] == one.label for row in called)
            there = sum(kind == one.label for kind in truth.values())
            for share, value in ((one.purity, right / len(called)), (one.completeness, right / there)):
                assert share.low is not None and share.high is not None and share.value is not None
                inside.append(share.low <= value <= share.high)
    assert 0.93 <= np.mean(inside) <= 1.0


def test_the_sample_is_blind_and_holds_every_class(tmp_path: Path) -> None:
    rows, _ = survey(1, 800)
    sample = audit.drawn(rows, "one", 100)
    labels = [row.label for row in sample]
    assert sorted({labels.count(name) for name in CLASSES}) in ([25], [24, 25], [25, 26])
    assert labels != sorted(labels, key=str) and len({row.id for row in sample}) == 100
    assert sample == audit.drawn(rows, "one", 100) != audit.drawn(rows, "one", 100, seed=2)
    sheet = list(csv.DictReader(io.StringIO(audit.sheet(sample))))
    assert tuple(sheet[0]) == audit.COLUMNS and not any(row["label"] for row in sheet)
    few = [*[row for row in rows if row.label != "Bent"], next(row for row in rows if row.label == "Bent")]
    assert [row.label for row in audit.drawn(few, "one", 100)].count("Bent") == 1


def test_all_rows_looked_at_leave_nothing_open() -> None:
    rows, truth = survey(2, 200)
    for one in audit.judged(rows, "one", truth, CLASSES):
        right = sum(row.label == one.label == truth[row.id] for row in rows)
        assert one.purity.low == one.purity.high == right / one.called
        assert one.completeness.value == right / sum(kind == one.label for kind in truth.values())
        assert one.completeness.high - one.completeness.low < 1e-9  # type: ignore[operator]


def test_a_class_that_nobody_looked_at_is_not_known() -> None:
    rows, truth = survey(3, 200)
    given = {row.id: truth[row.id] for row in rows if row.label != "FRI"}
    found = {one.label: one for one in audit.judged(rows, "one", given, CLASSES)}
    assert found["FRI"].purity.value is None and found["FRII"].completeness.value is None
    assert found["FRII"].purity.value is not None


def test_a_sheet_that_cannot_be_read_is_said() -> None:
    rows, _ = survey(4, 50)
    for text, words in (
        ("a,b\n1,2\n", "no columns id and label"),
        ("id,label\n1,\n", "has no label yet"),
        ("id,label\n1,FRIII\n", "'FRIII' is no class: write one of Bent"),
        ("id,label\n1,FRI\n1,FRI\n", "'1' stands twice"),
    ):
        with pytest.raises(CatalogueError, match=words):
            audit.labels(text, CLASSES)
    assert audit.labels("id,label\n1,other\n2, FRI \n3,\n", CLASSES) == {"1": "other", "2": "FRI"}
    with pytest.raises(CatalogueError, match="'x' is no row of the table"):
        audit.judged(rows, "one", {"x": "FRI"}, CLASSES)
    with pytest.raises(CatalogueError, match="no valid answer of two"):
        audit.drawn(rows, "two", 10)


def test_the_command_draws_and_reads(run: Run, tmp_path: Path) -> None:
    rows, truth = survey(5, 300)
    tables.write_rows(tmp_path / "t.parquet", rows)
    words = ("audit", tmp_path / "t.parquet")
    code, told, _ = run(*words, "--out", tmp_path / "s.csv", "--count", "40")
    assert code == 0 and "40 rows to label, each Bent, Compact, FRI, FRII or other" in told
    code, _, err = run(*words, "--out", tmp_path / "s.csv")
    assert code == 2 and "exists, perhaps with labels" in err
    sheet = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text())))
    with (tmp_path / "s.csv").open("w") as stream:
        writer = csv.DictWriter(stream, audit.COLUMNS)
        writer.writeheader()
        writer.writerows(row | {"label": truth[row["id"]]} for row in sheet)
    code, told, _ = run(*words, "--labels", tmp_path / "s.csv")
    assert code == 0 and told.count("10 looked at: purity 0.") + told.count("10 looked at: purity 1.") == 4
    code, _, err = run(*words, "--labels", tmp_path / "s.csv", "--checkpoint", "two")
    assert code == 2 and "The table holds answers of one: name one." in err
