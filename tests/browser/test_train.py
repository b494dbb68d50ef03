"""The Train page in a real browser: what is refused is said, and nothing is launched. Launches are in test_runs.py."""

from __future__ import annotations

from conftest import App
from playwright.sync_api import Page, expect
from steps import open_page, settle

from vlass_explorer import runs


def test_what_is_wrong_is_said_and_nothing_is_launched(page: Page, app: App) -> None:
    known = len(runs.listing(app.runs))
    open_page(page, "/train")
    box = page.get_by_role("combobox", name="Data set")
    box.click()
    box.fill("../../../etc")
    page.get_by_role("option", name="../../../etc").click()
    settle(page)
    expect(page.get_by_test_id("stAlert").first).to_contain_text("must lie below")
    expect(page.get_by_role("button", name="Launch")).to_have_count(0)
    assert len(runs.listing(app.runs)) == known
