"""From a table of 50 positions to ten cutouts in Explore, the matched answer, contours of one epoch over another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from conftest import App, session
from playwright.sync_api import Browser, Page, expect
from replay_server import Replay, serving
from replay_sky import Tile
from steps import choose, open_page, settle
from test_sky import PLACES, picture

from vlass_explorer import checkpoints

pytestmark = pytest.mark.timeout(900)
LONG = 240_000


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that asks a server with two VLASS epochs of different beams; half of the positions lie outside."""
    folder = tmp_path_factory.mktemp("source-app")
    tiles = [
        Tile("2.1", "T09t01", 3.2, -9.3, beam=(3.0, 2.2, 20.0)),
        Tile("3.1", "T09t01", 3.2, -9.3, beam=(2.7, 2.4, 100.0)),
    ]
    with serving(Replay(tiles, tuple(PLACES))) as replay, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_ARCHIVES", replay.setting)
        patch.setenv("VLASS_EXPLORER_CACHE", str(folder / "cache"))
        app = App(folder, str(folder))
        shutil.copytree(checkpoints.folder(), app.checkpoints)
        app.start()
        yield app
        app.stop()


def test_from_a_table_to_contours_of_one_epoch_over_the_other(two_epochs: App, chromium: Browser) -> None:
    context = session(chromium, two_epochs.url, height=1000)
    context.set_default_timeout(LONG)
    page = context.new_page()
    try:
        _to_explore(page)
        _to_the_overlay(page)
        page.set_viewport_size({"width": 800, "height": 1000})
        settle(page)
        expect(page.locator(".st-key-source_panel_0 .js-plotly-plot")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
        picture(page, "source-800")
        assert page.get_by_test_id("stException").count() == 0
    finally:
        context.close()


def _to_explore(page: Page) -> None:
    open_page(page, "/sky")
    rows = [*PLACES, *((200.0 + n, 40.0) for n in range(24)), ("nonsense", "here")]
    table = "name,ra,dec\n" + "".join(f"s{n},{ra},{dec}\n" for n, (ra, dec) in enumerate(rows))
    page.get_by_test_id("stMain").get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        [{"name": "fifty.csv", "mimeType": "text/csv", "buffer": table.encode()}]
    )
    page.get_by_text("Columns of the table").wait_for()
    settle(page)
    page.get_by_role("button", name="Look up").click()
    found = page.get_by_text(re.compile("50 targets: 50 found, 24 outside, 1 not asked"))
    expect(found).to_be_visible(timeout=LONG)
    settle(page)
    picture(page, "sky-1440")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    frame = page.locator(".st-key-sky_rows [data-testid=stDataFrame]")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    assert box is not None
    for row in range(10):  # five sources, each in two epochs
        page.mouse.click(box["x"] + 16, box["y"] + 36 + 52 * row + 26)
        settle(page)
    page.get_by_role("button", name="Open 10 cutouts in Explore").click()
    settle(page)
    choose(page, "Checkpoint", "first-d4-resnet")
    expect(page.get_by_text(re.compile("At the beam of FIRST")).first).to_be_visible()


def _to_the_overlay(page: Page) -> None:
    page.get_by_role("link", name="Source", exact=True).click()
    page.get_by_role("heading", name="Source", exact=True).wait_for()
    settle(page)
    answers = page.get_by_text(re.compile(r"Matched to the beam of training, both images say|images do not agree"))
    expect(answers.first).to_be_visible()
    expect(page.get_by_text(re.compile("^Both at 3")).first).to_be_visible()
    choose(page, "Contours of", "VLASS 3.1")
    expect(page.get_by_text(re.compile("Contours of VLASS 3.1: .*times its own σ of")).first).to_be_visible()
    drawn = page.locator(".st-key-source_panel_0 .js-plotly-plot")
    drawn.wait_for()
    lines = drawn.evaluate("plot => plot.data.filter(t => t.line && t.line.color === '#3d7bff').length")
    assert lines >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    picture(page, "source-1440")
