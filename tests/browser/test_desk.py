"""The desk: real cutouts by keyboard, the server killed in between and started anew, undone, exported, a data set."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_checkpoint
from astropy.io import votable
from conftest import App
from playwright.sync_api import Page, expect
from steps import PATIENCE, choose, open_page, settle

from vlass_explorer import datasets
from vlass_explorer.desk.labels import Labels

SAID = {"1": "FRI", "2": "FRII", "3": "Compact", "4": "Bent", "0": "unsure", "x": "artefact"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[App]:
    """An app of its own, because it is killed; pictures of the FIRST set and FITS, flat, so that no name tells."""
    folder = tmp_path_factory.mktemp("desk-app")
    triage = folder / "data" / "triage"
    triage.mkdir(parents=True)
    files = sorted((data_dir / "first-radio-galaxies").glob("*/*.png"))[::110]
    for number, file in enumerate([*files, *sorted((data_dir / "cutouts" / "first").glob("[123]*.fits"))[:8]]):
        shutil.copyfile(file, triage / f"{number:02}{file.suffix}")
    app = App(folder, str(folder / "data"))
    tiny_checkpoint.save(app.checkpoints / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_SESSIONS", str(folder / "sessions"))
        patch.setenv("VLASS_EXPLORER_UPLOADS", str(folder / "uploads"))
        app.start()
        yield app
    app.stop()


def press(page: Page, *keys: str) -> None:
    """Press keys, each once the cutout that it is about is drawn."""
    for key in keys:
        page.locator(".board .stage:not([data-drawn=''])").wait_for()
        page.keyboard.press(key)


def labelled(page: Page, count: int) -> None:
    """Wait until the page says that so many are in the file."""
    expect(page.locator(".board .saved")).to_have_text(f"{count} labelled by me · all saved", timeout=PATIENCE)


@pytest.mark.timeout(900)
def test_labels_by_keyboard_survive_a_kill_and_become_a_data_set(page: Page, app: App) -> None:
    count = len(list((app.folder / "data" / "triage").iterdir()))
    assert count == 24
    page.context.set_default_timeout(PATIENCE)
    open_page(page, "/desk")
    choose(page, "Cutouts", "triage")
    where = page.locator(".board .count")
    expect(where).to_have_text(f"1 of {count}")
    keys = "1234" * 2
    press(page, *keys)
    labelled(page, 8)
    press(page, "x", "1", "u")
    labelled(page, 9)
    expect(where).to_have_text(f"10 of {count}")

    assert app.process is not None
    press(page, "2", "3")
    app.process.kill()  # what is in flight the browser tells again
    app.process.wait()
    press(page, "4")  # and what nobody hears
    app.start()
    labelled(page, 12)
    expect(page.get_by_role("combobox", name="Cutouts", exact=True)).to_have_value("triage")
    expect(where).to_have_text(f"13 of {count}")
    press(page, *("1234" * 3)[:10], "0", "3")
    labelled(page, count)
    press(page, "u")
    labelled(page, count - 1)
    press(page, "1")
    labelled(page, count)
    given = Labels(app.labels / "labels.jsonl").refresh()
    keys += "x234" + ("1234" * 3)[:10] + "01"
    assert [one.word for one in given.given] == [SAID[key] for key in keys] and given.broken == ()
    assert sorted(one.name for one in given.given) == sorted(
        path.name for path in (app.folder / "data" / "triage").iterdir()
    )

    settle(page)
    page.get_by_text("Export", exact=True).click()
    page.get_by_role("button", name="VOTable").first.wait_for()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="VOTable").first.click()
    table = votable.parse(io.BytesIO(Path(download.value.path()).read_bytes())).get_first_table().to_table()
    assert len(table) == count and list(table["label"][:4]) == ["FRI", "FRII", "Compact", "Bent"]
    assert set(table["labeller"]) == {"me"}
    page.get_by_text("Test on what was labelled blind").click()
    settle(page)
    page.get_by_role("button", name="Write as a data set").click()
    page.get_by_test_id("stAlertContentSuccess").get_by_text("labels is written").wait_for()
    data = datasets.load("class_folders", app.folder / "uploads" / "labels")
    assert len(data) == count - 2 and data.label_names == ("Bent", "Compact", "FRI", "FRII")

    settle(page)
    page.get_by_text("Map", exact=True).click()
    page.get_by_role("button", name="Ask tiny").click()
    chart = page.get_by_test_id("stPlotlyChart").locator(".nsewdrag")
    chart.wait_for()
    settle(page)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    corners = [(0.01, 0.02), (0.99, 0.02), (0.99, 0.98), (0.01, 0.98), (0.01, 0.05)]
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name=f"Label {count} chosen").click()
    settle(page)
    assert {one.word for one in Labels(app.labels / "labels.jsonl").refresh().given} == {"FRI"}
    page.get_by_text("Export", exact=True).click()
    page.get_by_role("button", name="Train on it").click()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("labels")
    settle(page)
    page.close()
