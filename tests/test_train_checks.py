"""A look before a run: duplicates across splits, disk, memory and time measured, the largest batch that fits."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_set
import torch

from train import checks, dryrun
from train.__main__ import main
from vlass_explorer import recipes
from vlass_explorer.evaluation.parts import open_data_set
from vlass_explorer.learning.data import load, split_indices
from vlass_explorer.schema import RunConfig


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunConfig]:
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(tiny_set.make(tmp_path / "data"))))
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_what_a_good_run_would_find(config: RunConfig) -> None:
    found = checks.check(config)
    assert found["errors"] == [] and found["unreadable"] == {} and found["duplicates"] == []
    assert found["counts"] == {"train": {"long": 16, "round": 16}, "validation": {"long": 4, "round": 4}}
    measured = found["measured"]
    assert (measured["batch_size"], measured["precision"], measured["fits"]) == (8, "32", True)
    assert measured["seconds_per_epoch"] == pytest.approx(4 * measured["seconds_per_step"])
    assert measured["seconds_in_all"] == pytest.approx(8 * measured["seconds_per_step"])
    assert measured["images_per_second"] == pytest.approx(8 / measured["seconds_per_step"])
    # Thirty-two cutouts are all there are, and they fit.
    assert measured["largest_batch_size"] == 32
    assert measured["peak_memory_mib"] > 100
    assert found["disk_needed_mib"] == pytest.approx(found["parameters"] * 32 / 2**20)


def test_the_same_pixels_in_two_splits_are_named(config: RunConfig) -> None:
    folder = Path(config.data_dir)
    data_set = open_data_set(config)
    first, second = (data_set.items[part[0]].name for part in split_indices(data_set, config))
    shutil.copy(folder / first, folder / second)
    found = checks.check(config, steps=False)
    assert found["duplicates"] == [[f"train: {first}", f"validation: {second}"]]
    assert "1 cutouts are in two splits" in found["warnings"][-1] and "measured" not in found
    # Twice in one split is no leak.
    shutil.copy(folder / data_set.items[split_indices(data_set, config)[0][1]].name, folder / second)
    assert checks.check(replace(config, fold=1), read=True, steps=False)["errors"] == []


def test_a_full_disk_is_an_error(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    found = checks.check(config, read=False, steps=False)
    assert len(found["errors"]) == 1 and found["errors"][0].startswith("The disk has 1 MiB left")


def test_the_peak_is_that_since_the_rest(repo_root: Path) -> None:
    # In a process of its own: what other tests leave behind is given back to the system at moments of its choice.
    code = """
import numpy as np
from train import dryrun
big = np.ones(60 * 2**17)  # 60 MiB
del big
before = dryrun.rest_memory()
rest = dryrun.peak_memory() - before
held = np.ones(60 * 2**17)
del held
print(rest, dryrun.peak_memory() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, timeout=200)
    rest, peak = map(float, done.stdout.split())
    assert rest < 30 and 55 < peak < 90


@pytest.mark.parametrize(
    ("room", "largest", "fits"), [(1, 1, False), (5, 4, False), (8, 8, True), (40, 32, True), (0, 0, False)]
)
def test_the_largest_batch_of_a_gpu_is_tried_out(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, room: int, largest: int, fits: bool
) -> None:
    """A GPU that holds ``room`` cutouts."""

    def steps(config: RunConfig, *rest: object) -> dict[str, float]:
        if config.batch_size > room:
            raise torch.OutOfMemoryError
        return {"seconds": 1.0, "before": 0.0, "peak": float(config.batch_size)}

    monkeypatch.setattr(dryrun, "steps", steps)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 1000 * 2**20))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    found = dryrun.measure(config, load(config, lambda: None), "cuda:0")
    assert (found["largest_batch_size"], found["fits"]) == (largest, fits)


def test_a_configuration_comes_as_yaml_on_standard_input(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = io.TextIOWrapper(io.BytesIO(recipes.to_yaml(replace(config, batch_size=4)).encode()))
    monkeypatch.setattr(sys, "stdin", given)
    assert main(["check", "--json", "--quick", "--config", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["steps_per_epoch"] == 8
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("naïve: é".encode("latin-1"))))
    assert main(["check", "--config", "-"]) == 2
    assert capsys.readouterr().err == "train: Standard input is not a text file.\n"
