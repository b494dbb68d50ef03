"""Explore with a checkpoint that labels pixels: a click on a component on the sky chooses it, also beside another."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import App
from playwright.sync_api import Page, expect
from steps import open_page, over, settle

from vlass_explorer import checkpoints, cutouts, preprocess, segmentation
from vlass_explorer.figures.frame import frame

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tiny_masks  # noqa: E402

EXAMPLE = "sim_double_lobes_1.fits"
BOLD = "plot => plot.data.filter(t => t.mode === 'lines' && t.line.width > 3).length"


@pytest.fixture
def pixels(app: App) -> Iterator[Path]:
    """On the shelf for one test: the others ask every checkpoint for the label of an image."""
    folder = app.checkpoints / "tiny-pixels"
    tiny_masks.save(folder, input_spec=replace(tiny_masks.SPEC, field_of_view=120.0, field_of_view_pixels=120))
    yield folder
    shutil.rmtree(folder)


def test_a_click_on_the_sky_chooses_a_component(page: Page, pixels: Path) -> None:
    card = checkpoints.read(pixels)
    cutout = cutouts.read(Path(__file__).resolve().parents[2] / "examples" / EXAMPLE)
    labels = segmentation.segment(checkpoints.load(card), card.input_spec, card.label_names, cutout)
    made = segmentation.find(cutout, labels)
    window, axes = preprocess.window(cutout, card.input_spec), frame(cutout)
    shown = np.zeros(cutout.shape, bool)
    shown[window.y0 + 2 : window.y1 - 2, window.x0 + 2 : window.x1 - 2] = True
    parts = {number: np.argwhere((made.numbers == number) & shown) for number in made.labels}
    first, second = sorted(parts, key=lambda number: -len(parts[number]))[:2]
    assert len(parts[second])

    def place(number: int) -> tuple[float, float]:
        pixel = parts[number][len(parts[number]) // 2]
        y, x = (step * (at + 0.5 - middle) for step, at, middle in zip(axes.step, pixel, axes.centre, strict=True))
        return x, y

    open_page(page, f"/?checkpoint=tiny-pixels&example={EXAMPLE}")
    anyway = page.get_by_role("button", name="Label pixels all the same")
    if anyway.count():
        anyway.click()
        settle(page)
    chart = page.locator(".st-key-panels")
    plot = chart.locator(".js-plotly-plot")
    leave, join = (page.get_by_role("button", name=name) for name in ("Leave out or count", "Join"))
    expect(leave).to_be_disabled()
    for number in (first, second):
        page.mouse.click(*over(page, chart, *place(number)))
        expect(leave).to_be_enabled()
        settle(page)
    assert plot.evaluate(BOLD) >= 1
    expect(join).to_be_disabled()  # the second click, without Shift, chose that one alone
    page.keyboard.down("Shift")
    page.mouse.click(*over(page, chart, *place(first)))
    page.keyboard.up("Shift")
    expect(join).to_be_enabled()
    page.get_by_text("Both", exact=True).click()
    settle(page)
    assert plot.evaluate("plot => plot.data.filter(t => t.type === 'heatmap' && t.opacity === 0.55).length") == 1
    expect(join).to_be_enabled()  # drawing it in another way forgets nothing
