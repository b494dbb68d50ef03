"""A catalogue on a local Dask cluster: a worker that is killed loses nothing, and what is missing is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from small_catalogue import GROUP, QUICK, written

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import dask_cluster, merge, parts, plan, shard
from vlass_explorer.catalogue.plan import Input
from vlass_explorer.schema import CatalogueError

ROOT = Path(__file__).resolve().parents[1]


def workers(process: int) -> list[int]:
    """Processes below one that were spawned to work, begun by whichever of its threads."""
    below = psutil.Process(process).children(recursive=True)
    return [child.pid for child in below if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(own: Path, tmp_path: Path, one_thread_inside_torch: None) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    (tmp_path / "files").mkdir()
    files = written(tmp_path / "files")[:-1] * 3
    names = [Input(f"{index}", str(path)) for index, path in enumerate(files)]
    card = checkpoints.find("tiny")
    made = plan.make(tmp_path / "killed", names, [card], QUICK, shard=16, group=GROUP)
    code = (
        "from vlass_explorer.catalogue import dask_cluster; from pathlib import Path\n"
        f"if __name__ == '__main__': dask_cluster.run(Path({str(made.folder)!r}), 'local', 1)"
    )
    (tmp_path / "run.py").write_text(code)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "run.py")],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=log,
        )
        deadline = time.monotonic() + 200
        try:
            while parts.answered(made) < GROUP:
                assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
            (worker,) = workers(process.pid)
            os.kill(worker, signal.SIGKILL)
            assert process.wait(200) == 0, (tmp_path / "log").read_text()
        finally:
            process.kill()
            process.wait()
    merge.merge(made, tmp_path / "killed.parquet")
    quiet = plan.make(tmp_path / "quiet", names, [card], QUICK, shard=16, group=GROUP)
    for number in range(quiet.shards):
        shard.run(quiet.folder, number)
    merge.merge(quiet, tmp_path / "quiet.parquet")
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "quiet.parquet").read_bytes()
    dask_cluster.run(made.folder, "tcp://127.0.0.1:1", 1)  # nothing is missing: nobody is asked


def test_what_is_missing_is_said(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan.make(tmp_path / "a", [Input("a", "a.fits")], [checkpoints.find("tiny")], QUICK)
    with monkeypatch.context() as patch, pytest.raises(CatalogueError, match="Dask is not installed here: pip install"):
        patch.setitem(sys.modules, "distributed", None)
        dask_cluster.run(made.folder, "local", 1)
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setattr(dask_cluster, "WAIT", 0.5)
    with pytest.raises(CatalogueError, match="No Dask scheduler answers at tcp://127.0.0.1:1 "):
        dask_cluster.run(made.folder, "tcp://127.0.0.1:1", 1)
