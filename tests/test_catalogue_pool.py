"""The processes of a catalogue by real signals: what is killed is begun again, and the table is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_catalogue import GROUP, QUICK, made, written

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import merge, parts, plan, pool, shard
from vlass_explorer.catalogue.plan import Input
from vlass_explorer.schema import CatalogueError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return written(tmp_path_factory.mktemp("catalogue"))


def children(process: int) -> list[str]:
    try:
        return (Path("/proc") / str(process) / "task" / str(process) / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def workers_of(process: int) -> list[int]:
    """The processes that work: copies of one child of a pool's process, which has loaded what they need."""
    copied = [int(number) for number in children(process) if b"forkserver" in command(number)]
    return [int(number) for number in copied for number in children(number)]


def command(process: str) -> bytes:
    try:
        return (Path("/proc") / process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc here to find the processes by")
def test_processes_that_are_killed_lose_nothing(own: Path, files: list[Path], tmp_path: Path) -> None:
    """A worker and the parent, by SIGKILL; the table equals that of a run that nobody disturbed."""
    root = Path(__file__).resolve().parents[1]
    again = files[:-1] * 2
    names = [Input(f"{index}", str(path)) for index, path in enumerate(again)]
    card = checkpoints.find("tiny")

    def begin(folder: Path) -> subprocess.Popen[bytes]:
        plan.make(folder, names, [card], QUICK, shard=16, group=GROUP)
        code = (
            f"from vlass_explorer.catalogue import pool; from pathlib import Path; pool.run(Path({str(folder)!r}), 1)"
        )
        return subprocess.Popen([sys.executable, "-c", code], cwd=root, start_new_session=True)

    def some(folder: Path, more: int, process: subprocess.Popen[bytes]) -> None:
        before = parts.answered(plan.read(folder))
        deadline = time.monotonic() + 300
        while parts.answered(plan.read(folder)) < before + more and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    folder = tmp_path / "killed"
    process = begin(folder)
    some(folder, GROUP, process)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)  # a worker: the pool begins its shard again
    some(folder, GROUP, process)
    left = workers_of(process.pid)
    process.kill()  # the parent alone: its workers leave, too
    process.wait()
    deadline = time.monotonic() + 120
    assert left
    while any(command(str(number)) for number in left):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert begin(folder).wait() == 0

    merged = merge.merge(plan.read(folder), folder / "table.parquet")
    assert (merged.inputs, merged.rows, merged.errors) == (len(again), len(again), 2)
    quiet = plan.make(tmp_path / "quiet", names, [card], QUICK, shard=16, group=GROUP)
    for number in range(quiet.shards):
        shard.run(quiet.folder, number)
    merge.merge(quiet, tmp_path / "table.parquet")
    assert (tmp_path / "table.parquet").read_bytes() == (folder / "table.parquet").read_bytes()


def test_a_process_that_ends_again_and_again_is_said(own: Path, files: list[Path], tmp_path: Path) -> None:
    one = made(tmp_path, files)

    def broken(*_: object) -> None:
        raise pool.BrokenProcessPool

    with pytest.MonkeyPatch.context() as patch, pytest.raises(CatalogueError, match="ended 3 times while it worked"):
        patch.setattr(pool, "_round", broken)
        pool.run(one.folder, 1)
