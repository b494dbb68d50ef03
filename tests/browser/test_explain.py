"""Explain and Compare in a real browser, on real cutouts through the shipped checkpoints."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from playwright.sync_api import Locator, Page, expect
from steps import choose, click_point, open_page, settle, upload

pytestmark = pytest.mark.timeout(900)
VLASS = "vlass/VLASS__3.1.ql.T08t01.J001357.17-091951.5.10.2048.v2.I.iter1.image.pbcor.tt0.subim_s2.0arcmin_.fits"
KINDS = ("first-d4-resnet", "first-d4-vit")
"""Convolutions, and attention with a class token."""
LONG = 240_000
"""Milliseconds for pages that measure trust."""


def plot(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} .js-plotly-plot")


def title(page: Page, key: str) -> str:
    plot(page, key).wait_for(timeout=LONG)
    return str(plot(page, key).evaluate("plot => plot.layout.annotations[0].text"))


def check_narrow(page: Page) -> None:
    """Nothing overflows a narrow window."""
    page.set_viewport_size({"width": 800, "height": 900})
    settle(page, LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 800


def test_every_kind_of_checkpoint_explains_a_real_cutout(page: Page, data_dir: Path) -> None:
    open_page(page, "/explain?checkpoint=first-d4-vit&method=attention_rollout&method=input_x_gradient", LONG)
    upload(page, data_dir / "cutouts" / VLASS, timeout=LONG)
    for kind in KINDS:
        choose(page, "Checkpoint", kind, LONG)
        assert "gradient" in title(page, f"explain_{kind}_input_x_gradient").lower()
        plot(page, f"explain_{kind}_input_x_gradient_faith").wait_for(timeout=LONG)
        expect(page.get_by_text("against 3 random maps").first).to_be_visible()
        settle(page, LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_the_difference_of_two_labels_and_the_cube(page: Page, data_dir: Path) -> None:
    open_page(page, "/explain?checkpoint=first-d4-vit&method=attention_rollout&method=grad_cam", LONG)
    upload(page, data_dir / "cutouts" / "first" / "3C194.fits", timeout=LONG)
    choose(page, "Rather than", "runner-up", LONG)
    plot(page, "explain_first-d4-vit_grad_cam_faith").wait_for(timeout=LONG)
    settle(page, LONG)
    expect(page.get_by_text("Grad-CAM, FRII rather than").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="FITS cube").click()
    with fits.open(io.BytesIO(download.value.path().read_bytes())) as hdus:
        cube, header = hdus[0].data, hdus[0].header
    assert cube.shape == (2, 300, 300) and np.isfinite(cube).any()
    assert "attention_rollout" in header["MAP1"] and "rather than" in header["MAP2"]
    assert header["CTYPE1"].startswith("RA---")
    check_narrow(page)


def test_two_checkpoints_side_by_side(page: Page, data_dir: Path) -> None:
    open_page(
        page, "/compare?checkpoint=first-d4-vit&with=first-d4-resnet&with=first-cnn&method=input_x_gradient", LONG
    )
    upload(page, data_dir / "cutouts" / VLASS, timeout=LONG)
    for name in ("first-d4-vit", "first-d4-resnet", "first-cnn"):
        title(page, f"compare_{name}_input_x_gradient")
        scores = plot(page, f"compare_{name}_input_x_gradient_bars").evaluate("p => Array.from(p._fullData[0].x)")
        assert scores == sorted(scores, reverse=True) and abs(sum(scores) - 1) < 1e-3
    settle(page, LONG)
    assert page.locator(".js-plotly-plot").count() == 7  # the sky, three maps, three predictions
    check_narrow(page)


def test_a_clicked_patch_of_a_real_cutout_and_the_player(page: Page, data_dir: Path) -> None:
    open_page(page, "/attention?checkpoint=first-d4-vit", LONG)
    upload(page, data_dir / "cutouts" / VLASS, timeout=LONG)
    sky = page.locator(".st-key-attention_sky_first-d4-vit")
    x, y = sky.locator(".js-plotly-plot").evaluate(
        "plot => { const t = plot._fullData.find(t => t.name === 'patches'); return [t.x[51], t.y[51]] }"
    )
    click_point(page, sky, x, y)
    assert "patch row 3, column 3" in title(page, "attention_rolled_first-d4-vit")
    page.get_by_text("Play through the layers").click()
    settle(page, LONG)
    assert "Layer 1 of 3" in title(page, "attention_player_first-d4-vit")
    player = page.locator(".st-key-attention_player_first-d4-vit")
    player.locator(".slider-rail-touch-rect").click()  # the middle of the slider
    page.wait_for_function(
        "() => document.querySelector('.st-key-attention_player_first-d4-vit .js-plotly-plot')"
        ".layout.annotations[0].text.match(/Layer 2 of 3/)"
    )


def test_stop_ends_long_work_and_offers_to_run_it(page: Page) -> None:
    open_page(page, "/explain?checkpoint=first-d4-vit&method=integrated_gradients&example=sim_extended_2.fits", LONG)
    page.get_by_text("Flips and rotations", exact=True).click()
    main = page.get_by_test_id("stMain")  # Streamlit has a Stop of its own in the header
    main.get_by_role("button", name="Stop").click(timeout=LONG)
    expect(page.get_by_text("stopped before it was done")).to_be_visible(timeout=LONG)
    expect(main.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=LONG)
