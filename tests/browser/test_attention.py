"""Attention in a real browser: a clicked patch and a clicked tile, and models without attention."""

from __future__ import annotations

import pytest
from conftest import App
from playwright.sync_api import Locator, Page, expect
from steps import choose, click_point, open_page, settle

from vlass_explorer import checkpoints


@pytest.fixture
def model(app: App) -> str:
    """Name of a checkpoint with a class token."""
    names = [card.name for card in checkpoints.listing(app.checkpoints) if card.architecture.startswith("vit")]
    return next(name for name in ("first-vit-tiny", *names) if name in names)


def chart(page: Page, part: str, model: str) -> Locator:
    return page.locator(f".st-key-attention_{part}_{model}")


def title(page: Page, part: str, model: str) -> str:
    return str(chart(page, part, model).locator(".js-plotly-plot").evaluate("plot => plot.layout.annotations[0].text"))


def test_a_clicked_patch_and_a_clicked_tile_change_the_maps(page: Page, model: str) -> None:
    open_page(page, f"/attention?checkpoint={model}&example=sim_double_lobes_1.fits")
    chart(page, "rolled", model).locator(".js-plotly-plot").wait_for()
    settle(page)
    assert "from the read-out" in title(page, "rolled", model)
    plot = chart(page, "sky", model).locator(".js-plotly-plot")
    x, y = plot.evaluate(
        "plot => { const t = plot._fullData.find(t => t.name === 'patches'); return [t.x[3], t.y[3]] }"
    )
    click_point(page, chart(page, "sky", model), x, y)
    expect(page.get_by_label("Row", exact=True)).to_have_value("0")
    expect(page.get_by_label("Column", exact=True)).to_have_value("3")
    assert "patch row 0, column 3" in title(page, "rolled", model)
    click_point(page, chart(page, "overview", model), 2, 1)
    assert "Layer 3 of" in title(page, "one", model) and "head 1" in title(page, "one", model)
    assert "patch row 0, column 3" in title(page, "rolled", model)
    with page.expect_download() as download:
        page.get_by_role("button", name="Overview as PNG").click()
    assert download.value.suggested_filename == "attention_overview.png"


def test_position_similarity_and_gradients(page: Page, model: str) -> None:
    open_page(page, f"/attention?checkpoint={model}&example=sim_double_lobes_1.fits")
    page.get_by_role("tab", name="Position embedding").click()
    chart(page, "positions", model).locator(".js-plotly-plot").wait_for()
    settle(page)
    click_point(page, chart(page, "positions", model), 1, 0)  # the second tile of the top row
    assert "column 1 against all" in title(page, "position_tile", model)
    page.get_by_role("tab", name="Integrated gradients").click()
    expect(page.get_by_test_id("stMetric")).to_contain_text("Completeness error", timeout=60_000)
    settle(page)


def test_a_model_without_attention_says_why(page: Page, app: App) -> None:
    names = [card.name for card in checkpoints.listing(app.checkpoints) if card.architecture == "first_cnn"]
    open_page(page, "/attention?example=sim_double_lobes_1.fits")
    choose(page, "Checkpoint", names[0])
    expect(page.get_by_text("This model has no softmax attention")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_contain_text("Completeness error", timeout=60_000)
    settle(page)
