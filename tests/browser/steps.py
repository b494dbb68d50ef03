"""What a person does on a page, as functions."""

from __future__ import annotations

import time
from contextlib import suppress

from playwright.sync_api import Locator, Page, TimeoutError

PATIENCE = 240_000
"""Milliseconds; a wait ends as soon as there is what it waits for, and a busy machine is no error."""


def settle(page: Page, timeout: float = PATIENCE) -> None:
    """Wait until the server has been idle for half a second, and nothing on the page is stale or still loading."""
    page.wait_for_function(
        """call => {
            if (window.settling !== call) { window.settling = call; window.idleSince = undefined }
            const app = document.querySelector('[data-testid=stApp]')
            const idle = app && app.dataset.testScriptState === 'notRunning' && !document.querySelector(
                '[data-testid=stSpinner], [data-testid=stSkeleton], [data-testid=stAppSkeleton], [data-stale=true]')
            if (!idle) window.idleSince = undefined
            else window.idleSince ??= performance.now()
            return idle && performance.now() - window.idleSince > 500
        }""",
        arg=time.monotonic(),
        timeout=timeout,
    )


def open_page(page: Page, path: str, timeout: float = PATIENCE) -> None:
    page.goto(path)
    page.wait_for_selector("[data-testid=stMain] h1, [data-testid=stMain] h2, [data-testid=stMain] h3", timeout=timeout)
    settle(page, timeout)


def upload(page: Page, *files: object, timeout: float = PATIENCE) -> None:
    """Drop files (paths, or name, type and content) into a fresh page and wait until they are drawn."""
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(list(files), timeout=timeout)
    word = "file" if len(files) == 1 else "files"
    page.get_by_text(f"Forget {len(files)} uploaded {word}").wait_for(timeout=timeout)
    settle(page, timeout)


def choose(page: Page, label: str, option: str, timeout: float = PATIENCE) -> None:
    """Pick an option of the select box with this label; ask again where the page took the list away meanwhile."""
    box = page.get_by_role("combobox", name=label)
    wanted = page.get_by_role("option", name=option).first
    settle(page, timeout)
    for patience in (5_000, 15_000, 60_000):
        box.click()
        box.fill(option)
        with suppress(TimeoutError):
            wanted.click(timeout=patience)
            break
        box.press("Escape")
    else:
        raise AssertionError(f"{label} offers no {option}")
    if page.get_by_role("listbox").count():  # asked twice on a busy machine: an open list hides the page from roles
        box.press("Escape")
    settle(page, timeout)


def fill(page: Page, label: str, value: object) -> None:
    """Type into the number or text input with this label."""
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    settle(page)


def over(page: Page, chart: Locator, x: float, y: float) -> tuple[float, float]:
    """Move the mouse over a plotly chart at data coordinates of its first axes; where that is in the window."""
    chart.scroll_into_view_if_needed()
    at = chart.locator(".js-plotly-plot").evaluate(
        """(plot, [x, y]) => {
            const box = plot.getBoundingClientRect(), l = plot._fullLayout
            return [box.x + l.xaxis._offset + l.xaxis.d2p(x), box.y + l.yaxis._offset + l.yaxis.d2p(y)]
        }""",
        [x, y],
    )
    page.mouse.move(*at)
    return at[0], at[1]


def click_point(page: Page, chart: Locator, x: float, y: float) -> None:
    """Click a plotly chart at data coordinates of its first axes."""
    at = over(page, chart, x, y)
    chart.locator(".hovertext").first.wait_for()  # plotly selects what is hovered
    page.mouse.click(*at)
    page.wait_for_timeout(300)
    settle(page)
