"""A stopped run is kept: its saved state becomes a checkpoint without another step."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
import tiny_set
import torch

from train.fit import run as train
from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.schema import RunConfig, RunError


def test_what_a_stopped_run_has_saved_becomes_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    tiny_set.make(tmp_path / "data")
    words = tiny_set.words(tmp_path / "data", name="kept", epochs=500, save_every=1)
    run = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop_when_saved() -> None:
        while not (run.path / "last.ckpt").exists():
            pass
        (run.path / "stop").touch()

    threading.Thread(target=stop_when_saved).start()
    assert train(run.path) == 0
    stopped = runs.read(run.path)
    step = torch.load(run.path / "last.ckpt", weights_only=True)["global_step"]
    rows, _ = runs.metrics(stopped)
    assert stopped.phase == "stopped" and 0 < step < 2000 and not checkpoints.listing()

    runs.new_attempt(stopped, keep=True)
    assert train(run.path, resume=True) == 0
    finished = runs.read(run.path)
    assert (finished.phase, finished.reason) == ("finished", f"Kept on request after step {step}.")
    state = torch.load(run.path / "last.ckpt", weights_only=True)
    assert state["global_step"] == step and runs.metrics(finished)[0] == [row for row in rows if row["step"] <= step]
    own = checkpoints.load(checkpoints.find("kept")).state_dict()
    saved = {key.removeprefix("model."): value for key, value in state["state_dict"].items()}
    assert all(torch.equal(value, saved[key].half().float().to(value.dtype)) for key, value in own.items())
    assert finished.metrics["macro_f1"] == runs.read_report(run.path)["macro_f1"]
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_nothing_saved_is_nothing_to_keep(tmp_path: Path) -> None:
    run = runs.create(RunConfig(), tmp_path)
    runs.beat(run.path, phase="failed")
    with pytest.raises(RunError, match="has saved nothing"):
        runs.new_attempt(runs.read(run.path), keep=True)
    assert runs.read(run.path).phase == "failed"
