"""The Sky page: positions and tables to verdicts, chosen cutouts to Explore and into a data set, services off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from replay_server import Replay, serving
from replay_sky import Tile
from streamlit.testing.v1 import AppTest

from vlass_explorer import cutouts, datasets
from vlass_explorer.archives import allowed, ask, store, survey_noise

ROOT = Path(__file__).resolve().parent.parent
PLACE = (3.3, -9.3)


@pytest.fixture(scope="module")
def sky() -> Iterator[Replay]:
    with serving(Replay([Tile("2.1", "T09t01", *PLACE)], (PLACE,))) as replay:
        yield replay


@pytest.fixture
def page(sky: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(allowed.SETTING, sky.setting)
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", str(tmp_path / "uploads"))
    monkeypatch.setattr(ask, "FIRST_WAIT", 0.01)
    sky.faults.clear()
    sky.counts.clear()
    return opened()


def opened() -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    page.switch_page("pages/sky.py").run()
    assert not page.exception
    return page


def look(page: AppTest, typed: str) -> AppTest:
    page.text_area(key="sky_typed").set_value(typed)
    page.number_input(key="sky_size").set_value(0.5)
    page.button(key="sky_look").click().run()
    assert not page.exception
    return page


def test_verdicts_with_thumbnails_and_a_second_look_asks_nothing(page: AppTest, sky: Replay) -> None:
    look(page, "3.3 -9.3\nnobody\n200 -50\n10 95")
    rows = page.dataframe[0].value
    assert list(rows["verdict"]) == ["found", "not asked", "outside", "not asked"]
    assert rows["picture"][0].startswith("data:image/png") and rows["picture"].isna()[1]
    assert "Dec is -90 to 90 degrees" in rows["why"][3] and "knows the name nobody" in rows["why"][1]
    assert rows["rms"][0] == pytest.approx(150, rel=0.05) and rows["survey rms"][0] == pytest.approx(200, rel=0.02)
    assert page.button(key="sky_explore").disabled
    asked = sky.counts.total()
    page.run()
    assert sky.counts.total() == asked


def test_chosen_rows_are_in_explore_with_the_noise_of_the_survey(page: AppTest) -> None:
    look(page, "3.3 -9.3")
    page.session_state["sky_rows"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()
    button = page.button(key="sky_explore")
    assert button.label == "Open 1 cutout in Explore" and not button.disabled
    button.click().run()
    assert not page.exception
    (entry,) = page.session_state["uploads"].values()
    assert page.session_state["cutout"] == entry.key and entry.name.endswith(Tile("2.1", "T09t01", *PLACE).name)
    cutout = entry.source()
    assert cutout.noise.method == survey_noise.METHOD and cutout.noise.rms == pytest.approx(2e-4, rel=0.01)
    assert cutout.notes[0].startswith("Noise from the survey's rms image around the source: 200 µJy/beam; measured on")
    assert cutout.sha256 != cutouts.read(entry.source.args[0]).sha256


def test_a_labelled_table_becomes_a_data_set(page: AppTest, tmp_path: Path) -> None:
    table = b"name,ra,dec,label\na,3.3,-9.3,FRI\nb,3.31,-9.31,FRII\nc,,,FRI\n"
    page.file_uploader(key="sky_table").upload("t.csv", table)
    page.run()
    look(page, "")
    assert list(page.dataframe[0].value["verdict"]) == ["found", "found", "not asked"]
    page.session_state["sky_rows"] = {"selection": {"rows": [0, 1, 2], "columns": [], "cells": []}}
    page.run()
    page.text_input(key="sky_folder").set_value("mine")
    page.button(key="sky_save_now").click().run()
    assert not page.exception and not page.error
    assert "2 cutouts are in" in page.success[0].value
    data = datasets.load("class_folders", tmp_path / "uploads" / "mine")
    assert data.counts == {"FRI": 1, "FRII": 1} and data.survey == "VLASS"
    assert (tmp_path / "uploads" / "mine" / "cutouts.vot").is_file()


def _told(page: AppTest) -> str:
    return " ".join(one.value for one in page.markdown).replace("\\", "")


def test_parts_of_one_source_are_one_row(page: AppTest, sky: Replay) -> None:
    table = b"name,ra,dec,flux\na,3.3,-9.3055556,20\nb,3.3,-9.2944444,30\nalone,3.5,-9.1,900\n"
    page.file_uploader(key="sky_table").upload("t.csv", table)
    page.run()
    look(page, "")
    rows = page.dataframe[0].value
    assert list(rows["target"]) == ["a", "b", "alone"]
    assert "Not taken together: 2 of the 3 positions are parts of 1 source" in _told(page)
    page.toggle(key="sky_group").set_value(True)
    look(page, "")
    rows = page.dataframe[0].value
    assert list(rows["target"]) == ["b", "alone"] and rows["verdict"][0] == "found"
    assert "by distances and fluxes: 2 targets" in _told(page)
    assert "parts of it may lie outside" in rows["why"][0]  # 40 arcsec in a square of 30


def test_what_cannot_be_asked_is_one_sentence(page: AppTest) -> None:
    look(page, " ")
    assert page.error[0].value.replace("\\", "") == "Type a position or a name, or give a table."
    page.file_uploader(key="sky_table").upload("t.csv", b"flux\n1\n")
    page.run()
    look(page, "")
    assert "has no columns of right ascension" in page.error[0].value.replace("\\", "")
    look(page, "\n".join(f"{n / 10} 5" for n in range(501)))
    assert page.error


def test_a_failed_service_is_told_and_asked_again(page: AppTest, sky: Replay) -> None:
    sky.fail("/argus/sync", 403, "go away")
    look(page, "3.3 -9.3")
    row = page.dataframe[0].value.iloc[0]
    assert row["verdict"] == "service failed" and row["why"] == "VLASS (CADC) answered 403: go away."


def test_archives_switched_off(page: AppTest, sky: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(allowed.SETTING, "off")
    page = opened()
    assert "switched off" in page.info[0].value.replace("\\", "")
    look(page, "3.3 -9.3")
    assert sky.counts.total() == 0 and page.error
