"""The learning-rate range test: where a known loss falls fastest, a real short training, a loss that never falls."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import tiny_set

from train import checks, rates
from train.__main__ import main
from vlass_explorer import recipes
from vlass_explorer.learning.data import load
from vlass_explorer.schema import RunConfig


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunConfig]:
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(tiny_set.make(tmp_path / "data"))))
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_the_rate_is_where_a_known_loss_falls_fastest() -> None:
    steps = np.geomspace(1e-6, 10, 100)
    fall = 2.0 - 1.5 / (1 + (1e-3 / steps) ** 1.5)  # steepest against the logarithm at 1e-3
    assert rates.suggest(steps, fall)[0] == pytest.approx(1e-3, rel=0.15)
    leaving = np.where(steps > 0.1, fall + 50 * (steps - 0.1), fall)
    assert rates.suggest(steps, leaving)[0] == pytest.approx(1e-3, rel=0.15)
    for flat in (np.full(100, 0.69), 0.69 + 0.02 * np.sin(np.arange(100)), 0.69 + steps):
        suggested, reason = rates.suggest(steps, flat)
        assert suggested is None and reason.startswith("The loss never falls: 0.") and reason.endswith(".")
    suggested, reason = rates.suggest(steps[:12], fall[:12])
    assert suggested is None and "after a few steps" in reason


def test_the_smoothed_loss_has_no_bias_at_its_beginning() -> None:
    np.testing.assert_allclose(rates.smoothed(np.full(30, 1.7)), 1.7)
    losses = np.random.default_rng(0).normal(size=20)
    weights = 0.9 ** np.arange(20)[::-1]
    assert rates.smoothed(losses)[-1] == pytest.approx((weights @ losses) / weights.sum())


def test_a_real_training_finds_a_rate_and_leaves_nothing(config: RunConfig) -> None:
    data = load(config, lambda: None)
    found = rates.find(config, data, "cpu", steps=60)
    assert found["suggested"] is not None and 1e-5 < found["suggested"] < 1.0 and found["reason"] == ""
    assert len(found["rates"]) == len(found["losses"]) == len(found["smoothed"]) <= 60
    assert found["rates"][0] == pytest.approx(1e-6)
    again = rates.find(config, data, "cpu", steps=60)
    assert again == found  # weights of the first are nowhere any more
    assert not list(Path(config.data_dir).parent.glob("runs/*/status.json"))


def test_layers_keep_their_share_of_the_rate(config: RunConfig) -> None:
    given = recipes.with_values(config, {"layer_decay": 0.5, "schedule": "none"})
    data = load(given, lambda: None)
    seen: list[list[float]] = []
    own = rates.Rising.on_train_batch_start

    class Watching(rates.Rising):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):  # type: ignore[no-untyped-def]
            own(self, trainer, pl_module, batch, batch_idx)
            seen.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "Rising", Watching)
        found = rates.find(given, data, "cpu", steps=20)
    assert [max(row) for row in seen] == pytest.approx(found["rates"])
    shares = [min(row) / max(row) for row in seen]
    assert max(shares) < 1.0 and shares == pytest.approx([shares[0]] * len(shares))


def test_the_command_prints_a_rate_or_says_why_there_is_none(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rates, "STEPS", 60)
    monkeypatch.setattr(rates.find, "__kwdefaults__", {"steps": 60})
    words = ["check", *tiny_set.words(Path(config.data_dir)), "--find-rate"]
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        assert main(words) == 0
    assert out.getvalue().splitlines()[-1].startswith("learning_rate=") and "measured" not in out.getvalue()
    monkeypatch.setattr(rates, "suggest", lambda *_: (None, "The loss never falls."))
    found = checks.check(config, read=False, steps=False, find_rate=True)
    assert found["errors"] == ["The loss never falls."] and found["rate"]["suggested"] is None
