"""What the server keeps in memory: bounded by bytes whatever the kind, one store for all sessions, each made once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_checkpoint
import torch

from ui import loaders, settings, state
from vlass_explorer import memory
from vlass_explorer.memory import Memory
from vlass_explorer.schema import CheckpointError, Cutout

MB = 1 << 20


@pytest.fixture
def ours() -> Memory:
    """A memory of 10 MB of its own."""
    return Memory(10 * MB)


def test_sizes_are_those_of_what_is_inside() -> None:
    pixels = np.zeros((512, 512), np.float32)
    assert MB <= memory.size(pixels) < 1.01 * MB
    assert 2 * MB <= memory.size((pixels, [torch.zeros(512, 512)])) < 2.1 * MB
    assert MB <= memory.size(Cutout("a", pixels)) < 1.1 * MB
    assert MB <= memory.size(torch.nn.Linear(512, 511)) < 1.1 * MB
    assert memory.size("x" * MB) == MB
    assert MB <= memory.size(go.Figure({"data": [{"type": "heatmap", "z": pixels}]})) < 1.4 * MB  # as base64
    assert memory.size(None) == memory.size(CheckpointError("no")) == memory.SMALL


def test_the_store_is_bounded_by_bytes_and_forgets_what_was_used_longest_ago(ours: Memory) -> None:
    made: list[int] = []

    @ours.cached
    def image(number: int) -> np.ndarray:
        made.append(number)
        return np.zeros((512, 512), np.float32)

    for number in range(100):
        image(number)
        image(0)  # used all the time, so it stays
        assert ours.store.currsize <= 10 * MB
    assert made == list(range(100))
    assert len(ours.store) == 9  # a little more than a megabyte each
    image(98), image(1)
    assert made[100:] == [1]


def test_kinds_share_the_room(ours: Memory) -> None:
    small = ours.cached(lambda: "a")
    large = ours.cached(lambda: np.zeros(9 * MB, np.uint8))
    larger = ours.cached(lambda: np.zeros(11 * MB, np.uint8))
    small.__wrapped__.__qualname__, large.__wrapped__.__qualname__ = "small", "large"
    larger.__wrapped__.__qualname__ = "larger"
    small(), large()
    assert len(ours.store) == 2
    assert larger().size == 11 * MB and len(ours.store) == 2  # too large to keep, and it drives nothing out
    ours.get_or_compute("more", lambda: np.zeros(2 * MB, np.uint8))
    assert ours.store.currsize <= 10 * MB and "more" in ours.store


def test_sessions_wait_for_one_another_instead_of_making_the_same_twice(ours: Memory) -> None:
    made: list[int] = []

    @ours.cached
    def slow(number: int) -> int:
        made.append(number)
        time.sleep(0.05)
        return number

    threads = [threading.Thread(target=slow, args=(number % 2,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 1]


def test_what_fails_is_made_again_and_a_stop_leaves_nobody_waiting(ours: Memory) -> None:
    tries: list[int] = []

    class Stop(BaseException):
        pass

    @ours.cached
    def work() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise Stop
        return "done"

    with pytest.raises(Stop):
        work()
    assert work() == work() == "done" and len(tries) == 2


def test_a_checkpoint_that_is_mended_is_loaded_anew(tmp_path: Path) -> None:
    card = tiny_checkpoint.save(tmp_path / "tiny")
    weights = card.path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for _ in range(2):
        with pytest.raises(CheckpointError, match="not those of its card"):
            loaders.model(card)
    weights.write_bytes(whole)
    assert sum(p.numel() for p in loaders.model(card).parameters()) == card.parameters


def test_the_room_is_a_quarter_of_the_memory_or_as_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLASS_EXPLORER_MEMORY_GIB", raising=False)
    assert settings.memory() == pytest.approx(settings.psutil.virtual_memory().total / 4, rel=1e-6)
    monkeypatch.setenv("VLASS_EXPLORER_MEMORY_GIB", "1.5")
    assert settings.memory() == 1.5 * 2**30


def test_uploads_of_a_session_are_bounded_by_bytes_and_counted_when_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    session: dict[str, object] = {}
    monkeypatch.setattr(state.st, "session_state", session)
    monkeypatch.setattr(state, "MOST_BYTES", 25)
    files = [SimpleNamespace(name=f"{n}.npy", getvalue=lambda n=n: bytes([n]) * 10) for n in range(4)]
    kept = state.add_uploads(files)
    assert [entry.name for entry in kept] == ["0.npy", "1.npy"]  # the first of a drop are on top
    assert session["uploads_left_out"] == 2
    state.read_as(kept[0], state.Reading(plane=3))
    state.forget_uploads()
    assert not session["uploads"] and not session["readings"]
