"""Cache: each cutout is decoded once, two processes share one entry, and what is old or half-written goes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tiny_set
import torch

from vlass_explorer import cutouts, datasets, preprocess
from vlass_explorer.datasets import DataSet, Item, cache
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.schema import Cutout, CutoutError, DatasetError, InputError, InputSpec, RunConfig

SPEC = InputSpec(field_of_view_pixels=24, img_size=16)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    yield tmp_path / "cache"


def counted(folder: Path, reads: list[str]) -> DataSet:
    """The data set of a folder, whose items write down that they are decoded."""
    data_set = datasets.load("class_folders", folder)

    def read(item: Item) -> Cutout:
        reads.append(item.name)
        return item.source()

    return replace(data_set, items=tuple(replace(item, source=partial(read, item)) for item in data_set.items))


def test_every_cutout_is_decoded_once_for_all_runs(tmp_path: Path, home: Path) -> None:
    folder, reads = tiny_set.make(tmp_path / "set", count=12), []
    data_set = counted(folder, reads)
    first = stretched(data_set, SPEC)
    second = stretched(counted(folder, reads), replace(SPEC, img_size=32, mean=(0.3,)), RunConfig(rotate=False))
    assert sorted(reads) == sorted(item.name for item in data_set.items)
    assert isinstance(first.groups[0], np.memmap) and not first.groups[0].flags.writeable
    assert np.array_equal(first.groups[0], second.groups[0]) and len(list(home.glob("*/"))) == 1


@pytest.mark.parametrize("change", [{"stretch": "linear"}, {"field_of_view_pixels": 20}, {"clip_sigma": 5.0}])
def test_another_input_is_another_entry(tmp_path: Path, home: Path, change: dict[str, object]) -> None:
    folder, reads = tiny_set.make(tmp_path / "set", count=4), []
    stretched(counted(folder, reads), SPEC)
    found = stretched(counted(folder, reads), replace(SPEC, **change))
    assert len(reads) == 8 and len(list(home.glob("*/"))) == 2
    assert (found.windows[0].shape == (20, 20)) == ("field_of_view_pixels" in change)


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    folder, reads = tiny_set.make(tmp_path / "set", count=4), []
    before = stretched(counted(folder, reads), SPEC)
    path = next(folder.glob("long/*.npy"))
    np.save(path, np.load(path)[::-1])
    os.utime(path, ns=(1, 1))
    after = stretched(counted(folder, reads), SPEC)
    assert len(reads) == 8 and not np.array_equal(before.groups[0], after.groups[0])


def test_what_is_kept_gives_the_input_that_prediction_sees(data_dir: Path) -> None:
    """FITS of several surveys, sizes and pixel scales, with NaN: the same numbers as from the cutout itself."""
    paths = sorted(
        [*(data_dir / "cutouts" / "first").glob("1*.fits")][:3] + [*(data_dir / "cutouts" / "vlass").glob("*.fits")]
    )

    items = tuple(Item(p.name, 0, partial(cutouts.read, p), key=cache.file_key(p)) for p in paths)
    spec = InputSpec(img_size=48, normalisation="field")
    found = stretched(DataSet("real", items, ("a", "b")), spec)
    assert len(found.groups) > 1
    for item, (group, row), rms, peak in zip(items, found.place, found.rms, found.maxima, strict=True):
        crop = torch.from_numpy(found.crops(group, [row], found.windows[group]))
        cutout = item.read()
        assert torch.equal(preprocess.finish(crop, spec, torch.tensor([peak])), preprocess.to_tensor(cutout, spec))
        assert rms == cutout.noise.rms


def test_an_unknown_stretch_is_not_the_files_fault(tmp_path: Path) -> None:
    data_set = datasets.load("class_folders", tiny_set.make(tmp_path / "set", count=4))
    with pytest.raises(InputError, match="^Unknown stretch 'log'"):
        stretched(data_set, replace(SPEC, stretch="log"))


def test_unreadable_files_are_named_and_left_out_only_if_allowed(tmp_path: Path) -> None:
    folder = tiny_set.make(tmp_path / "set", count=20)
    for name in ("long/000.npy", "round/003.npy"):
        (folder / name).write_bytes(b"not an array")
    data_set = datasets.load("class_folders", folder)
    with pytest.raises(DatasetError, match=r"^2 files cannot be read: long/000\.npy: .*; round/003\.npy: "):
        stretched(data_set, SPEC)
    found = stretched(data_set, SPEC, allowed=0.1)
    assert [data_set.items[i].name for i in found.failures] == ["long/000.npy", "round/003.npy"]
    assert (found.place[list(found.failures)] == -1).all() and len(found.groups[0]) == 18
    with pytest.raises(DatasetError, match="2 files cannot be read"):
        stretched(data_set, SPEC, allowed=0.09)


BUILD = """
import sys, time
from pathlib import Path
from vlass_explorer.datasets import cache
def build(folder):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (folder / "x").write_text("whole")
print((cache.entry("key", build) / "x").read_text())
"""


def test_processes_that_need_one_entry_at_once_build_it_once(tmp_path: Path, repo_root: Path) -> None:
    command = [sys.executable, "-c", BUILD, str(tmp_path / "log")]
    running = [subprocess.Popen(command, cwd=repo_root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=240)[0] for process in running] == ["whole\n"] * 2
    assert (tmp_path / "log").read_text() == "built\n"


def test_nothing_half_written_is_left_or_used(home: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise DatasetError("stopped")

    with pytest.raises(DatasetError, match="stopped"):
        cache.entry("key", fail)
    assert not list(home.glob("*/")) and not list(home.glob(".*/"))
    assert (cache.entry("key", lambda folder: None) / cache.STAMP).is_file()


def test_a_request_to_stop_is_heard_while_another_process_builds(home: Path) -> None:
    def waiting() -> None:
        raise KeyboardInterrupt

    def build(folder: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            cache.entry("key", lambda _: None, waiting)

    cache.entry("key", build)


def test_what_was_used_longest_ago_goes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(folder: Path) -> None:
        (folder / "x").write_bytes(bytes(1000))

    places = [cache.entry(key, fill) for key in "abc"]
    for second, path in enumerate(places):
        os.utime(path / cache.STAMP, (second, second))
    assert cache.entry("a", fill) == places[0]  # used now
    monkeypatch.setenv(cache.SIZE, "3e-6")
    last = cache.entry("d", fill)
    assert {path for path in places if path.exists()} == {places[0], places[2]} and last.exists()
    assert cache.prune(home, 0.0, kept=last)
    assert [path for path in home.glob("*/") if not path.name.startswith(".")] == [last]


def test_what_killed_processes_left_goes_and_nothing_else(home: Path) -> None:
    """A cache folder may be named that holds other things, hidden ones among them: they stay however old they are."""
    kept = [home / ".ssh", home / "results", home / ".short.lock", home / ".0123.d"]
    left = [home / f".{'0a' * 16}.x7", home / f".{'1b' * 16}.y8"]
    for folder in (*kept, *left):
        folder.mkdir(parents=True)
        (folder / "file").touch()
        (folder / cache.STAMP).touch()
        os.utime(folder, (0, 0))
    (home / f".{'0a' * 16}.lock").touch()
    made = cache.entry("key", lambda folder: None)
    assert all((folder / "file").exists() for folder in kept) and not any(folder.exists() for folder in left)
    # Its own lock is held until the entry is there, and goes with the next one.
    assert len(list(home.glob("*.lock"))) == 2
    cache.prune(home, -1.0)
    assert not made.exists() and [path.name for path in home.glob("*.lock")] == [".short.lock"]


BUILD_LONG = """
import os, sys, time
from pathlib import Path
from vlass_explorer.datasets import cache
def build(folder):
    print("building", flush=True)
    sys.stdin.readline()
    (folder / "x").write_text("whole")
print((cache.entry("key", build) / "x").read_text())
"""


def test_a_lock_that_is_held_outlives_any_time(home: Path, repo_root: Path) -> None:
    """A build of two days: neither its lock nor its unfinished folder goes, and nobody builds the same beside it."""
    command = [sys.executable, "-c", BUILD_LONG]
    with subprocess.Popen(command, cwd=repo_root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None and builder.stdout.readline() == "building\n"
        for path in home.glob(".*"):
            os.utime(path, (0, 0))
        cache.entry("another", lambda folder: None)

        def waiting() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            cache.entry("key", lambda folder: pytest.fail("built twice"), waiting)
        assert builder.communicate("\n", timeout=60)[0] == "whole\n"
    assert (cache.entry("key", lambda folder: None) / "x").read_text() == "whole"


def test_without_a_name_it_is_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(cache.FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "vlass_explorer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "vlass_explorer"


def test_what_can_be_read_again_is_not_remembered_as_unreadable(tmp_path: Path, home: Path) -> None:
    folder, reads = tiny_set.make(tmp_path / "set", count=6), []
    data_set = counted(folder, reads)
    gone = data_set.items[2]

    def away() -> Cutout:
        raise CutoutError("The file cannot be opened (Permission denied): check path and permissions.")

    items = tuple(replace(item, source=away) if item is gone else item for item in data_set.items)
    for _ in range(2):
        assert list(stretched(replace(data_set, items=items), SPEC, allowed=1.0).failures) == [2]
    assert len(reads) == 5  # the second time from the cache
    found = stretched(data_set, SPEC)
    assert not found.failures and found.place[2].tolist() == [0, 2] and len(list(home.glob("*/"))) == 1


def test_what_is_not_kept_goes_when_nobody_looks_at_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.FOLDER, "off")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    found = stretched(datasets.load("class_folders", tiny_set.make(tmp_path / "set", count=4)), SPEC)
    assert len(list((tmp_path / "temporary").iterdir())) == 1 and found.groups[0].shape[0] == 4
    del found
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_off_keeps_nothing(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.FOLDER, "off")
    folder, reads = tiny_set.make(tmp_path / "set", count=4), []
    for _ in range(2):
        assert stretched(counted(folder, reads), SPEC).groups[0].shape[0] == 4
    assert len(reads) == 8 and not home.exists()


@pytest.mark.parametrize(
    ("size", "place", "reason"),
    [("much", None, "not a number of gigabytes"), ("1", "a/file/below", "cannot be written")],
)
def test_a_cache_that_cannot_be_is_told(
    size: str, place: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.SIZE, size)
    if place:
        (tmp_path / "a").write_text("a file")
        monkeypatch.setenv(cache.FOLDER, str(tmp_path / place))
    with pytest.raises(DatasetError, match=reason):
        cache.entry("key", lambda folder: None)
