"""Run folders that something went wrong with: half lines, broken status and configuration; the others stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vlass_explorer import runs
from vlass_explorer.schema import Run, RunConfig, RunError


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runs.create(RunConfig(name="one"), tmp_path)


def test_a_half_line_that_is_appended_to_costs_itself_only(run: Run) -> None:
    runs.append_metrics(run.path, {"step": 1, "epoch": 0, "train_loss": 0.5})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "epoch": 0, "train_lo')  # killed here
    assert [row["step"] for row in runs.metrics(run)[0]] == [1]
    runs.append_metrics(run.path, {"step": 3, "epoch": 1, "train_loss": 0.25})
    rows, offset = runs.metrics(run)
    assert [(row["step"], row["train_loss"]) for row in rows] == [(1, 0.5), (3, 0.25)]
    assert offset == (run.path / "metrics.jsonl").stat().st_size
    assert runs.Curves().update(run)["train_loss"] == [(1, 0.5), (3, 0.25)]
    runs.rewind(run.path, 1)
    assert [row["step"] for row in runs.metrics(run)[0]] == [1]


def test_lines_that_are_no_rows_are_left_out(run: Run) -> None:
    good = json.dumps({"step": 4, "val_loss": 1.5})
    # The second is what builds before this one made of a half line and the next row.
    lines = ["", '{"step": 1, "tr{"step": 2, "train_loss": 0.1}', "[1, 2]", "null", '{"epoch": 1}', "\x00\x00", good]
    (run.path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert runs.metrics(run)[0] == [{"step": 4, "val_loss": 1.5}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"x"',
        "null",
        '{"phase": 5}',
        '{"phase": "dreaming"}',
        '{"phase": "queued", "created": "noon"}',
        '{"phase": "training", "created": "2026-01-01T00:00:00+00:00", "step": "many"}',
        '{"phase": "training", "created": "2026-01-01T00:00:00+00:00", "process": [1]}',
        '{"phase": "finished", "created": "2026-01-01T00:00:00+00:00", "metrics": {"macro_f1": "good"}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_status_fails_its_run_and_no_other(run: Run, text: str) -> None:
    other = runs.create(RunConfig(name="other"), run.path.parent)
    (run.path / "status.json").write_text(text)
    with pytest.raises(RunError, match="status.json of .* is damaged"):
        runs.read(run.path)
    found = {each.id: each for each in runs.listing(run.path.parent)}
    assert found[run.id].phase == "failed" and "damaged" in found[run.id].reason
    assert found[other.id].phase == "queued"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"epochs: {", b"wings: 2", b"epochs: 2024-99-99", b"- a"])
def test_a_damaged_configuration_fails_its_run(run: Run, content: bytes) -> None:
    (run.path / "config.yaml").write_bytes(content)
    (found,) = runs.listing(run.path.parent)
    assert found.phase == "failed" and found.reason.startswith(f"{run.id} cannot be read: ")


def test_a_missing_configuration_fails_its_run(run: Run) -> None:
    (run.path / "config.yaml").unlink()
    assert runs.listing(run.path.parent)[0].reason == f"{run.id} is not a run folder: it has no config.yaml."


@pytest.mark.parametrize("process", [{"pid": "x"}, {"pid": -1}, {"pid": None}, {}])
def test_a_process_that_is_none_is_not_alive(process: dict[str, object]) -> None:
    me = runs.identity()
    assert runs.alive(me) is True
    assert not runs.alive({**me, **process} if process else {})
