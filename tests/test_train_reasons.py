"""What goes wrong outside the program: a full disk, no memory, a loss that is no number, a state from elsewhere."""

from __future__ import annotations

import errno
import os
import pickle
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_set
import torch

from train import callbacks, module
from train.fit import run as train
from train.reasons import explain
from train.state import saved_steps
from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.schema import Run, RunConfig


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with tiny_set.place(tmp_path) as folder:
        yield folder


def created(place: Path, **changes: object) -> Run:
    return runs.create(recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(place / "data", **changes))))


def test_a_full_disk_keeps_the_last_good_state(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real error of the system: no file may grow beyond 64 kB from the second epoch on."""
    append, limits = runs.append_metrics, resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit_then_append(path: Path, row: dict[str, Any]) -> None:
        append(path, row)
        if row["epoch"] == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))

    monkeypatch.setattr(callbacks.runs, "append_metrics", limit_then_append)
    run = created(place)
    try:
        assert train(run.path) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    failed = runs.read(run.path)
    assert failed.phase == "failed" and failed.reason.startswith("The disk is full (File too large)")
    assert saved_steps(run.path / "last.ckpt") == 4 and not (run.path / callbacks.PARTIAL).exists()
    monkeypatch.undo()
    assert train(runs.new_attempt(failed).path, resume=True) == 0
    assert checkpoints.find("tiny").reports.validation.count == 8


def test_a_loss_that_is_no_number_keeps_the_last_good_state(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = module.cross_entropy, []

    def sometimes(*arguments: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return whole(*arguments) * (float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(module, "cross_entropy", sometimes)
    run = created(place)
    assert train(run.path) == 2
    assert runs.read(run.path).reason.startswith("The loss is nan at step 6 (epoch 2)")
    saved = torch.load(run.path / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4 and all(bool(t.isfinite().all()) for t in saved["state_dict"].values())


def spoiled(model: torch.nn.Module, kind: str) -> None:
    with torch.no_grad():
        if kind == "statistics":
            norm = next(part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d))
            norm.running_mean.fill_(float("nan"))
        else:
            list(model.parameters())[-1].fill_(float("nan"))


@pytest.mark.parametrize(
    ("kind", "reason", "kept"),
    [
        ("weights", "The logits are not finite in the validation after step 8 (epoch 2); the state of step 4", 4),
        ("statistics", "The logits are not finite in the validation after step 8 (epoch 2); the state of step 4", 4),
    ],
)
def test_weights_that_break_in_the_last_step_end_the_run_with_a_reason(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: str, reason: str, kept: int
) -> None:
    whole = module.Classifier.optimizer_step

    def step(self: module.Classifier, *arguments: Any, **options: Any) -> None:
        whole(self, *arguments, **options)
        if self.global_step == 7:  # it is counted after this hook
            spoiled(self.model, kind)

    monkeypatch.setattr(module.Classifier, "optimizer_step", step)
    run = created(place)
    assert train(run.path) == 2
    failed = runs.read(run.path)
    assert failed.phase == "failed" and failed.reason.startswith(reason) and "learning_rate" in failed.reason
    saved = torch.load(run.path / "last.ckpt", weights_only=True)
    assert saved["global_step"] == kept and all(bool(t.isfinite().all()) for t in saved["state_dict"].values())
    assert checkpoints.listing() == []


@pytest.mark.parametrize("architecture", ["vlass_vision_cnn", "resnet18"])
def test_a_huge_learning_rate_without_clipping_ends_with_a_reason(place: Path, architecture: str) -> None:
    """One step: its loss is good, the weights after it are not, and the validation is the first to see them."""
    run = created(place, architecture=architecture, learning_rate=1e30, clip_grad=0, batch_size=32, epochs=1)
    assert train(run.path) == 2
    failed = runs.read(run.path)
    assert failed.phase == "failed" and not (run.path / "last.ckpt").exists()
    assert failed.reason == (
        "The logits are not finite in the validation after step 1 (epoch 1); no state was saved before: "
        "try a smaller learning_rate or clip_grad=1."
    )


def test_a_state_of_another_version_is_refused_in_one_sentence(place: Path) -> None:
    run = created(place, epochs=1, ema=0.9)
    assert train(run.path) == 0
    state = (run.path / "last.ckpt").read_bytes()
    for *folders, lost in (
        ("callbacks", "Recorder", "best"),
        ("callbacks", "Recorder", "best", "marked"),
        ("losses",),
        ("average",),
        ("state_dict", "model.head.bias"),
        ("loops",),
        ("optimizer_states",),
    ):
        older = created(place, epochs=2, ema=0.9)
        (older.path / "last.ckpt").write_bytes(state)
        saved = torch.load(older.path / "last.ckpt", weights_only=True)
        inside = saved
        for name in folders:
            inside = inside[name]
        del inside[lost]
        torch.save(saved, older.path / "last.ckpt")
        assert train(older.path, resume=True) == 2
        failed = runs.read(older.path)
        assert failed.phase == "failed" and "another version" in failed.reason and repr(lost) in failed.reason
        assert failed.reason.endswith("start the run again.")


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.mark}'",)


@pytest.mark.parametrize("kind", ["pickle", "zip", "cut", "other"])
def test_a_state_that_is_not_ours_is_refused_and_runs_nothing(place: Path, kind: str) -> None:
    run, mark = created(place), place / "executed"
    state = run.path / "last.ckpt"
    if kind == "pickle":
        state.write_bytes(pickle.dumps(Evil(mark)))
    elif kind == "zip":
        torch.save({"global_step": 3, "state_dict": Evil(mark)}, state)
    elif kind == "cut":
        torch.save({"global_step": 3, "state_dict": {"w": torch.zeros(99)}}, state)
        state.write_bytes(state.read_bytes()[:300])
    else:
        torch.save([1, 2], state)
    assert train(run.path, resume=True) == 2
    failed = runs.read(run.path)
    assert "was not written by this program" in failed.reason and failed.reason.count("\n") == 0
    assert not mark.exists() and failed.phase == "failed"


@pytest.mark.parametrize(
    ("error", "words", "batch"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "batch_size=32 accumulate=2", 32),
        (MemoryError(), "batch_size=32", 32),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"), "batch_size=32", 32),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "batch_size=32", 32),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full (No space left on device)", None),
    ],
)
def test_reasons_say_what_to_do(error: Exception, words: str, batch: int | None) -> None:
    values = explain(error, RunConfig())
    assert values is not None and words in values["reason"] and values.get("suggested_batch_size") == batch


def test_a_bug_has_no_reason() -> None:
    assert explain(RuntimeError("shapes differ"), RunConfig()) is None
    assert explain(OSError(errno.ENOENT, "No such file"), RunConfig()) is None
    assert "img_size" in (explain(MemoryError(), RunConfig(batch_size=1)) or {})["reason"]
