"""The desk in a real browser: real cutouts by keyboard, the server killed in between, undone, exported as VOTable."""

from __future__ import annotations

import io
import shutil
import statistics
from pathlib import Path

from astropy.io import votable
from conftest import App
from playwright.sync_api import Page
from steps import PATIENCE, settle

from vlass_explorer.desk.labels import Labels

STAGE = "[...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.board')).find(Boolean)"
PRESS = f"""async ([key, wanted]) => {{
    const board = {STAGE}, stage = board.querySelector('.stage'), before = stage.dataset.drawn
    const began = performance.now()
    document.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true, composed: true }}))
    while (wanted && (stage.dataset.drawn === before || !stage.dataset.drawn)) {{
        if (performance.now() - began > 60000) throw new Error('nothing was drawn')
        await new Promise(requestAnimationFrame)
    }}
    return performance.now() - began
}}"""


def press(page: Page, key: str, *, moves: bool = True) -> float:
    """Press a key; milliseconds until the next cutout is drawn."""
    return float(page.evaluate(PRESS, [key, moves]))


def saved(page: Page) -> None:
    page.wait_for_function(f"() => {STAGE}?.dataset.waiting === '0'", timeout=PATIENCE)


def open_folder(page: Page, folder: Path, checkpoint: str) -> None:
    """Open the desk on a folder and wait for its first cutout."""
    page.goto(f"/desk?checkpoint={checkpoint}")
    place = page.get_by_role("combobox", name="Cutouts", exact=True)
    place.wait_for(timeout=PATIENCE)
    settle(page)
    place.fill(str(folder))
    page.get_by_role("option").first.click()
    page.wait_for_function(f"() => {STAGE}?.innerText.includes('1 of {len(list(folder.iterdir()))}')", timeout=PATIENCE)
    page.wait_for_function(f"() => {STAGE}.querySelector('.stage').dataset.drawn", timeout=PATIENCE)
    settle(page)


def test_labels_by_keyboard_survive_a_kill_and_open_in_astropy(page: Page, app: App, data_dir: Path) -> None:
    files = [*sorted((data_dir / "first-radio-galaxies").glob("*/*.png"))[::50]]
    files += sorted((data_dir / "cutouts" / "vlass").glob("*.fits"))
    folder = app.folder / "data" / "triage"
    folder.mkdir(parents=True)
    for number, file in enumerate(files):
        shutil.copyfile(file, folder / f"{number:03d}{file.suffix}")
    open_folder(page, folder, "first-cnn")
    taken = [press(page, key) for key in "1234" * 5]
    saved(page)
    path = app.labels / "labels.jsonl"
    assert Labels(path).refresh().count("me") == 20

    assert app.process is not None
    taken += [press(page, key) for key in "12"]
    app.process.kill()  # what is in flight the browser tells again
    app.process.wait()
    app.process = None
    app.start()
    page.wait_for_function(f"() => {STAGE}?.innerText.includes('22 labelled by me · all saved')", timeout=PATIENCE)
    assert Labels(path).refresh().count("me") == 22
    taken += [press(page, key) for key in "34x0"]
    press(page, "u")
    press(page, "n", moves=False)
    page.keyboard.type("<b>two</b> sources?")
    page.keyboard.press("Enter")
    saved(page)
    found = Labels(path).refresh()
    assert found.count("me") == 25 and found.broken == ()
    assert [one.word for one in found.given[-3:]] == ["FRI", "FRII", "artefact"]
    page.wait_for_function(f"() => {STAGE}.innerText.includes('<b>two</b> sources?')", timeout=PATIENCE)
    press(page, " ", moves=False)
    page.wait_for_function(f"() => !{STAGE}.querySelector('.over').hidden", timeout=PATIENCE)
    assert statistics.median(taken) < 500, taken  # 150 on two idle cores: benchmarks/desk_latency.py

    settle(page)
    page.get_by_text("Export", exact=True).click()
    page.get_by_role("button", name="VOTable").first.wait_for(timeout=PATIENCE)
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="VOTable").first.click()
    table = votable.parse(io.BytesIO(Path(download.value.path()).read_bytes())).get_first_table().to_table()
    assert len(table) == 25 and list(table["label"][:4]) == ["Bent", "Compact", "FRI", "FRII"]
    assert table["blind"].dtype == bool and set(table["labeller"]) == {"me"}
