"""Attention in a real browser: a clicked patch and a clicked tile, and models without attention."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import App
from playwright.sync_api import Locator, Page, expect
from steps import choose, click_point, open_page, settle, upload

from vlass_explorer import attention, checkpoints
from vlass_explorer.schema import InputSpec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tiny_checkpoint  # noqa: E402

VLASS = "VLASS__3.1.ql.T08t01.J001357.17-091951.5.10.2048.v2.I.iter1.image.pbcor.tt0.subim_s2.0arcmin_.fits"
KINDS = ("first-d4-resnet", "first-d4-vit")
"""Convolutions, and attention with a class token."""
LONG = 240_000
"""Milliseconds for integrated gradients on a busy machine."""


@pytest.fixture
def model(app: App) -> Iterator[str]:
    """Name of a checkpoint with a class token and an embedding of every place, of three layers and random weights."""
    arguments = {"img_size": 64, "patch_size": 8, "in_chans": 1, "depth": 3}
    made = checkpoints.create("vit_tiny_patch16_224", 4, arguments)
    spec = InputSpec(img_size=64, survey="FIRST", frequency_ghz=1.4, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
    tiny_checkpoint.save(app.checkpoints / "places", made, model_args=arguments, input_spec=spec)
    yield "places"
    shutil.rmtree(app.checkpoints / "places")


def chart(page: Page, part: str, model: str) -> Locator:
    return page.locator(f".st-key-attention_{part}_{model}")


def title(page: Page, part: str, model: str) -> str:
    return str(chart(page, part, model).locator(".js-plotly-plot").evaluate("plot => plot.layout.annotations[0].text"))


def test_a_clicked_patch_tile_head_and_place_change_the_maps(page: Page, model: str) -> None:
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

    # How far each head looks: over all examples, and a clicked head.
    page.get_by_role("tab", name="How far each head looks").click()
    page.get_by_role("radio", name="all examples").click()
    expect(page.get_by_text("Mean and standard deviation over")).to_be_visible(timeout=60_000)
    settle(page)
    plot = chart(page, "distances", model).locator(".js-plotly-plot")
    assert plot.evaluate("plot => Math.max(...plot._fullData[0].error_y.array)") > 0
    x, y = plot.evaluate("plot => [plot._fullData[0].x[1], plot._fullData[0].y[1]]")
    click_point(page, chart(page, "distances", model), x, y)
    page.get_by_role("tab", name="Layers and heads").click()
    chart(page, "one", model).locator(".js-plotly-plot").wait_for()
    settle(page)
    assert "Layer 1 of" in title(page, "one", model) and "head 2" in title(page, "one", model)

    # Similarity of the position embedding, and gradients.
    page.get_by_role("tab", name="Position embedding").click()
    chart(page, "positions", model).locator(".js-plotly-plot").wait_for()
    settle(page)
    click_point(page, chart(page, "positions", model), 1, 0)  # the second tile of the top row
    assert "column 1 against all" in title(page, "position_tile", model)
    page.get_by_role("tab", name="Integrated gradients").click()
    expect(page.get_by_test_id("stMetric")).to_contain_text("Completeness error", timeout=60_000)
    settle(page)


def test_a_model_without_attention_says_why(page: Page, app: App) -> None:
    names = [card.name for card in checkpoints.listing(app.checkpoints) if card.architecture == "vlass_vision_cnn"]
    open_page(page, "/attention?example=sim_double_lobes_1.fits")
    choose(page, "Checkpoint", names[0])
    expect(page.get_by_text("This model has no softmax attention")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_contain_text("Completeness error", timeout=60_000)
    settle(page)


@pytest.mark.timeout(600)
def test_every_look_at_a_real_cutout_through_every_kind(page: Page, app: App, data_dir: Path) -> None:
    page.context.set_default_timeout(LONG)
    open_page(page, "/attention")
    upload(page, data_dir / "cutouts" / "vlass" / VLASS)
    for card in (checkpoints.find(kind, app.checkpoints) for kind in KINDS):
        choose(page, "Checkpoint", card.name)
        if not attention.supports(checkpoints.load(card))[0]:
            expect(page.get_by_text("This model has no softmax attention")).to_be_visible()
            expect(page.get_by_test_id("stMetric")).to_contain_text("Completeness error", timeout=LONG)
            continue
        page.get_by_role("tab", name="Layers and heads").click()
        assert "from the read-out" in title(page, "rolled", card.name)
        plot = chart(page, "sky", card.name).locator(".js-plotly-plot")
        patch = "plot => { const t = plot._fullData.find(t => t.name === 'patches'); return [t.x[51], t.y[51]] }"
        click_point(page, chart(page, "sky", card.name), *plot.evaluate(patch))
        assert "patch row 3, column 3" in title(page, "rolled", card.name)
        choose(page, "Layer", "2")
        choose(page, "Head", "1")
        words = title(page, "one", card.name)
        assert "Layer 2 of" in words and "head 1" in words
        page.get_by_role("tab", name="Position embedding").click()
        settle(page)
        chart(page, "bias_tiles", card.name).locator(".js-plotly-plot").wait_for()
        page.get_by_role("tab", name="Integrated gradients").click()
        expect(page.get_by_test_id("stMetric")).to_contain_text("Completeness error", timeout=LONG)
        settle(page)
    page.get_by_role("link", name="Compare").click()
    settle(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(5)  # the sky, two maps, two predictions
    expect(page.get_by_test_id("stMain")).to_contain_text(VLASS[:8])
