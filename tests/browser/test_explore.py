"""Explore in a real browser: real cutouts through every checkpoint, pictures, links, and what is dropped by mistake."""

from __future__ import annotations

from pathlib import Path

import bad_files
from conftest import App
from playwright.sync_api import Locator, Page, expect
from steps import choose, open_page, settle, upload

from vlass_explorer import attention, checkpoints
from vlass_explorer.checkpoints import tasks

VLASS = "VLASS__3.1.ql.T08t01.J001357.17-091951.5.10.2048.v2.I.iter1.image.pbcor.tt0.subim_s2.0arcmin_.fits"
READY = "text=/explanation [0-9a-f]{8} .* ready/"


def cards(app: App) -> list[checkpoints.Checkpoint]:
    return tasks.of(checkpoints.listing(app.checkpoints), "classification")


def heading(page: Page) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("heading").first


def test_the_page_opens_on_an_example_with_the_best_checkpoint_and_a_map(page: Page) -> None:
    open_page(page, "/")
    page.locator(READY).wait_for()
    assert "first-d4-vit attention_rollout" in page.locator(READY).inner_text()
    expect(page.get_by_text("no softmax attention")).to_have_count(0)
    expect(page.get_by_text("softmax score").first).to_be_visible()
    expect(page.get_by_test_id("stMain")).to_contain_text("imulated")
    assert page.locator(".st-key-panels .js-plotly-plot").count() == 1
    for name in ("Explore", "Desk", "Checkpoints", "Data"):  # all pages in view, none behind "View more"
        expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)).to_be_visible()
    page.set_viewport_size({"width": 800, "height": 900})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 800


def test_a_real_cutout_through_every_checkpoint(page: Page, app: App, data_dir: Path) -> None:
    open_page(page, "/")
    upload(page, data_dir / "cutouts" / "vlass" / VLASS)
    expect(heading(page)).to_contain_text("VLASS")
    for card in cards(app):
        choose(page, "Checkpoint", card.name)
        bars = page.locator(".st-key-bars .js-plotly-plot")
        names = bars.evaluate("plot => plot.data[0].y")
        assert set(names) == set(card.label_names)
        scores = bars.evaluate("plot => { const x = plot._fullData[0].x; return Array.from(x) }")
        assert scores == sorted(scores, reverse=True) and abs(sum(scores) - 1) < 1e-3
        has_attention = attention.supports(checkpoints.load(card))[0]
        # Behind a spatial transformer class activation maps lie on the turned image.
        by_map = "integrated_gradients" if "stn" in card.name else "grad_cam"
        method = "attention_rollout" if has_attention else by_map
        page.locator(f"text=/explanation [0-9a-f]{{8}} {card.name} {method} ready/").wait_for()
        said = page.get_by_text("no softmax attention; try class activation maps")
        expect(said).to_have_count(1 if method == "grad_cam" else 0)


def test_a_real_cutout_at_the_beam_of_the_training_data(page: Page, data_dir: Path) -> None:
    open_page(page, "/")
    upload(page, data_dir / "cutouts" / "vlass" / VLASS)
    choose(page, "Checkpoint", "first-d4-resnet")
    expect(page.get_by_text("At the beam of FIRST, 5.4″: FRII")).to_contain_text("The label stays.")
    page.get_by_text("Side by side").click()
    matched = page.locator(".st-key-matched_panels .js-plotly-plot")
    expect(matched).to_have_count(1)
    assert "matched" in matched.evaluate("plot => plot.layout.annotations.map(a => a.text).join()")
    expect(page.get_by_test_id("stMain")).to_contain_text("structure resolved out by VLASS stays missing")


def test_a_picture_whose_stretch_is_declared(page: Page, data_dir: Path) -> None:
    open_page(page, "/?checkpoint=first-d4-resnet")
    upload(page, data_dir / "vlass-fr" / "FRII_000.png")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("The label depends on the stretch")
    page.get_by_text("How this picture was made").click()
    choose(page, "Stretch", "Logarithmic")
    expect(main).to_contain_text("The stretch (log:100) is what was declared")
    expect(page.get_by_text("The label depends on the stretch")).to_have_count(0)


def test_the_panel_that_says_when_the_label_flips(page: Page) -> None:
    open_page(page, "/?checkpoint=first-cnn&example=sim_three_points_1.fits")
    page.get_by_text("When would it change its mind?").click()
    settle(page)
    expect(page.locator("[class*=st-key-flips_] .js-plotly-plot")).to_have_count(4)
    expect(page.get_by_test_id("stMain")).to_contain_text("Larger beam: Bent instead of FRI from 1.75 times the beam")
    with page.expect_download() as got:
        page.get_by_role("button", name="JSON").last.click()
    assert got.value.suggested_filename == "sim_three_points_1.flips.json"


def test_a_link_opens_the_checkpoint_and_the_example(page: Page, app: App) -> None:
    name = cards(app)[-1].name
    open_page(page, f"/?checkpoint={name}&example=sim_three_points_1.fits")
    expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value(name)
    expect(page.get_by_role("combobox", name="Cutout")).to_have_value("sim_three_points_1.fits (simulated example)")


def test_a_picture_says_which_tools_are_off(page: Page, data_dir: Path) -> None:
    open_page(page, "/")
    picture = sorted((data_dir / "first-radio-galaxies" / "FRII").glob("*.png"))[0]
    upload(page, picture)
    text = page.get_by_test_id("stMain").inner_text()
    assert "orientation unknown" in text.lower()
    assert "flux" in text.lower() and "no " in text.lower()
    assert "mJy/beam" not in text


def test_bad_files_end_in_a_sentence_each_and_the_good_one_is_done(page: Page, data_dir: Path) -> None:
    open_page(page, "/")
    files = bad_files.everything()
    good = bad_files.Dropped("good.fits", bad_files.image(bad_files.sky(9), **bad_files.wcs_cards()), None)
    upload(page, *[file.payload for file in (*files, good)])
    page.locator(READY).wait_for()
    lines = "\n".join(page.get_by_test_id("stAlert").all_inner_texts()).splitlines()
    for file in (*files, good):
        said = [line for line in lines if line.startswith(f"{file.name}: ")]
        assert len(said) == (file.sentence is not None), file.name
        assert all(file.sentence in line and line.endswith(".") for line in said), said
    assert "Traceback" not in page.content()
    for file in files:
        if file.sentence is None:
            choose(page, "Cutout", file.name)
            expect(heading(page)).to_contain_text(file.name[:10])
    assert page.locator("img[src='x'], script:has-text('alert(2)')").count() == 0


def test_two_hundred_files_at_once(page: Page) -> None:
    open_page(page, "/")
    files = [
        {"name": f"sky_{i:03d}.fits", "mimeType": "application/fits", "buffer": bad_files.image(bad_files.sky(i, 40))}
        for i in range(200)
    ]
    upload(page, *files, timeout=180_000)
    expect(page.get_by_text("Forget 200 uploaded files")).to_be_visible()
    page.locator(READY).wait_for()
    choose(page, "Cutout", "sky_199.fits")
    expect(heading(page)).to_contain_text("sky_199")
