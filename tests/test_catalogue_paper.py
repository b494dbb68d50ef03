"""What a paper is given: a funnel that adds up, a table that astropy reads back equal, the numbers of the funnel."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import ascii as astropy_ascii
from cli_call import Run
from small_catalogue import QUICK, inputs, made, written

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import merge, paper, plan, shard
from vlass_explorer.schema import CatalogueError, Checkpoint, Row


@pytest.fixture
def card() -> Checkpoint:
    return checkpoints.find("first-cnn")


def rows_of(card: Checkpoint, count: int = 3000) -> list[Row]:
    """Rows of every kind, among them numbers that are missing."""
    random = np.random.default_rng(0)
    found = []
    for index in range(count):
        level = ("ok", "caution", "outside", "refused", "unread")[random.choice(5, p=[0.5, 0.2, 0.1, 0.1, 0.1])]
        row = Row(
            f"source {index} é",
            checkpoint=card.name,
            checkpoint_sha256=card.sha256,
            survey="VLASS",
            version="0.1.0",
            cutout_sha256=None if level == "unread" else "x",
            error="no" if level in ("refused", "unread") else None,
        )
        if level in ("ok", "caution", "outside"):
            label = card.label_names[index % len(card.label_names)]
            row = replace(
                row,
                label=label,
                score=float(random.random()),
                scores={label: 1.0},
                validity=level,
                ra=float(random.uniform(0, 360)) if index % 7 else None,
                dec=float(random.uniform(-40, 90)),
                peak=float(10 ** random.uniform(-4, 1)),
                snr=float(random.uniform(5, 5000)),
                angular_size=12.345,
                flux=float(10 ** random.uniform(-4, 1)) if index % 5 else None,
                flux_error=1.234e-5,
            )
        found.append(row)
    return found


def test_the_funnel_adds_up_to_what_was_asked(card: Checkpoint) -> None:
    rows = rows_of(card)
    found = paper.funnel(rows, card)
    assert found.asked == 3000 == found.unread + found.refused + found.outside + sum(found.classes.values())
    assert found.classified == sum(row.validity in ("ok", "caution") for row in rows)
    steps = dict(found.lines())
    assert steps["asked"] == steps["found"] + steps["not found or not readable"]
    text = paper.methods(found, rows, card)
    told = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", text)}
    assert {found.asked, found.unread, found.refused, found.outside, found.classified, *found.classes.values()} <= told
    assert card.sha256[:12] in text and "\\citep{lacy2020}" in text
    assert card.sha256 in paper.bibtex(rows, card) and "{lacy2020," in paper.bibtex(rows, card)
    keys = set(re.findall(r"@\w+\{([^,]+),", paper.bibtex(rows, card)))
    assert {key for group in re.findall(r"\\cite\w+\{([^}]+)\}", text) for key in group.split(",")} == keys
    assert paper.tex(r"a_b & 50% {x} \y") == r"a\_b \& 50\% \{x\} \textbackslash{}y"


def test_astropy_reads_the_table_back_equal(card: Checkpoint) -> None:
    rows = rows_of(card)
    text = paper.mrt(rows)
    assert text.isascii() and max(map(len, text.splitlines())) < 200
    table = astropy_ascii.read(text, format="mrt")
    valid = [row for row in rows if row.validity in ("ok", "caution")]
    assert len(table) == len(valid) and str(table["Flux"].unit) == "Jy"
    for name, key, shown, _, _ in paper.COLUMNS:
        for cell, row in zip(table[name], valid, strict=True):
            value = getattr(row, key)
            if name in paper.TEXTS:
                assert cell == paper._plain(value)
            else:
                assert cell is np.ma.masked if value is None else float(cell) == float(shown % value), name
    with pytest.raises(CatalogueError, match="No row has a valid answer"):
        paper.mrt([row for row in rows if row.validity == "outside"])


def test_rows_of_other_weights_are_refused(card: Checkpoint) -> None:
    rows = rows_of(card, 20)
    with pytest.raises(CatalogueError, match="first-cnn was replaced since the table was made"):
        paper.funnel([replace(row, checkpoint_sha256="0" * 64) for row in rows], card)
    with pytest.raises(CatalogueError, match="holds no row of first-cnn"):
        paper.funnel([replace(row, checkpoint="other") for row in rows], card)


@pytest.mark.usefixtures("one_thread_inside_torch")
def test_a_finished_folder_becomes_files(own: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    files = written(tmp_path / "files")
    one = made(tmp_path / "done", files)
    code, _, err = run("paper", one.folder, "--out", tmp_path / "paper")
    assert code == 2 and "has no table.parquet yet" in err
    for number in range(one.shards):
        shard.run(one.folder, number)
    merge.merge(one, one.folder / "table.parquet")
    code, told, _ = run("paper", one.folder, "--out", tmp_path / "paper", "--stamps", "2")
    assert code == 0 and "21 asked, 19 found" in told
    steps = dict(csv.reader((tmp_path / "paper" / "funnel.csv").read_text().splitlines()))
    assert int(steps["asked"]) == int(steps["found"]) + 2
    assert (tmp_path / "paper" / "stamps.pdf").read_bytes().startswith(b"%PDF")
    assert {path.name for path in (tmp_path / "paper").iterdir()} == {
        "funnel.csv",
        "table.mrt",
        "methods.tex",
        "references.bib",
        "stamps.pdf",
    }
    for words, message in (
        (("--out", tmp_path / "paper"), "is not an empty folder"),
        (("--out", tmp_path / "new", "--checkpoint", "x"), "does not ask x"),
    ):
        code, _, err = run("paper", one.folder, *words)
        assert code == 2 and message in err
    plan.make(tmp_path / "two", inputs(files), [checkpoints.find("tiny")] * 2, QUICK)
    assert run("paper", tmp_path / "two", "--out", tmp_path / "new")[0] == 2
