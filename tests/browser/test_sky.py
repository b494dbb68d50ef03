"""From a table of 50 positions to verdicts and cutouts in Explore, in a narrow window."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import App, session
from playwright.sync_api import Browser, Page, expect
from replay_server import Replay, serving
from replay_sky import Tile
from steps import open_page, settle

from vlass_explorer import checkpoints

pytestmark = pytest.mark.timeout(900)
LONG = 240_000
SIDE = 5
PLACES = [(3.1 + 0.05 * n, -9.5 + 0.1 * m) for n in range(5) for m in range(5)]


@pytest.fixture(scope="module")
def sky_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app of its own that asks the replay server; half of the positions lie outside of its survey."""
    folder = tmp_path_factory.mktemp("sky-app")
    tiles = [Tile("2.1", "T09t01", 3.2, -9.3, beam=(3.0, 2.2, 20.0))]
    with serving(Replay(tiles, tuple(PLACES))) as replay, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_ARCHIVES", replay.setting)
        patch.setenv("VLASS_EXPLORER_CACHE", str(folder / "cache"))
        patch.setenv("VLASS_EXPLORER_UPLOADS", str(folder / "uploads"))
        app = App(folder, str(folder))
        shutil.copytree(checkpoints.folder(), app.checkpoints)
        app.start()
        yield app
        app.stop()


def test_from_a_table_to_cutouts_in_a_narrow_window(sky_app: App, chromium: Browser) -> None:
    """At 1440 pixels, and from there to the matched answer: ``test_source``."""
    width = 800
    context = session(chromium, sky_app.url, width, 1000)
    context.set_default_timeout(LONG)
    page = context.new_page()
    try:
        _walk(page, width)
        assert page.get_by_test_id("stException").count() == 0
    finally:
        context.close()


def _walk(page: Page, width: int) -> None:
    open_page(page, "/sky")
    rows = [*PLACES, *((200.0 + n, 40.0) for n in range(24)), ("nonsense", "here")]
    table = "name,ra,dec\n" + "".join(f"s{n},{ra},{dec}\n" for n, (ra, dec) in enumerate(rows))
    main = page.get_by_test_id("stMain")
    main.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        [{"name": "fifty.csv", "mimeType": "text/csv", "buffer": table.encode()}]
    )
    settle(page)
    page.get_by_role("button", name="Look up").click()
    settle(page)
    expect(page.get_by_text(re.compile("50 targets: 25 found, 24 outside, 1 not asked"))).to_be_visible()
    picture(page, f"sky-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    frame = page.locator(".st-key-sky_rows [data-testid=stDataFrame]")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    assert box is not None
    for row in range(3):  # the first column holds the marks
        page.mouse.click(box["x"] + 16, box["y"] + 36 + 52 * row + 26)
        settle(page)
    button = page.get_by_role("button", name=re.compile(r"Open \d+ cutouts? in Explore"))
    expect(button).to_have_text(re.compile("Open 3 cutouts in Explore"))
    button.click()
    settle(page)
    expect(page.get_by_text(re.compile("Noise from the survey.s rms image")).first).to_be_visible()
    picture(page, f"sky-explore-{width}")


def picture(page: Page, name: str) -> None:
    """Keep what a person would look at, where somebody asks for it."""
    if folder := os.environ.get("VLASS_EXPLORER_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
