"""The Data page: a data set by class, one cutout with its augmentations, and copies of cutouts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny_set
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tiny_set.make(tmp_path / "data" / "blobs", count=30)
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", "off")
    return folder


def data_page() -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    page.switch_page("pages/data.py").run()
    assert not page.exception
    return page


def test_a_click_shows_the_cutout_its_facts_and_its_augmentations(folder: Path) -> None:
    page = data_page()
    counts = page.dataframe[0].value
    assert dict(zip(counts["Class"], counts["Cutouts"], strict=True)) == {"long": 15, "round": 15}
    tiles = [button for button in page.button if (button.key or "").startswith("data_item_")]
    assert len(tiles) == 24
    page.button(key="data_item_20").click().run()
    assert not page.exception
    assert page.subheader[0].value.replace("\\", "") == "round/011.npy"
    assert page.table[0].value.loc["Class"].item() == "round"
    page.pills(key="data_class").set_value("round").run()
    tiles = [button for button in page.button if (button.key or "").startswith("data_item_")]
    assert not page.exception and {button.label for button in tiles} == {"round"}


def test_copies_across_the_split_are_named(folder: Path) -> None:
    for index in range(0, 30, 2):
        shutil.copy(folder / "long" / f"{index:03d}.npy", folder / "long" / f"copy-{index:03d}.npy")
    page = data_page()
    page.button(key="data_copies").click().run()
    assert not page.exception
    table = page.dataframe[1].value
    assert "same pixels" in set(table["why"]) and (table["in"] != table["and in"]).all()
    assert any("copy-" in name for name in [*table["one"], *table["other"]])
