"""Two processes train one run: the same curves and weights as one process, stopped and resumed on the way."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_set
import torch
from safetensors.torch import load_file

from train import ranks
from train.fit import run as train
from vlass_explorer import recipes, runs
from vlass_explorer.launchers import local
from vlass_explorer.schema import ConfigError, Run, RunConfig


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with tiny_set.place(tmp_path, count=44, OMP_NUM_THREADS="1") as folder:
        yield folder
    torch.set_num_threads(threads)


def configured(place: Path, **changes: object) -> RunConfig:
    # No batch norm, whose statistics on the CPU are those of each process's own part.
    words = tiny_set.words(
        place / "data",
        architecture="vit_tiny_patch16_224",
        patch_size=8,
        optimiser="sgd",
        learning_rate=0.01,
        ema=0.9,
        epochs=3,
        **changes,
    )
    return recipes.with_values(RunConfig(), recipes.parse(words))


def curves(run: Run) -> list[dict[str, float]]:
    return [
        {k: v for k, v in row.items() if k not in ("images_per_second", "memory_mib")} for row in runs.metrics(run)[0]
    ]


def until_ended(run: Run) -> Run:
    deadline = time.monotonic() + 240
    while (now := runs.read(run.path)).is_active:
        assert time.monotonic() < deadline, runs.log_tail(now)
        time.sleep(0.05)
    return now


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_end_with_the_metrics_of_one(place: Path) -> None:
    pair = runs.create(configured(place, name="pair", devices=2))
    local.launch(pair)
    while not runs.metrics(pair)[0] and runs.read(pair.path).is_active:
        time.sleep(0.02)
    runs.request_stop(runs.read(pair.path))
    stopped = until_ended(pair)
    assert (stopped.phase, stopped.reason) == ("stopped", "Stopped on request."), runs.log_tail(stopped)
    local.launch(runs.new_attempt(stopped))
    alone = runs.create(configured(place, name="alone"))
    assert train(alone.path) == 0
    done = until_ended(pair)
    assert done.phase == "finished", runs.log_tail(done)
    assert "parameters" in (pair.path / "train.rank1.log").read_text()

    expected, found = curves(alone), curves(pair)
    assert [row.keys() for row in expected] == [row.keys() for row in found] and len(found) > 5
    for one, two in zip(expected, found, strict=True):
        assert two == pytest.approx(one, abs=1e-5)
    weights = [load_file(place / "checkpoints" / name / "model.safetensors") for name in ("alone", "pair")]
    for key, tensor in weights[0].items():
        assert torch.allclose(tensor.float(), weights[1][key].float(), atol=2e-3), key  # stored in half precision
    # The validation fold has an odd number of cutouts, each counted once.
    counts = [runs.read_status(run.path)["metrics"] for run in (alone, pair)]
    assert counts[0] == pytest.approx(counts[1], abs=1e-4)


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_validation_is_shared_and_gathered_in_order(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(devices=3, batch_size=6)
    parts = []
    for number in range(3):
        monkeypatch.setenv("LOCAL_RANK", str(number))
        parts.append(ranks.validation_batches(count, config))
    assert {len(batches) for batches in parts} == {len(parts[0])} and len(parts[0][0]) <= 2
    rows = [torch.cat(batches)[:, None].float() for batches in parts]

    def all_gather(places: list[torch.Tensor], own: torch.Tensor) -> None:
        for place, row in zip(places, rows, strict=True):
            place.copy_(row)

    monkeypatch.setattr(torch.distributed, "all_gather", all_gather)
    trainer: Any = SimpleNamespace(world_size=3, strategy=SimpleNamespace(root_device=torch.device("cpu")))
    assert ranks.gather(trainer, rows[0], count)[:, 0].tolist() == list(range(count))


def test_a_batch_is_shared_without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(devices=2)
    found = []
    for number in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", number)
        found.append(ranks.shard(torch.arange(7), config).tolist())
    assert found == [[0, 1, 2], [3, 4, 5]]
    assert ranks.shard(torch.arange(7), RunConfig()).tolist() == list(range(7))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (RunConfig(devices=3, batch_size=8), "make it a multiple"),
        (RunConfig(nodes=2), "--slurm"),
        (RunConfig(devices=0), "at least 1"),
    ],
)
def test_what_cannot_be_shared_is_refused(config: RunConfig, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        ranks.check(config)
    assert words in str(error.value)


def test_who_ended_first_is_named(tmp_path: Path) -> None:
    def ended(code: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])

    assert ranks.failure(tmp_path, [ended(0)]) == ""
    assert ranks.failure(tmp_path, [ended(0), ended(3)]) == "Process 2 ended with exit code 3; see train.rank2.log."
    (tmp_path / ".rank1").mkdir()
    runs.write_json(tmp_path / ".rank1" / "status.json", {"phase": "failed", "reason": "The loss is nan."})
    assert ranks.failure(tmp_path, [ended(2)]) == "Process 1: The loss is nan."
