"""A cutout of a data set or an archive is read again in another process, from open folders only, by readers only."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tiny_set

from vlass_explorer import cutouts, datasets
from vlass_explorer.archives import survey_noise
from vlass_explorer.borrowed import Borrowed, packed, unpacked


@pytest.fixture
def item(tmp_path: Path) -> datasets.Item:
    return datasets.load("class_folders", tiny_set.make(tmp_path / "data" / "blobs", count=4)).items[1]


def told(source: object) -> bytes:
    content = packed(Borrowed("key", "hash", source))
    assert content is not None
    return content


def test_a_cutout_of_a_data_set_is_read_again(item: datasets.Item, tmp_path: Path) -> None:
    found = unpacked(told(item.source), [tmp_path / "data"])
    assert found is not None and (found.key, found.sha256) == ("key", "hash")
    np.testing.assert_array_equal(found.source().pixels, item.read().pixels)
    made = datasets.load("simulated", None, count=3).items[0]  # in memory: by label, seed and number
    found = unpacked(told(made.source), [])
    assert found is not None and found.source().sha256 == made.read().sha256


def test_what_an_archive_sent_is_read_again_with_its_noise(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(30, dtype=np.float32))
    source = partial(survey_noise.read_with, tmp_path / "a.npy", None, (3.3, -9.3))
    found = unpacked(told(source), [tmp_path])
    assert found is not None and found.source.args == source.args
    assert found.source().pixels[3, 3] == 1


def test_only_files_that_are_there_and_open_are_read(item: datasets.Item, tmp_path: Path) -> None:
    content = told(item.source)
    assert unpacked(content, [tmp_path / "other"]) is None
    (tmp_path / "other").mkdir()
    path = item.source.args[0]
    (tmp_path / "other" / "link.npy").symlink_to(path)
    assert unpacked(told(partial(cutouts.read, tmp_path / "other" / "link.npy")), [tmp_path / "other"]) is None
    path.unlink()
    assert unpacked(content, [tmp_path / "data"]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"module": "os", "reader": "system"},
        {"module": "vlass_explorer.datasets.uploads", "reader": "shutil"},
        {"module": "vlass_explorer.cutouts", "reader": "Path"},
        {"module": "vlass_explorer.nothing"},
        {"args": {"tuple": [[1]]}},
        {"args": None},
    ],
)
def test_what_was_changed_calls_nothing(item: datasets.Item, tmp_path: Path, change: dict[str, object]) -> None:
    content = json.dumps(json.loads(told(item.source)) | change).encode()
    assert unpacked(content, [tmp_path]) is None
    assert unpacked(content[:-3], [tmp_path]) is None


def test_what_is_no_reader_is_not_kept() -> None:
    for source in (cutouts.read, lambda: None, partial(os.fspath, "x"), partial(cutouts.read, np.zeros(3))):
        assert packed(Borrowed("key", "hash", source)) is None
