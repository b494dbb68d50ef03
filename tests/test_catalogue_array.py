"""A catalogue as a job array of a real SLURM: a task requeued, one cancelled, what is missing submitted again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import slurm_node
from tiny_checkpoint import save

from vlass_explorer import checkpoints, launchers, runs
from vlass_explorer.catalogue import array, job, merge, plan, shard, watched
from vlass_explorer.catalogue.plan import How, Input, Plan
from vlass_explorer.datasets import simulated
from vlass_explorer.export import tables
from vlass_explorer.launchers import begin, local, slurm
from vlass_explorer.schema import CatalogueError, Run, RunConfig

RESOURCES = slurm.Resources(minutes=30)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("array")
    save(folder / "shelf" / "tiny")
    for index in range(12):
        simulated.write_fits(folder / f"{index}.fits", "Double Lobes", 0, index)
    with pytest.MonkeyPatch.context() as patch, slurm_node.running():
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder / "shelf"))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield folder


def made(place: Path, folder: Path, count: int) -> Plan:
    inputs = [Input(str(index), str(place / f"{index % 12}.fits")) for index in range(count)]
    return plan.make(folder, inputs, [checkpoints.find("tiny")], How(flux=False), shard=count // 4, group=4)


def until(goal: Callable[[], bool], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not goal():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def told(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_array_gives_the_rows_of_a_run_on_this_machine(place: Path, tmp_path: Path) -> None:
    one = made(place, tmp_path / "array", 80)
    sent = array.submit(one.folder, RESOURCES, device="cpu", table=".parquet")
    assert sent.tasks == one.shards == 4
    until(lambda: "RUNNING" in told("squeue", "-h", "-j", f"{sent.job}_0", "-o", "%T"))
    told("scontrol", "requeue", f"{sent.job}_0")
    told("scancel", f"{sent.job}_3")
    until(lambda: not told("squeue", "-h"))
    # The cancelled one is missing, and the job that merges says so.
    assert merge.missing(one) == [3]
    until(lambda: bool(list(one.folder.glob("slurm/*/merge.log"))))
    (log,) = one.folder.glob("slurm/*/merge.log")
    assert "1 of 4 shards are not done" in log.read_text()
    again = array.submit(one.folder, RESOURCES, device="cpu", table=".parquet")
    assert again.tasks == 1
    until(lambda: (one.folder / "table.parquet").exists())
    with pytest.raises(CatalogueError, match="Nothing is missing"):
        array.submit(one.folder, RESOURCES, device="cpu", table=".parquet")

    here = made(place, tmp_path / "here", 80)
    for number in range(here.shards):
        shard.run(here.folder, number)
    merge.merge(here, here.folder / "table.parquet")
    ours, theirs = (tables.read_rows(folder.folder / "table.parquet") for folder in (here, one))
    assert [row.label for row in ours] == [row.label for row in theirs] and len(ours) == 80
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(list(mine.scores.values()), list(other.scores.values()), atol=1e-6)


def test_shares_hold_every_shard_once(place: Path, tmp_path: Path) -> None:
    one = made(place, tmp_path, 80)
    for count in (1, 3, 4, 9):
        assert sorted(number for index in range(count) for number in array.share(one, index, count)) == [0, 1, 2, 3]
    assert slurm.largest_array() == 1001  # of a SLURM that was told nothing
    assert os.environ["VLASS_EXPLORER_CHECKPOINTS"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_the_page_follows_its_array(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, resumed, a task cancelled, resumed: by the functions that the page's buttons call."""
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    names = "\n".join(str(place / f"{index % 12}.fits") for index in range(40))
    words = ["--list", f"{job.HERE}/names.txt", "--checkpoint", "tiny", "--no-flux", "--slurm", "--minutes=30"]
    files = {"names.txt": names.encode(), **job.files(words)}
    run = begin.start(RunConfig(name="many", device="cpu"), local.launch, 4, files)
    folder = job.folder(run)

    def now() -> Run:
        return runs.read(run.path)

    try:
        until(lambda: "RUNNING" in told("squeue", "-h", "-o", "%T"))
        until(lambda: len(watched.jobs(folder)) == 2)  # the array, and what merges behind it, submitted after it
        assert now().is_active
        launchers.of(run).stop(now())
        until(lambda: now().phase == "stopped")
        assert now().reason == "Stopped on request."
        until(lambda: not told("squeue", "-h"))

        begin.resume(now(), launchers.of(run).launch, 4)
        until(lambda: told("squeue", "-h", "-r", "-o", "%T").count("RUNNING") == 2)
        told("scancel", f"{watched.jobs(folder)[0]}_1")
        until(lambda: now().phase == "failed")
        assert "1 of 2 shards are not done (the first: 1), as a task was cancelled" in now().reason
        assert merge.missing(plan.read(folder)) == [1]

        begin.resume(now(), launchers.of(run).launch, 4)
        until(lambda: now().phase == "finished")
    finally:
        local.kill(now())
        watched.cancel(folder)
    assert now().metrics["rows"] == now().metrics["inputs"] == 40 and now().metrics["failed"] == 0
    found = tables.read_rows(folder / "table.parquet")
    assert [row.name for row in found] == [f"{index % 12}.fits" for index in range(40)]
    assert not watched.jobs(folder)
