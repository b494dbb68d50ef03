"""The Train page in a real browser: what is wrong is refused, and a shipped checkpoint is fine-tuned and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import App
from playwright.sync_api import Page, expect
from steps import choose, fill, open_page, settle
from training_steps import PATIENCE, drawn_points, few_of_first, launch, newest, wait_for

from vlass_explorer import checkpoints, runs
from vlass_explorer.schema import Run


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


def fine_tune(page: Page, app: App, name: str, epochs: int) -> Run:
    """Launch a fine-tune of first-cnn on a part of the FIRST set from the form as it opens."""
    page.context.set_default_timeout(PATIENCE)
    open_page(page, "/train", PATIENCE)
    choose(page, "Data set", "few-of-first")
    page.get_by_test_id("stMain").get_by_role("combobox", name="Checkpoint").click()
    page.get_by_role("option", name="first-cnn", exact=True).click()
    settle(page)
    fill(page, "Name of the checkpoint it becomes", name)
    fill(page, "Epochs", epochs)
    command = page.get_by_test_id("stCode").first
    for part in (f"name={name}", f"epochs={epochs}", "weights=first-cnn"):
        expect(command).to_contain_text(part)
    launch(page)
    return newest(app, name)


@pytest.mark.timeout(1500)
def test_a_shipped_checkpoint_is_fine_tuned_stopped_kept_and_used(page: Page, app: App, data_dir: Path) -> None:
    few_of_first(data_dir / "first-radio-galaxies", app.folder / "data" / "few-of-first")
    long = fine_tune(page, app, "tuned-long", 5000)
    assert (long.config.weights, long.config.epochs) == ("first-cnn", 5000)
    wait_for(lambda: any("val_loss" in row for row in runs.metrics(long)[0]))
    page.close()  # the page goes, the run goes on
    step = runs.read_status(long.path)["step"]
    wait_for(lambda: runs.read_status(long.path)["step"] > step)
    again = page.context.new_page()
    again.goto(f"/runs?run={long.id}")
    known = sum("train_loss" in row for row in runs.metrics(long)[0])
    wait_for(lambda: drawn_points(again, long, "training") >= known)  # the curves from before it was opened, too
    assert runs.read(long.path).is_active
    again.get_by_role("button", name="Stop after saving").click()
    keep = again.get_by_role("button", name="Keep as checkpoint")
    keep.wait_for(timeout=PATIENCE)
    assert runs.read(long.path).phase == "stopped"
    assert not (app.checkpoints / "tuned-long").exists()
    keep.click()
    again.get_by_role("button", name="Use it in Explore").wait_for(timeout=PATIENCE)
    assert runs.read(long.path).phase == "finished"
    kept = checkpoints.find("tuned-long", app.checkpoints)
    assert kept.label_names == ("Bent", "Compact", "FRI", "FRII")

    again.get_by_role("button", name="Use it in Explore").click()
    again.wait_for_url(lambda url: "/runs" not in url)
    expect(again.get_by_role("combobox", name="Checkpoint")).to_have_value("tuned-long", timeout=60_000)
    again.get_by_text(re.compile("tuned-long grad_cam ready")).wait_for(timeout=PATIENCE)
    bars = again.locator(".st-key-bars .js-plotly-plot").evaluate("plot => plot.data[0].y")
    assert set(bars) == set(kept.label_names)
    settle(again)
    again.close()
