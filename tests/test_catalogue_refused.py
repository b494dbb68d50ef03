"""A catalogue with a full disk, tasks that never started and parts of two versions: said, and nothing lost."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cli_call import Run
from small_catalogue import made, written

from vlass_explorer.catalogue import merge, parts, plan, pool, shard
from vlass_explorer.schema import CatalogueError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return written(tmp_path_factory.mktemp("catalogue"))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let a file grow, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(own: Path, files: list[Path], tmp_path: Path) -> None:
    one = made(tmp_path / "out", files)
    first, *others = range(one.shards)
    shard.run(one.folder, first)
    kept = parts.path(one, first).read_bytes()
    with files_of_at_most(4000), pytest.raises(CatalogueError, match=r"takes no more \(.*\): make room and run the sa"):
        shard.run(one.folder, others[0])
    assert [path.name for path in (one.folder / "parts").iterdir()] == [parts.path(one, first).name]
    for number in others:
        shard.run(one.folder, number)
    merge.merge(one, one.folder / "table.parquet")
    with files_of_at_most(4000), pytest.raises(Exception, match=r"cannot be written .*make room or name another"):
        merge.merge(one, one.folder / "other.parquet")
    assert not list(one.folder.glob("*other*")) and parts.path(one, first).read_bytes() == kept


def test_a_task_that_never_started_is_counted_and_done_by_the_next(
    run: Run, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(folder: Path, workers: int, device: str, shards: list[int]) -> None:
        for number in shards:
            shard.run(folder, number)

    monkeypatch.setattr(pool, "run", here)
    one = made(tmp_path, files)
    code, told, _ = run("work", tmp_path, "--task", "0", "--of", "2")
    assert code == 0 and "share 0 of 2 is done, 2 of 4 shards." in told
    code, _, err = run("merge", tmp_path)
    assert code == 2 and "2 of 4 shards are not done (the first: 1): run classify again" in err
    assert not (tmp_path / "table.parquet").exists() and merge.missing(one) == [1, 3]
    assert run("work", tmp_path, "--task", "2", "--of", "2")[0] == 2
    assert run("work", tmp_path, "--task", "1", "--of", "2")[0] == 0
    code, told, _ = run("merge", tmp_path)
    assert code == 2 and "21 inputs in, 21 rows out, none twice, 2 of them without a prediction" in told


def test_parts_of_another_version_do_not_count(own: Path, files: list[Path], tmp_path: Path) -> None:
    one = made(tmp_path / "out", files)
    older = replace(one, version="0.0.9")
    for number in range(one.shards):
        shard.run(one.folder, number)
    ids = [item.id for _, item in one.inputs(2)]
    rows = parts.rows(one, parts.path(one, 2), [column.name for column in one.columns])
    assert rows is not None and len(ids) == rows.num_rows
    parts._write(older, parts.path(older, 2), iter([rows]), ids)  # as the version before left it in the same folder
    assert merge.missing(plan.read(one.folder)) == [2] and parts.rows(one, parts.path(one, 2), ["id"]) is None
    with pytest.raises(CatalogueError, match=r"1 of 4 shards are not done \(the first: 2\)"):
        merge.merge(one, tmp_path / "table.parquet")
    shard.run(one.folder, 2)
    assert merge.merge(one, tmp_path / "table.parquet").rows == len(files)
