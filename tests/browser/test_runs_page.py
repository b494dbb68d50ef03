"""Training from a real browser, from nothing to a prediction; and two people who launch at the same moment."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import App, session
from playwright.sync_api import Browser, Page, expect
from steps import choose, fill, open_page, settle
from training_steps import PATIENCE, arrive, drawn_points, few_of_first, launch, newest, wait_for

from vlass_explorer import checkpoints, runs
from vlass_explorer.launchers import local

pytestmark = pytest.mark.timeout(1500)
EPOCHS = 8
"""Of the run that is stopped and resumed: enough to outlive a restart of the app."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[App]:
    """An app of its own, because it is killed, on a part of the FIRST set."""
    folder = tmp_path_factory.mktemp("runs-app")
    few_of_first(data_dir / "first-radio-galaxies", folder / "data" / "first-radio-galaxies")
    os.environ["VLASS_EXPLORER_UPLOADS"] = "off"
    app = App(folder, str(folder / "data"))
    shutil.copytree(checkpoints.folder(), app.checkpoints)
    app.start()
    yield app
    for run in runs.listing(app.runs):
        if run.is_active:
            local.kill(run)
    app.stop()
    del os.environ["VLASS_EXPLORER_UPLOADS"]


def fill_form(page: Page, recipe: str, name: str, epochs: int, **options: int) -> None:
    """A recipe on the FIRST set; further options on the tabs below, where there are any."""
    page.context.set_default_timeout(PATIENCE)  # the first page of a fresh server loads torch
    open_page(page, "/train")
    choose(page, "Data set", "first-radio-galaxies")
    page.get_by_text("Recipe", exact=True).first.click()
    settle(page)
    choose(page, "Recipe", recipe)
    fill(page, "Name of the checkpoint it becomes", name)
    fill(page, "Epochs", epochs)
    if options:
        fill_options(page, **options)
    command = page.get_by_test_id("stCode").first
    expect(command).to_contain_text(f"name={name}")
    expect(command).to_contain_text(f"epochs={epochs}")
    expect(command).not_to_contain_text("teacher=")


def fill_options(page: Page, batch_size: int) -> None:
    """No teacher, and a precision that no processor is slow with."""
    fill(page, "Batch size", batch_size)
    page.get_by_text("All options").click()
    page.get_by_role("tab", name="Optimisation").click()
    fill(page, "Teacher", "")
    page.get_by_role("tab", name="Machine").click()
    choose(page, "Precision", "32")  # half precision is slow on most CPUs


def test_from_a_data_set_to_a_prediction_through_every_mishap(page: Page, app: App) -> None:
    fill_form(page, "first/vit-tiny", "browser-vit", EPOCHS, batch_size=16)
    launch(page)
    run = newest(app, "browser-vit")
    wait_for(lambda: any("val_loss" in row for row in runs.metrics(run)[0]))
    page.close()  # the tab goes
    assert app.process is not None
    app.process.kill()  # and the server, too
    app.process.wait()
    step = runs.read_status(run.path)["step"]
    wait_for(lambda: runs.read_status(run.path)["step"] > step)  # it goes on with nobody there
    trainer = int(runs.read_status(run.path)["process"]["pid"])
    os.kill(trainer, signal.SIGSTOP)  # so that a fast machine has not finished before the app is up again
    app.start()
    again = page.context.new_page()
    again.goto(f"/runs?run={run.id}")  # a page that is drawn again every two seconds does not settle on a busy machine
    again.get_by_text("epoch").first.wait_for(timeout=PATIENCE)
    rows, _ = runs.metrics(run)
    wait_for(lambda: drawn_points(again, run, "training") == sum("train_loss" in row for row in rows))
    step = runs.read_status(run.path)["step"]
    os.kill(trainer, signal.SIGCONT)
    wait_for(lambda: runs.read_status(run.path)["step"] > step)

    again.get_by_role("button", name="Stop after saving").click()
    again.get_by_role("button", name="Resume").wait_for(timeout=PATIENCE)
    stopped = runs.read(run.path)
    assert (stopped.phase, stopped.reason) == ("stopped", "Stopped on request.")
    assert (run.path / "last.ckpt").exists() and not (app.checkpoints / "browser-vit").exists()
    saved = runs.read_status(run.path)["step"]
    again.get_by_role("button", name="Resume").click()
    again.get_by_role("button", name="Stop after saving").wait_for(timeout=PATIENCE)

    again.get_by_role("button", name="Use it in Explore").wait_for(timeout=3 * PATIENCE)
    rows, _ = runs.metrics(run)
    assert [row["epoch"] for row in rows if "val_loss" in row] == list(range(1, EPOCHS + 1))
    assert any(row["step"] <= saved for row in rows)
    wait_for(lambda: drawn_points(again, run, "validation") == EPOCHS)
    assert drawn_points(again, run, "training") == sum("train_loss" in row for row in rows)
    expect(again.locator(f".st-key-{run.id}_matrix .js-plotly-plot")).to_be_visible()

    again.get_by_role("button", name="Use it in Explore").click()
    again.wait_for_url(lambda url: "/runs" not in url)
    expect(again.get_by_role("combobox", name="Checkpoint")).to_have_value("browser-vit", timeout=60_000)
    again.get_by_text(re.compile("browser-vit attention_rollout ready")).wait_for(timeout=PATIENCE)
    bars = again.locator(".st-key-bars .js-plotly-plot").evaluate("plot => plot.data[0].y")
    assert set(bars) == {"Bent", "Compact", "FRI", "FRII"}
    settle(again)
    again.close()


def test_two_browsers_launch_at_once_and_one_waits(page: Page, app: App, chromium: Browser) -> None:
    context = session(chromium, app.url)
    other = context.new_page()
    for each, name in ((page, "browser-a"), (other, "browser-b")):
        fill_form(each, "first/cnn", name, 2000)
    page.get_by_role("button", name="Launch").click(no_wait_after=True)
    other.get_by_role("button", name="Launch").click(no_wait_after=True)
    for each in (page, other):
        arrive(each)
    pair = [newest(app, "browser-a"), newest(app, "browser-b")]
    wait_for(lambda: sorted(runs.read(run.path).phase for run in pair) == ["queued", "training"])
    wait_for(lambda: [runs.read(run.path).queue_position for run in pair].count(1) == 1)
    is_waiting = [runs.read(run.path).phase == "queued" for run in pair]
    (first, second), (watching, waiting) = (pair, (page, other)) if is_waiting[1] else (pair[::-1], (other, page))
    assert first.created < second.created  # the older one has the device
    waiting.get_by_text("position 1 in the queue for cpu").wait_for(timeout=PATIENCE)

    waiting.get_by_role("button", name="Stop after saving").click()
    waiting.get_by_role("button", name="Resume").wait_for(timeout=PATIENCE)
    assert runs.read(second.path).phase == "stopped" and runs.read(first.path).phase in ("training", "validating")
    waiting.get_by_role("button", name="Resume").click()
    wait_for(lambda: runs.read(second.path).queue_position == 1)

    watching.get_by_role("button", name="Stop after saving").click()
    wait_for(lambda: runs.read(first.path).phase == "stopped")
    wait_for(lambda: runs.read(second.path).phase == "training")
    waiting.get_by_text("epoch").first.wait_for(timeout=PATIENCE)
    local.kill(runs.read(second.path))
    settle(page)
    context.close()
