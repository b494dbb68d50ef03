"""What a person does and sees on the Train and Runs pages, as functions."""

from __future__ import annotations

import csv
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import App
from playwright.sync_api import Page

from vlass_explorer import runs
from vlass_explorer.schema import Run

PATIENCE = 300_000
"""Milliseconds for what a training process does; minutes only where the machine is busy."""
EACH = 30
"""Cutouts of each class: enough that nothing is asked, few enough for seconds an epoch."""


def few_of_first(source: Path, target: Path) -> None:
    """A few cutouts of each class in the layout of the whole set."""
    if not (source / "labels.csv").is_file():
        pytest.skip("the FIRST set is absent")
    taken: Counter[str] = Counter()
    with (source / "labels.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if (taken.update([row["label"]]) or taken[row["label"]] <= EACH)]
        names = reader.fieldnames or []
    for row in rows:
        (target / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / row["path"], target / row["path"])
    with (target / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def wait_for(condition: object, seconds: float = PATIENCE / 1000) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def newest(app: App, name: str) -> Run:
    return next(run for run in runs.listing(app.runs) if run.config.name == name)


def launch(page: Page) -> None:
    """Press the button and arrive at the Runs page."""
    page.get_by_role("button", name="Launch").click()
    arrive(page)


def arrive(page: Page) -> None:
    """Answer a question where one is asked (a busy machine would take long), and see the Runs page."""
    anyway = page.get_by_role("button", name="Launch anyway")
    page.get_by_role("heading", name="Runs", exact=True).or_(anyway).wait_for(timeout=PATIENCE)
    if anyway.count():
        anyway.click()
    page.wait_for_url("**/runs?**run=**", timeout=PATIENCE)


def drawn_points(page: Page, run: Run, name: str) -> int:
    """How many points the loss curve of this name has on the page."""
    plot = page.locator(f".st-key-curves-{run.id} .js-plotly-plot")
    if plot.count() == 0:
        return 0
    count = "(plot, name) => ((plot._fullData || []).find(t => t.name === name && t.xaxis === 'x') || {x: []}).x.length"
    return int(plot.last.evaluate(count, name))  # while the page is drawn anew, the old one is there, too
