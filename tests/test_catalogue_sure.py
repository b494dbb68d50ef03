"""A catalogue that is asked how sure it is: the columns of predict in every part; and parts of earlier versions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from test_calibration_sure import kept

from vlass_explorer import calibration, checkpoints
from vlass_explorer.catalogue import follow, merge, parts, plan, shard
from vlass_explorer.catalogue.plan import Plan
from vlass_explorer.cli import batch, classify, main
from vlass_explorer.export import tables
from vlass_explorer.schema import Checkpoint

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")
__all__ = ["kept"]
ASKED = ("calibrated_label", "calibrated_score", "prediction_set", "not_calibrated", "training_percentile")
ASKED += ("nearest_names", "not_compared", "turned_same", "turned_lowest", "turned_highest")


def answered(words: list[str]) -> Plan:
    """What these words of classify ask for, answered in this process and merged."""
    made = classify.planned(batch._parsed(words))
    for number in range(made.shards):
        shard.run(made.folder, number)
    merge.merge(made, made.folder / "table.parquet")
    return made


def test_classify_says_what_predict_says_and_holds_to_one_calibration(
    kept: tuple[Checkpoint, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card, data = kept
    files = [str(path) for path in sorted(data.glob("long/*.npy"))[-4:]]
    asking = [*files, "--checkpoint", "tiny", "--device", "cpu", "--how-sure"]
    assert main(["predict", *asking, "--out", str(tmp_path / "t.parquet")]) == 0
    words = ["classify", *asking, "--out", str(tmp_path / "out"), "--no-flux"]
    answered(words[1:])
    ours, theirs = tables.read_rows(tmp_path / "out" / "table.parquet"), tables.read_rows(tmp_path / "t.parquet")
    assert [row.id for row in ours] == [row.id for row in theirs] and all(row.calibrated_score for row in ours)
    for one, other in zip(ours, theirs, strict=True):
        for name in ASKED:
            expected = getattr(other, name)
            # the folded model rounds otherwise: a held-out cutout is 1 of 80 farther than itself, or not
            wide = 1.3 if name == "training_percentile" else 1e-4
            is_number = isinstance(expected, float)
            assert getattr(one, name) == (pytest.approx(expected, abs=wide) if is_number else expected), name
    told = json.loads((tmp_path / "out" / plan.MANIFEST).read_bytes())
    assert told["how"]["how_sure"] and told["asked"][0]["beside"] == checkpoints.beside(card)
    (known,) = calibration.read(card)
    checkpoints.keep_calibrations(card, [replace(known, data="other cutouts").table()])
    capsys.readouterr()
    assert main(words) == 2
    assert "tiny was calibrated anew since" in capsys.readouterr().err


def test_parts_of_an_earlier_version_are_read_watched_and_merged(kept: tuple[Checkpoint, Path], tmp_path: Path) -> None:
    _, data = kept
    out = tmp_path / "out"
    made = answered([str(data / "long"), "--checkpoint", "tiny", "--out", str(out), "--no-flux"])
    told = json.loads((out / plan.MANIFEST).read_bytes())
    assert "how_sure" not in told["how"] and "beside" not in told["asked"][0]  # as that version wrote it
    before = tables.read_rows(out / "table.parquet")
    for path in (out / "parts").glob("*.parquet"):
        table, mark = parquet.read_table(path), parquet.read_metadata(path).metadata[parts.MARK.encode()]
        table = table.drop_columns([name for name in table.column_names if name in ASKED])
        parquet.write_table(table.replace_schema_metadata({parts.MARK: mark}), path)
    assert not merge.missing(made)
    _, rows = follow.Answers(out).update()
    assert rows.num_rows == len(before)
    cells = follow.full(made, rows.slice(0, 2))
    names = [column.name for column in made.columns]
    assert len(cells[0]) == len(names) and cells[0][names.index("calibrated_score")] is None
    merge.merge(made, out / "table.parquet")
    assert tables.read_rows(out / "table.parquet") == before
    assert parts.answered(made) == len(before)
