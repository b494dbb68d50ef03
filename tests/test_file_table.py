"""The table of real files in docs/files.md is what is read of them; each of its lines was looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import file_table

FOLDERS = ("surveys", "vlass", "first", "pairs", "lotss", "odd")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_docs_files_is_what_is_read(data_dir: Path, repo_root: Path) -> None:
    told = [line for line in (repo_root / "docs" / "files.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    made = list(file_table.table([*(data_dir / "cutouts" / name for name in FOLDERS), data_dir / "measured"]))
    assert len(made) == len(told) > 70
    for one, other in zip(map(cells, made), map(cells, told), strict=True):
        assert (one[:6], one[8:]) == (other[:6], other[8:])
        for value, wanted in zip(one[6:8], other[6:8], strict=True):
            if " ± " in wanted:
                (flux, error, unit), (found, _, found_unit) = (re.split(" ± | ", cell) for cell in (wanted, value))
                # to the digit that its error supports
                assert found_unit == unit and float(found) == pytest.approx(float(flux), abs=0.35 * float(error))
            else:
                assert value == wanted
