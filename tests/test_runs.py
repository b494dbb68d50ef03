"""Run folders read from outside: what is queued, lost, stopped, and how its files are read."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vlass_explorer import runs
from vlass_explorer.schema import RunConfig, RunError

CONFIG = RunConfig(name="one", epochs=3)


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_new_run_is_queued_and_complete(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path / "runs")
    assert (run.phase, run.config, run.progress, run.is_active) == ("queued", CONFIG, 0.0, True)
    assert [one.id for one in runs.listing(tmp_path / "runs")] == [run.id]
    assert not [p.name for p in (tmp_path / "runs").iterdir() if p.name.startswith(".")]
    assert runs.find(run.id, tmp_path / "runs") == runs.find(str(run.path), tmp_path) == runs.read(run.path)


def test_root_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "elsewhere"))
    assert runs.root() == tmp_path / "elsewhere"
    assert runs.listing() == []


def test_identity_tells_processes_apart() -> None:
    process = sleeper()
    known = runs.identity(process.pid)
    assert runs.alive(known) is True
    assert runs.alive({**known, "started": "1"}) is False  # the same id, given out again
    assert runs.alive({**known, "boot": "another"}) is False
    assert runs.alive({**known, "host": "elsewhere"}) is None
    process.kill()
    while runs.alive(known):
        pass
    # Not waited for: a zombie has its id and start still, and is no running process.
    assert Path(f"/proc/{process.pid}").exists() and runs.alive(known) is False
    process.wait()
    assert runs.alive(known) is False


def test_phase_is_checked_against_the_process(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    process = sleeper()
    runs.heartbeat(
        run.path, phase="training", process=runs.identity(process.pid), step=30, total_steps=120, eta_seconds=9.0
    )
    alive = runs.read(run.path)
    assert (alive.phase, alive.progress, alive.eta_seconds) == ("training", 0.25, 9.0)
    process.kill()
    process.wait()
    lost = runs.read(run.path)
    assert (lost.phase, lost.eta_seconds, lost.is_active) == ("lost", None, False)
    assert "step 30" in lost.reason
    assert json.loads((run.path / "status.json").read_text())["phase"] == "training"
    runs.heartbeat(run.path, phase="finished")
    assert (runs.read(run.path).phase, runs.read(run.path).progress) == ("finished", 1.0)


def test_a_trainer_that_never_came_up_is_lost(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    long_ago = (datetime.now(UTC) - timedelta(seconds=301)).isoformat()
    runs.write_status(run.path, created=long_ago)
    assert runs.read(run.path).phase == "lost"
    runs.write_json(run.path / "process.json", runs.identity())
    assert runs.read(run.path).phase == "queued"


def test_silence_from_another_host_is_lost(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    runs.heartbeat(run.path, phase="training", process={**runs.identity(), "host": "node7"})
    assert socket.gethostname() != "node7" and runs.read(run.path).phase == "training"
    runs.write_status(run.path, heartbeat=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
    assert "node7" in runs.read(run.path).reason and runs.read(run.path).phase == "lost"


def test_the_oldest_living_run_of_a_device_is_first(tmp_path: Path) -> None:
    process = sleeper()
    dead = runs.identity(process.pid)
    process.kill()
    process.wait()
    made = [runs.create(CONFIG, tmp_path) for _ in range(4)]
    for run, device, who in zip(
        made, ["cpu", "cpu", "cuda:0", "cpu"], [dead, runs.identity(), runs.identity(), {}], strict=True
    ):
        runs.heartbeat(run.path, device=device, process=who or runs.identity())
    assert [run.id for run in runs.queue(tmp_path, "cpu")] == [made[1].id, made[3].id]
    assert [runs.read(run.path).queue_position for run in made] == [None, 1, 1, 2]


def test_a_run_that_is_coming_up_keeps_its_turn(tmp_path: Path) -> None:
    """The older run imports its libraries more slowly than the younger one: that one waits for it."""
    slow, other, unlaunched, fast = (
        runs.create(replace(CONFIG, device=device), tmp_path) for device in ("auto", "cuda:1", "cpu", "cpu")
    )
    for run in (slow, other):
        runs.write_json(run.path / "process.json", runs.identity())
    runs.heartbeat(fast.path, device="cpu", process=runs.identity())
    assert [run.id for run in runs.queue(tmp_path, "cpu")] == [slow.id, fast.id]
    assert [run.id for run in runs.queue(tmp_path, "cuda:1")] == [slow.id, other.id]
    positions = {run.id: run.queue_position for run in runs.listing(tmp_path)}
    assert positions == {slow.id: None, other.id: None, unlaunched.id: None, fast.id: 2}


def test_an_ended_run_is_deleted_whole(tmp_path: Path) -> None:
    run, other = runs.create(CONFIG, tmp_path), runs.create(CONFIG, tmp_path)
    with pytest.raises(RunError, match="stop it before"):
        runs.delete(run)
    runs.heartbeat(run.path, phase="stopped")
    (tmp_path / ".deleted-before").mkdir()  # an earlier deletion was interrupted
    runs.delete(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.id]
    with pytest.raises(RunError, match="not there any more"):
        runs.delete(run)


def test_one_decision_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most = []

    def decide(number: int) -> None:
        with runs.locked(tmp_path / "runs"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=decide, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_curves_are_bounded_and_only_what_was_added_is_read(tmp_path: Path) -> None:
    run, curves = runs.create(CONFIG, tmp_path), runs.Curves()
    assert curves.update(run) == {}
    rows = [{"epoch": 1, "step": k, "train_loss": 1.0 / (k + 1)} for k in range(10_007)]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    points = curves.update(run)["train_loss"]
    assert len(points) <= 1001 and points[0] == (0, 1.0) and points[-1] == (10_006, 1.0 / 10_007)
    assert set(points) <= {(row["step"], row["train_loss"]) for row in rows}
    assert all(a[0] < b[0] for a, b in itertools.pairwise(points))
    runs.append_metrics(run.path, {"epoch": 2, "step": 10_007, "val_loss": 0.5})
    with (run.path / "metrics.jsonl").open("r+b") as file:
        file.write(b"#")  # what was read before is not read again, or this would be no JSON
    later = curves.update(run)
    assert later["val_loss"] == [(10_007, 0.5)] and later["train_loss"] == points


def test_curves_of_a_resumed_run_begin_again(tmp_path: Path) -> None:
    run, curves = runs.create(CONFIG, tmp_path), runs.Curves()
    for step in range(5):
        runs.append_metrics(run.path, {"epoch": 1, "step": step, "train_loss": float(step)})
    assert len(curves.update(run)["train_loss"]) == 5
    runs.rewind(run.path, 2)
    runs.append_metrics(run.path, {"epoch": 1, "step": 3, "train_loss": 30.0})
    assert curves.update(run)["train_loss"] == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 30.0)]


def test_stop_is_a_file_and_only_for_the_living(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    runs.request_stop(run)
    assert (run.path / "stop").exists()
    runs.heartbeat(run.path, phase="stopped")
    with pytest.raises(RunError, match="nothing to stop"):
        runs.request_stop(runs.read(run.path))


def test_a_new_attempt_queues_an_ended_run_again(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    with pytest.raises(RunError, match="queued"):
        runs.new_attempt(run)
    runs.request_stop(run)
    runs.heartbeat(run.path, phase="stopped", reason="Stopped on request.", process=runs.identity())
    again = runs.new_attempt(runs.read(run.path))
    assert (again.phase, again.reason) == ("queued", "")
    assert not (run.path / "stop").exists()


def test_metrics_are_read_by_offset(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    assert runs.metrics(run) == ([], 0)
    runs.append_metrics(run.path, {"epoch": 1, "step": 5, "train_loss": 0.5})
    rows, offset = runs.metrics(run)
    assert rows == [{"epoch": 1, "step": 5, "train_loss": 0.5}]
    runs.append_metrics(run.path, {"epoch": 1, "step": 9, "val_loss": float("nan")})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "st')  # being written now
    rows, after = runs.metrics(run, offset)
    assert rows == [{"epoch": 1, "step": 9}] and runs.metrics(run, after) == ([], after)
    runs.rewind(run.path, 5)
    assert runs.metrics(run)[0] == [{"epoch": 1, "step": 5, "train_loss": 0.5}]


def test_log_tail_is_the_end_of_a_long_log(tmp_path: Path) -> None:
    run = runs.create(CONFIG, tmp_path)
    assert runs.log_tail(run) == ""
    (run.path / "train.log").write_bytes(b"".join(b"line %d \xff\n" % k for k in range(200_000)))
    tail = runs.log_tail(run, lines=3).splitlines()
    assert [line.split()[1] for line in tail] == ["199997", "199998", "199999"]


def test_a_damaged_folder_hides_no_other(tmp_path: Path) -> None:
    good, bad = runs.create(CONFIG, tmp_path), runs.create(CONFIG, tmp_path)
    (bad.path / "status.json").write_text('{"phase": "tra')
    found = {run.id: run for run in runs.listing(tmp_path)}
    assert found[good.id].phase == "queued"
    assert (found[bad.id].phase, found[bad.id].reason) == ("failed", f"status.json of {bad.id} is damaged.")
    with pytest.raises(RunError, match="damaged"):
        runs.read(bad.path)
    with pytest.raises(RunError, match="no run"):
        runs.find("absent", tmp_path)


def test_status_is_replaced_in_one_step(tmp_path: Path) -> None:
    """A reader in another process never meets half a file."""
    run = runs.create(CONFIG, tmp_path)
    code = (
        "import json,sys,pathlib\np=pathlib.Path(sys.argv[1])\nn=0\n"
        "while True:\n    s=json.loads(p.read_text())\n    n+=1\n    if s.get('step')==300: break\nprint(n)\n"
    )
    reader = subprocess.Popen([sys.executable, "-c", code, str(run.path / "status.json")], stdout=subprocess.PIPE)
    for step in range(301):
        runs.write_status(run.path, step=step, filler="x" * 5000)
    out, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0 and int(out) >= 1
    assert sorted(p.name for p in run.path.iterdir()) == ["config.yaml", "status.json"]
    assert (run.path / "status.json").stat().st_size > 5000
