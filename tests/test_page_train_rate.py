"""The learning-rate finder of the Train page: its curve, the rate that one click takes over, and a refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from train_place import Answer, folders, texts, train_page

from ui.training import dry_run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny_checkpoint.save(tmp_path / "checkpoints" / "tiny")
    return folders(tmp_path, monkeypatch)


def curve(suggested: float | None) -> dict[str, object]:
    rates = np.geomspace(1e-6, 10, 30)
    losses = (2 - rates / (rates + 1e-3)).tolist()
    return {"rates": rates.tolist(), "losses": losses, "smoothed": [*losses[:-1], None], "suggested": suggested}


def test_one_click_takes_the_suggested_rate_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def start(config: object, stamp: object, **how: object) -> Answer:
        asked.append(how)
        return Answer(rate=curve(0.0042))

    monkeypatch.setattr(dry_run, "start", start)
    page = train_page()
    assert not asked and not page.get("plotly_chart")  # nothing is trained before somebody asks
    page.button(key="train_rate_find").click().run()
    assert not page.exception and asked == [{"finds_rate": True}]
    assert len(page.get("plotly_chart")) == 1
    page.button(key="train_rate_take").click().run()
    assert not page.exception
    assert "learning_rate=0.0042" in page.code[0].value
    assert "train_rate_take" not in [button.key for button in page.button]  # of another configuration by now


def test_a_loss_that_never_falls_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(rate=curve(None), errors=["The loss never falls: 0.69 where it began."])
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: answer)
    page = train_page()
    page.button(key="train_rate_find").click().run()
    assert not page.exception and "never falls" in page.error[0].value
    assert len(page.get("plotly_chart")) == 1 and "train_rate_take" not in [button.key for button in page.button]
    assert texts(page)
