"""A day with the pages as a radio astronomer spends it, in a real browser: nothing is lost, and 800 pixels."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import bad_files
import pytest
from conftest import App
from playwright.sync_api import Locator, Page, expect
from steps import PATIENCE, open_page, settle

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
