"""A whole Quick Look subtile in a real browser: from source to source by key, and the position under the cursor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from playwright.sync_api import Page, expect
from steps import PATIENCE, click_point, open_page, over, settle, upload
from subtile import BEAM, DOUBLE, POINT, RMS, SIDE, expected, make, written

from vlass_explorer.schema import Cutout

SOURCE = re.compile(r"^(\d+): .*S/N (\d+)$")


@pytest.fixture(scope="module")
def subtile() -> Cutout:
    return make()


def number(page: Page) -> tuple[int, float]:
    """Number and S/N of the source in view."""
    found = SOURCE.match(page.get_by_role("combobox", name="Source", exact=True).input_value())
    assert found is not None
    return int(found[1]), float(found[2])


def step(page: Page, key: str, wanted: int) -> None:
    """Press a key and wait for the answer on a source."""
    stamp = page.get_by_text(re.compile("explanation [0-9a-f]{8} .* ready"))
    before = stamp.inner_text() if stamp.count() else ""
    page.keyboard.press(key)
    page.wait_for_function(
        """before => [...document.querySelectorAll('[data-testid=stCaptionContainer]')].some(
            each => /explanation [0-9a-f]{8} .* ready/.test(each.innerText) && each.innerText !== before)""",
        arg=before,
        timeout=PATIENCE,
    )
    settle(page)
    assert number(page)[0] == wanted


def test_from_source_to_source_of_a_whole_subtile(page: Page, subtile: Cutout, tmp_path: Path) -> None:
    (tmp_path / "subtile.fits").write_bytes(written(subtile))
    open_page(page, "/?checkpoint=first-d4-resnet")
    upload(page, tmp_path / "subtile.fits")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text(f"{SIDE} × {SIDE} pixels: ")
    for wanted in (1, 2, 3, 4):
        step(page, "n", wanted)
    step(page, "p", 3)
    assert number(page)[1] == pytest.approx(DOUBLE[0] / RMS, rel=0.15)
    expect(main).to_contain_text("540 × 540, 1″")
    expect(main.get_by_text("softmax score").first).to_be_visible()

    # The middle of the cutout, which is a whole pixel, lies at the middle of the double.
    panels = page.locator(".st-key-panels")
    over(page, panels, 0.0, 0.0)
    told = page.locator(".place").filter(has_text="ICRS")
    told.wait_for()
    hours, degrees = re.search(r"ICRS\s+(\S+) (\S+)", told.inner_text()).groups()
    y, x = expected(DOUBLE[1], DOUBLE[2])
    place = subtile.wcs.pixel_to_world(x, y)
    assert place.separation(SkyCoord(hours, degrees.replace("−", "-"), unit=(u.hourangle, u.deg))).arcsec < 2.0

    click_point(page, page.locator(".st-key-field_overview"), -POINT[1], POINT[2])
    assert number(page)[0] == 1
    expect(main).to_contain_text("In view: ")
    expect(main).to_contain_text(f"{BEAM.major:g}″ × {BEAM.minor:g}″, {BEAM.pa:.0f}°")
