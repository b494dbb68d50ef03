"""Explore: the story of a picture changes its answer, and the panel that says when a label would flip."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from astropy.visualization import LogStretch
from PIL import Image
from streamlit.testing.v1 import AppTest
from test_page_explore import example, explore, texts, upload

from vlass_explorer import checkpoints, cutouts, flips, predict
from vlass_explorer.schema import Beam


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkpoints"
    tiny_checkpoint.save(folder / "tiny-vit")
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder))
    return folder


def picture() -> bytes:
    y, x = np.indices((120, 120)) - 60
    image = np.exp(-(y**2 + (x - 8) ** 2) / 8.0) + 0.3 * np.exp(-(y**2 + (x + 8) ** 2) / 8.0)
    buffer = io.BytesIO()
    Image.fromarray(np.round(255 * LogStretch(99.0)(np.clip(image, 0, 1))).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_declared_story_is_what_the_command_line_would_read(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("a.png", picture()))
    said = texts(page)
    assert "The label is" in said or "The label depends on the stretch" in said
    assert "depends on stretch and beam" in said and "At the beam of FIRST" not in said
    key = page.selectbox(key="cutout").value
    page.selectbox(key=f"stretch_{key}").set_value("Logarithmic").run()
    page.number_input(key=f"pixel_{key}").set_value(1.534)
    page.number_input(key=f"Beam, major (″)_{key}").set_value(2.5)
    page.number_input(key=f"Beam, minor (″)_{key}").set_value(2.5)
    page.selectbox(key=f"survey_{key}").set_value("VLASS").run()
    assert not page.exception and not page.error
    beam = Beam(2.5, 2.5, source="declared")
    declared = cutouts.read(picture(), "a.png", pixel_scale=1.534, stretch="log:100", beam=beam, survey="VLASS")
    card = checkpoints.read(shelf / "tiny-vit")
    (expected,) = predict.predict(checkpoints.load(card), card, [declared])
    said = texts(page)
    assert f"softmax score {expected.probabilities.max():.2f}" in said and expected.label in said
    assert "The stretch (log:100) is what was declared" in said and "depends on the stretch" not in said
    assert "At the beam of FIRST, 5.4″:" in said and "at the same scale in beams (83.3″ across)" in said
    assert "has not been measured for tiny-vit" in said
    page.number_input(key=f"black_{key}").set_value(5.0)
    page.number_input(key=f"white_{key}").set_value(1.0).run()
    assert "Black is fainter than white" in page.warning[0].value
    page.number_input(key=f"black_{key}").set_value(0.0).run()
    assert "mJy/beam" in str(page.table[0].value.loc["Peak"].iloc[0]).replace("\\", "")


def test_a_stretch_that_cannot_be_undone_is_said_and_taken_back(shelf: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "PNG")
    page = upload(explore(checkpoint="tiny-vit"), ("a.png", buffer.getvalue()))
    page.selectbox(key=f"stretch_{page.selectbox(key='cutout').value}").set_value("Square root").run()
    assert not page.exception and "colour picture cannot be undone" in texts(page)
    page.button(key="read_plainly").click().run()
    assert not page.exception and "colour picture cannot be undone" not in texts(page)


def panel(page: AppTest) -> AppTest:
    page.toggle(key="flips").set_value(True).run()
    assert not page.exception
    return page


def test_the_panel_is_drawn_when_asked_for_with_the_level_of_each_flip(shelf: Path) -> None:
    page = upload(explore(checkpoint="tiny-vit"), ("a.fits", example()))
    charts = len(page.get("plotly_chart"))
    panel(page)
    card = checkpoints.read(shelf / "tiny-vit")
    found = flips.measure(checkpoints.load(card), card, cutouts.read(example()))
    said = texts(page)
    for curve in found.curves.values():
        assert curve.sentence in said
    assert len(page.get("plotly_chart")) == charts + 4
    page = panel(upload(explore(checkpoint="tiny-vit"), ("a.png", picture())))
    assert "Noise: off" in texts(page).replace("*", "") and "its beam is not known" in texts(page)
