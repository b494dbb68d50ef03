"""A stopped run is kept: its saved state becomes a checkpoint without another step."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest
import safetensors.torch
import tiny_set
import torch

from train import module
from train.__main__ import main
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


def test_statistics_beyond_half_precision_are_kept_in_single(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch norm behind bright inputs may well have a variance above 65,504; what is reported is what is stored."""
    whole = module.Classifier.optimizer_step

    def step(self: module.Classifier, *arguments: object, **options: object) -> None:
        whole(self, *arguments, **options)
        if self.global_step == 3:  # it is counted after this hook
            norm = next(part for part in self.model.modules() if isinstance(part, torch.nn.BatchNorm2d))
            norm.running_var[0] = 1e6

    monkeypatch.setattr(module.Classifier, "optimizer_step", step)
    with tiny_set.place(tmp_path):
        words = tiny_set.words(tmp_path / "data", epochs=1)
        run = runs.create(recipes.with_values(RunConfig(), recipes.parse(words)))
        assert train(run.path) == 0
        card = checkpoints.find("tiny")
        stored = safetensors.torch.load_file(card.path / checkpoints.WEIGHTS)
        single = [key for key, tensor in stored.items() if tensor.dtype == torch.float32]
        assert len(single) == 1 and single[0].endswith("running_var") and float(stored[single[0]][0]) == 1e6
        assert torch.equal(checkpoints.load(card).state_dict()[single[0]], stored[single[0]])
        capsys.readouterr()
        data = ["--data-dir", str(tmp_path / "data"), "--split", "random", "--device", "cpu", "--json"]
        assert main(["test", "tiny", *data]) == 0
        again = json.loads(capsys.readouterr().out)
        assert {key: again[key] for key in ("loss", "accuracy")} == {
            key: card.reports.table["validation"][key] for key in ("loss", "accuracy")
        }


def test_nothing_saved_is_nothing_to_keep(tmp_path: Path) -> None:
    run = runs.create(RunConfig(), tmp_path)
    runs.heartbeat(run.path, phase="failed")
    with pytest.raises(RunError, match="has saved nothing"):
        runs.new_attempt(runs.read(run.path), keep=True)
    assert runs.read(run.path).phase == "failed"
