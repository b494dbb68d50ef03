"""Explore at the beam of training: the line that says whether the label changes, both side by side, and refusals."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import tiny_checkpoint
from astropy.io import fits
from streamlit.testing.v1 import AppTest
from test_page_explore import example, explore, texts, upload

from vlass_explorer import checkpoints, cutouts, match, predict


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkpoints"
    tiny_checkpoint.save(folder / "tiny-vit")
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder))
    return folder


def changed(**cards: object) -> bytes:
    """The first example with other header cards."""
    with fits.open(io.BytesIO(example())) as hdus:
        hdus[0].header.update(cards)
        buffer = io.BytesIO()
        hdus.writeto(buffer)
    return buffer.getvalue()


def beside(page: AppTest) -> AppTest:
    next(toggle for toggle in page.toggle if toggle.label == "Side by side").set_value(True)
    page.run()
    assert not page.exception
    return page


def test_the_line_and_both_side_by_side(shelf: Path) -> None:
    card = checkpoints.read(shelf / "tiny-vit")
    native = cutouts.read(example())
    matched = match.to_training(native, card.input_spec)
    here, there = predict.predict(checkpoints.load(card), card, [native, matched])
    page = upload(explore(checkpoint="tiny-vit"), ("a.fits", example()))
    said = texts(page)
    assert f"At the beam of FIRST, 5.4″: {there.label} {there.probabilities.max():.2f}." in said
    assert ("The label stays." if here.label == there.label else "The label changes") in said
    assert "structure resolved out" not in said
    said = texts(beside(page))
    assert "Smoothed from a beam of" in said and "structure resolved out by VLASS stays missing." in said
    assert f"**{there.label}** {there.probabilities.max():.2f}" in said


def test_a_large_image_waits_to_be_asked(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.look.matched.LARGE", 1000)
    page = upload(explore(checkpoint="tiny-vit"), ("a.fits", example()))
    assert "At the beam of FIRST, 5.4″:" not in texts(page)
    next(toggle for toggle in page.toggle if toggle.label.startswith("At the beam of FIRST")).set_value(True)
    page.run()
    assert not page.exception and "At the beam of FIRST, 5.4″:" in texts(page)


def test_nothing_is_said_where_nothing_is_to_be_matched(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("a.fits", changed(BUNIT="K")))
    assert "At the beam of" not in texts(page)
    page = upload(explore(checkpoint="tiny-vit"), ("a.fits", changed(BMAJ=9.0 / 3600, BMIN=8.0 / 3600)))
    said = texts(page)
    assert "At the beam of" not in said
    assert "Not matched to the beam of the training data. The beam of this image, 9.0″×8.0″, does not fit" in said
