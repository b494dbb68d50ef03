"""Rows that are watched while a catalogue is answered: the matched answer, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from vlass_explorer.catalogue import follow

ROWS = [
    {"id": "both", "label": "FRI", "score": 0.6, "matched_label": "FRII", "matched_score": 0.9},
    {"id": "own alone", "label": "FRI", "score": 0.6, "not_matched": "The file gives no beam."},
    {"id": "neither", "error": "This is no image.", "not_matched": None},
]


def test_an_image_that_cannot_be_matched_has_failed_there_with_its_reason() -> None:
    _, empty = follow.Answers(Path("no such folder")).update()
    rows = [dict.fromkeys(follow.SHOWN) | {"checkpoint": "one"} | row for row in ROWS]
    table = pa.Table.from_pylist(rows, empty.schema)
    assert follow.chosen(table, follow.Filter(failed=True))["id"].to_pylist() == ["neither"]
    matched = follow.matched(table)
    assert matched["label"].to_pylist() == ["FRII", None, None]
    failed = follow.chosen(matched, follow.Filter("one", failed=True))
    assert failed["id"].to_pylist() == ["own alone", "neither"]
    assert failed["error"].to_pylist() == ["The file gives no beam.", "This is no image."]
    assert follow.chosen(matched, follow.Filter(failed=False))["id"].to_pylist() == ["both"]
