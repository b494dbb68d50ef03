"""A day with the pages as a radio astronomer spends it, in a real browser: nothing is lost, and 800 pixels."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import bad_files
import pytest
from conftest import App, session
from playwright.sync_api import Browser, Locator, Page, expect
from steps import PATIENCE, click_point, open_page, settle, upload
from training_steps import few_of_first

from vlass_explorer import checkpoints

FRAMES = """
window.seen = []
const look = () => {
  const drop = document.querySelector("[data-testid=stFileUploaderDropzone]")
  const side = document.querySelector("[data-testid=stSidebar]")
  if (drop) {
    const box = drop.getBoundingClientRect(), right = side ? side.getBoundingClientRect().right : 0
    window.seen.push([Math.round(box.left), Math.round(box.bottom), Math.round(right)].join(" "))
  }
  requestAnimationFrame(look)
}
requestAnimationFrame(look)
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app of its own, because it is restarted, with two checkpoints."""
    folder = tmp_path_factory.mktemp("day-app")
    own = {"VLASS_EXPLORER_SESSIONS": str(folder / "sessions"), "VLASS_EXPLORER_UPLOADS": "off"}
    os.environ.update(own)
    app = App(folder, str(folder / "data"))
    for name in ("first-d4-resnet", "first-cnn"):
        shutil.copytree(checkpoints.folder() / name, app.checkpoints / name)
    (folder / "data").mkdir()
    app.start()
    yield app
    app.stop()
    for key in own:
        del os.environ[key]


def picture(seed: int, name: str, **cards: object) -> dict[str, object]:
    """A small FITS image of noise with a source, as a drop."""
    content = bad_files.image(bad_files.sky(seed), **(bad_files.wcs_cards() | cards))
    return {"name": name, "mimeType": "application/fits", "buffer": content}


@pytest.fixture(autouse=True)
def patient(page: Page) -> None:
    page.context.set_default_timeout(PATIENCE)


def heading(page: Page) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("heading").first


def test_in_a_narrow_window_the_drop_zone_stands_on_top_from_the_first_frame(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    page.add_init_script(FRAMES)
    open_page(page, "/")
    for frame in page.evaluate("[...new Set(window.seen)]"):  # from the first one on
        left, bottom, side = map(int, frame.split())
        assert left >= 0 and 0 < bottom < 300 and side <= 0, frame  # in view, and the sidebar closed
    assert page.evaluate("document.documentElement.scrollWidth") <= 800


def test_a_drop_outlives_reload_address_and_restart(page: Page, app: App) -> None:
    open_page(page, "/")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([picture(1, "early.fits")])
    forget = page.get_by_text("Forget 1 uploaded file")
    forget.wait_for(timeout=PATIENCE)
    page.reload()  # at once
    forget.wait_for(timeout=PATIENCE)
    settle(page)
    expect(heading(page)).to_contain_text("early.fits")
    page.goto("/compare")
    forget.wait_for(timeout=PATIENCE)
    app.stop()
    app.start()
    page.goto("/")
    forget.wait_for(timeout=PATIENCE)
    expect(heading(page)).to_contain_text("early.fits", timeout=PATIENCE)


def test_a_link_opens_the_view_for_a_colleague_until_it_is_withdrawn(page: Page, app: App, chromium: Browser) -> None:
    open_page(page, "/?checkpoint=first-cnn")
    upload(page, picture(2, "mine.fits"))
    page.get_by_role("button", name="Link to this view").click()
    page.get_by_role("button", name="Make the link").click()
    address = page.get_by_test_id("stCode").get_by_text(app.url).inner_text().strip()
    assert "view=view_" in address
    with session(chromium, app.url) as context:
        context.set_default_timeout(PATIENCE)
        colleague = context.new_page()
        colleague.goto(address)
        expect(heading(colleague)).to_contain_text("mine.fits", timeout=PATIENCE)
        expect(colleague.get_by_role("combobox", name="Checkpoint")).to_have_value("first-cnn")
    page.get_by_role("button", name="Withdraw").click()
    settle(page)
    with session(chromium, app.url) as context:
        stranger = context.new_page()
        stranger.goto(address)
        stranger.get_by_text("What this link opened is not kept here any more").wait_for(timeout=PATIENCE)
        assert "mine.fits" not in stranger.inner_text("body")


def test_a_cell_of_the_confusion_matrix_opens_its_cutouts(page: Page, app: App, data_dir: Path) -> None:
    few_of_first(data_dir / "first-radio-galaxies", app.folder / "data" / "few-of-first")
    open_page(page, "/checkpoints?checkpoint=first-cnn")
    page.get_by_role("tab", name="Report").click()
    page.get_by_role("button", name="Evaluate").click()
    matrix = page.locator(".st-key-new_first-cnn_matrix")
    matrix.wait_for()
    settle(page)
    counts = matrix.locator(".js-plotly-plot").evaluate("plot => plot.data[0].text")
    cells = [(int(count), true, predicted) for true, row in enumerate(counts) for predicted, count in enumerate(row)]
    count, true, predicted = max(cells)
    click_point(page, matrix, predicted, true)
    expect(page.get_by_role("combobox", name="Cutouts")).to_have_value(re.compile(rf"\({count}\)$"))
    expect(page.get_by_role("button", name="Explore", exact=True)).to_have_count(min(count, 24))
    page.get_by_role("button", name="Explore", exact=True).first.click()
    page.get_by_text(re.compile("first-cnn grad_cam ready")).wait_for(timeout=PATIENCE)
    name = heading(page).inner_text()
    page.reload()  # it comes back, although it was never uploaded
    page.get_by_text(re.compile("first-cnn grad_cam ready")).wait_for(timeout=PATIENCE)
    expect(heading(page)).to_have_text(name)
