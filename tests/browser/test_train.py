"""Training from a real browser: launch, close the page, find it again, stop one run, use another one's checkpoint."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import App
from playwright.sync_api import Page, expect
from steps import choose, fill, open_page, settle

from vlass_explorer import runs
from vlass_explorer.schema import Run

pytestmark = pytest.mark.timeout(900)
PATIENCE = 300_000
"""Milliseconds for what a training process does; minutes only where the machine is busy."""


def newest(app: App) -> Run:
    return runs.listing(app.runs)[0]


def wait_for(condition: object, seconds: float = PATIENCE / 1000) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.25)


def launch(page: Page, app: App, name: str, epochs: int) -> Run:
    """Fine-tune first-cnn on the FIRST set from the form."""
    known = len(runs.listing(app.runs))
    open_page(page, "/train")
    choose(page, "Data set", "first-radio-galaxies")
    page.get_by_test_id("stMain").get_by_role("combobox", name="Checkpoint").click()
    page.get_by_role("option", name="first-cnn", exact=True).click()
    settle(page)
    fill(page, "Name of the checkpoint it becomes", name)
    fill(page, "Epochs", epochs)
    command = page.get_by_test_id("stCode").first
    expect(command).to_contain_text(f"name={name}")
    expect(command).to_contain_text(f"epochs={epochs}")
    page.get_by_role("button", name="Launch").click()
    wait_for(lambda: len(runs.listing(app.runs)) > known)
    run = newest(app)
    assert run.config.name == name and run.config.epochs == epochs and run.config.weights == "first-cnn"
    return run


def drawn_points(page: Page, run: Run, name: str) -> int:
    """How many points the loss curve of this name has on the page."""
    plot = page.locator(f".st-key-curves-{run.id} .js-plotly-plot")
    if plot.count() == 0:
        return 0
    count = "(plot, name) => (plot._fullData.find(t => t.name === name && t.xaxis === 'x') || {x: []}).x.length"
    return int(plot.evaluate(count, name))


@pytest.fixture
def first_set(data_dir: Path) -> Path:
    return data_dir / "first-radio-galaxies"


def test_a_run_outlives_its_page_and_the_app_and_its_checkpoint_is_used_in_explore(
    page: Page, app: App, first_set: Path
) -> None:
    run = launch(page, app, "browser-tuned", 3)
    page.wait_for_url(f"**run={run.id}**")
    page.close()  # the tab goes
    wait_for(lambda: runs.metrics(run)[0])
    app.stop()  # and the server, too
    assert runs.read(run.path).is_active
    app.start()
    again = page.context.new_page()
    open_page(again, f"/train?run={run.id}")
    panel = again.get_by_test_id("stMain")
    expect(panel.get_by_text("browser-tuned").first).to_be_visible()
    wait_for(lambda: drawn_points(again, run, "training") >= 1, 60)
    again.get_by_role("button", name="Use it in Explore").wait_for(timeout=PATIENCE)
    rows, _ = runs.metrics(run)
    assert drawn_points(again, run, "training") == sum("train_loss" in row for row in rows)
    assert drawn_points(again, run, "validation") == 3
    again.get_by_role("button", name="Use it in Explore").click()
    again.wait_for_url(lambda url: "/train" not in url)
    expect(again.get_by_role("combobox", name="Checkpoint")).to_have_value("browser-tuned", timeout=60_000)
    expect(again.get_by_text("from browser-tuned").first).to_be_visible(timeout=60_000)
    settle(again)
    again.close()


def test_a_run_can_be_stopped_and_keeps_its_state(page: Page, app: App, first_set: Path) -> None:
    run = launch(page, app, "browser-stopped", 200)
    wait_for(lambda: runs.metrics(run)[0])
    page.get_by_role("button", name="Stop after saving").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stAlert").first).to_be_visible()
    stopped = runs.read(run.path)
    assert stopped.phase == "stopped" and (run.path / "last.ckpt").exists()
    assert not (app.checkpoints / "browser-stopped").exists()
    settle(page)


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
