"""What changes in a data set folder is noticed, in its classes too, by what a page asks at each rerun."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_set

from ui.training import data_step
from vlass_explorer.datasets.fingerprint import fingerprint


def rewritten(folder: Path) -> None:
    (folder / "long" / "000.npy").write_bytes(b"x" * 7)


def touched(folder: Path) -> None:
    os.utime(folder / "long" / "000.npy", (1, 1))


def rewritten_table(folder: Path) -> None:
    (folder / "labels.csv").write_text("path,label\nlong/000.npy,round\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file more": lambda folder: (folder / "long" / "new.npy").write_bytes(b"x"),
    "a file less": lambda folder: (folder / "long" / "000.npy").unlink(),
    "another name": lambda folder: (folder / "long" / "000.npy").rename(folder / "long" / "x.npy"),
    "another class": lambda folder: (folder / "long" / "000.npy").rename(folder / "round" / "000.npy"),
    "a class more": lambda folder: (folder / "bent").mkdir(),
    "a class less": lambda folder: (folder / "empty").rmdir(),
    "deeper": lambda folder: (folder / "test" / "long" / "y.npy").write_bytes(b"x"),
}
IN_PLACE: dict[str, Callable[[Path], object]] = {
    "rewritten": rewritten,
    "touched": touched,
    "table": rewritten_table,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tiny_set.make(tmp_path / "set", count=6)
    for name in ("empty", "test/long"):
        (made / name).mkdir(parents=True)
    (made / "labels.csv").write_text("path,label\nlong/000.npy,long\n")
    return made


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_come_and_go_are_noticed_at_once(folder: Path, change: str) -> None:
    before = fingerprint(folder, contents=False), fingerprint(folder), data_step.stamp(str(folder))
    assert before == (fingerprint(folder, contents=False), fingerprint(folder), data_step.stamp(str(folder)))
    CHANGES[change](folder)
    after = fingerprint(folder, contents=False), fingerprint(folder), data_step.stamp(str(folder))
    assert all(old != new for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("change", IN_PLACE)
def test_files_that_are_rewritten_are_noticed(folder: Path, change: str) -> None:
    before, stamp = fingerprint(folder), data_step.stamp(str(folder))
    IN_PLACE[change](folder)
    assert fingerprint(folder) != before
    data_step._contents.clear()  # as time does
    assert data_step.stamp(str(folder)) != stamp


def test_what_is_no_part_of_the_set_is_not_noticed(folder: Path, tmp_path: Path) -> None:
    before = fingerprint(folder)
    (folder / "long" / "000.npy").read_bytes()
    assert fingerprint(folder) == before
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert fingerprint(folder) != before  # and comes back
    assert fingerprint(tmp_path / "nowhere") == "" == data_step.stamp("")
