"""A batch of 500 from the page: started, stopped, the app killed, resumed, finished, filtered, a row to Explore."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest
import tiny_checkpoint
from conftest import App
from playwright.sync_api import Page, expect
from steps import choose, open_page, settle
from training_steps import wait_for

from vlass_explorer import runs
from vlass_explorer.catalogue import job, parts, plan
from vlass_explorer.datasets import simulated
from vlass_explorer.export import tables
from vlass_explorer.launchers import local

COUNT, MADE = 500, 20
PATIENCE = 180_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app of its own, because it is killed; 499 simulated cutouts under as many names, and a text."""
    folder = tmp_path_factory.mktemp("batch-app")
    sky = folder / "data" / "sky"
    sky.mkdir(parents=True)
    for index in range(MADE):
        simulated.write_fits(sky / f"{index:03}.fits", "Double Lobes", 0, index)
    for index in range(MADE, COUNT - 1):
        os.link(sky / f"{index % MADE:03}.fits", sky / f"{index:03}.fits")
    (sky / "bad.fits").write_text("no image")
    app = App(folder, str(folder / "data"))
    tiny_checkpoint.save(app.checkpoints / "tiny")
    app.start()
    yield app
    for run in runs.listing(app.runs):
        if run.is_active:
            local.kill(run)
    app.stop()


def paused(pid: int) -> list[psutil.Process]:
    """A process and its workers, stopped where they are, so that a fast machine is not done before the click."""
    found = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in found:
        process.send_signal(signal.SIGSTOP)
    return found


@pytest.mark.timeout(900)
def test_a_batch_survives_stop_and_the_end_of_the_app(page: Page, app: App) -> None:
    page.context.set_default_timeout(PATIENCE)
    open_page(page, "/batch", PATIENCE)
    choose(page, "Folder of cutouts", "sky", PATIENCE)
    page.get_by_role("button", name="Classify").click()
    wait_for(lambda: bool(runs.listing(app.runs)))
    (run,) = runs.listing(app.runs)
    wait_for(lambda: runs.read_status(run.path).get("step", 0) > 0)
    processes = paused(int(runs.read_status(run.path)["process"]["pid"]))
    page.get_by_role("button", name="Stop", exact=True).click()
    wait_for(lambda: (run.path / "stop").exists())
    for process in processes:
        process.send_signal(signal.SIGCONT)
    page.get_by_role("button", name="Resume").wait_for()
    stopped = runs.read(run.path)
    answered = parts.answered(plan.read(job.folder(run)))
    assert (stopped.phase, stopped.reason) == ("stopped", "Stopped on request.") and 0 < answered < COUNT
    expect(page.get_by_text(f"{COUNT - answered} are not answered yet")).to_be_visible()
    page.close()
    assert app.process is not None
    app.process.kill()
    app.process.wait()

    app.start()
    again = page.context.new_page()
    open_page(again, f"/batch?run={run.id}", PATIENCE)
    again.get_by_role("button", name="Resume").click()
    done = again.get_by_test_id("stAlertContentSuccess")
    done.get_by_text(f"{COUNT} inputs in, {COUNT} rows out, none twice, 1 of them without").wait_for(timeout=PATIENCE)
    rows = tables.read_rows(job.folder(run) / "table.parquet")
    assert len(rows) == COUNT and sum(row.error is not None for row in rows) == 1
    settle(again, PATIENCE)
    expect(again.get_by_text(f"{COUNT} of {COUNT} rows.")).to_be_visible()
    bars = again.locator(".js-plotly-plot").first.evaluate("plot => plot.data.flatMap(bar => bar.y)")
    assert sum(bars) == COUNT

    again.get_by_role("radio", name="Failed").or_(again.get_by_role("button", name="Failed", exact=True)).first.click()
    again.get_by_text(f"1 of {COUNT} rows.").wait_for()
    again.get_by_role("radio", name="Answered").or_(again.get_by_role("button", name="Answered")).first.click()
    again.get_by_text(f"{COUNT - 1} of {COUNT} rows.").wait_for()
    settle(again, PATIENCE)
    frame = again.locator("[class*=st-key-batch_rows_] [data-testid=stDataFrame]")
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 18, "y": 62})  # the box before the first row
    again.get_by_text("Chosen:").wait_for()
    settle(again, PATIENCE)
    again.get_by_role("button", name="Open the row in Explore").click()
    again.wait_for_url(lambda url: "/batch" not in url)
    expect(again.get_by_role("combobox", name="Checkpoint")).to_have_value("tiny", timeout=PATIENCE)
    again.get_by_text("000.fits").first.wait_for()
    settle(again, PATIENCE)
    again.close()
