"""The Anatomy page in a real browser: a transformer opens at once, lines and heads answer; CNN, VT-ResNet and STN."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from conftest import App
from playwright.sync_api import Page, expect
from steps import choose, open_page, settle, upload
from test_attention import VLASS

from vlass_explorer import checkpoints
from vlass_explorer.schema import InputSpec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tiny_checkpoint  # noqa: E402

LONG = 240_000


@pytest.mark.timeout(600)
def test_a_model_is_opened_up_on_a_real_cutout(
    page: Page, app: App, data_dir: Path, request: pytest.FixtureRequest
) -> None:
    vit = {"img_size": 64, "patch_size": 8, "in_chans": 1}
    model = checkpoints.create("vit_tiny_patch16_224", 4, vit)
    spec = InputSpec(img_size=64, survey="FIRST")
    tiny_checkpoint.save(app.checkpoints / "vit", model, model_args=vit, input_spec=spec)
    request.addfinalizer(lambda: shutil.rmtree(app.checkpoints / "vit"))
    open_page(page, "/anatomy?checkpoint=vit", LONG)
    upload(page, data_dir / "cutouts" / "vlass" / VLASS, timeout=LONG)
    main = page.get_by_test_id("stMain")
    expect(main.locator(".js-plotly-plot")).to_have_count(2)
    main.get_by_text("blocks.3", exact=True).first.click()
    expect(main).to_contain_text("residual, 1 × 65 × 192")
    expect(main).to_contain_text("The class token:")
    settle(page)
    page.get_by_text("Switch the heads off, one at a time").click()
    expect(main).to_contain_text("when this head alone adds nothing", timeout=LONG)
    expect(main.locator(".js-plotly-plot")).to_have_count(3)

    page.get_by_role("link", name="Explore", exact=True).click()
    page.locator("[data-testid=stMain] .js-plotly-plot").first.wait_for()
    settle(page)
    page.get_by_role("link", name="Anatomy").click()
    main.get_by_text("How the answer forms").wait_for()
    expect(main.locator(".js-plotly-plot")).to_have_count(2)

    choose(page, "Checkpoint", "first-cnn")
    expect(main).to_contain_text("The first 16 of 75 channels")
    expect(main).to_contain_text("this model is read out at its end alone")
    page.set_viewport_size({"width": 800, "height": 900})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 800


SMALL = {
    "vt-resnet": ("vt_r18", {"in_chans": 1}, "vts.0", "residual, 1 × 16 × 256"),
    "stn": ("stn_cnn", {"in_chans": 1, "img_size": 64}, "after regressor.2", "grid_sample, 1 × 1 × 64 × 64"),
}


@pytest.mark.parametrize("name", SMALL)
def test_our_own_architectures_are_opened_up(page: Page, app: App, name: str) -> None:
    architecture, arguments, part, said = SMALL[name]
    folder = app.checkpoints / f"tiny-{name}"
    spec = InputSpec(img_size=64, survey="FIRST")
    model = checkpoints.create(architecture, 4, arguments)
    tiny_checkpoint.save(folder, model, architecture=architecture, model_args=arguments, input_spec=spec)
    try:
        open_page(page, f"/anatomy?checkpoint=tiny-{name}", LONG)
        main = page.get_by_test_id("stMain")
        expect(main.get_by_text("Part of the model")).to_be_visible()
        expect(main.locator(".js-plotly-plot")).to_have_count(1)
        main.get_by_text(part, exact=True).first.click()
        settle(page)
        expect(main.locator(".js-plotly-plot")).to_have_count(1)
        expect(main).to_contain_text(said)
    finally:
        shutil.rmtree(folder)
