"""The Source page: what is drawn of one source in several images, and a sentence where nothing can be."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from two_epochs import Truth, pair

from ui import state
from vlass_explorer import cutouts, epochs
from vlass_explorer.schema import Cutout

ROOT = Path(__file__).resolve().parent.parent
J0013 = (3.48816, -9.33089)


def entry(cutout: Cutout) -> state.Entry:
    return state.Entry(
        cutout.sha256[:16], cutout.name, cutout.name, "data set", cutout.sha256, source=partial(_given, cutout)
    )


def _given(cutout: Cutout) -> Cutout:
    return cutout


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, shelf: Path) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    monkeypatch.setenv("VLASS_EXPLORER_ARCHIVES", "off")


def shown(*images: Cutout) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    entries = [entry(each) for each in images]
    page.session_state["uploads"] = {each.key: each for each in reversed(entries)}
    page.switch_page("pages/source.py").run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(each.value for each in (*page.markdown, *page.caption, *page.info, *page.warning)).replace("\\", "")


def test_two_epochs_side_by_side() -> None:
    page = shown(*pair(5, Truth(snr=60.0, change=0.2)))
    assert len(page.get("plotly_chart")) == 5
    told = words(page)
    assert "Flux scale" in told and "Peak relative to its neighbours: +" in told and "it differs" in told
    assert "VLASS 2.1 and VLASS 3.1 are at one frequency" in told
    table = page.dataframe[1].value
    assert list(table["Image"]) == ["VLASS 2.1", "VLASS 3.1"] and "±" in table["Flux with flux scale"][0]
    page.selectbox(key="source_lines").set_value("VLASS 3.1").run()
    assert not page.exception and "Contours of VLASS 3.1" in words(page)
    for preset in ("Survey comparison", "Contours over an image"):
        page.session_state["source_preset"] = preset
        page.run()
        assert not page.exception
    assert "No optical image is here" in words(page) and len(page.get("plotly_chart")) == 4
    page.text_input(key="source_position").set_value("10 20").run()
    assert "No image of Explore's list shows this position" in words(page)
    page.text_input(key="source_position").set_value("M87").run()
    assert "M87 is no position" in page.error[0].value.replace("\\", "")


def test_one_image_alone_and_one_without_coordinates() -> None:
    one, _ = pair(5, Truth(neighbours=0))
    page = shown(one)
    assert "Only one image, VLASS 2.1, shows this source" in words(page)
    page = shown(replace(one, wcs=None, sha256="other"))
    assert "has no sky coordinates (WCS)" in words(page)


def test_one_source_in_three_surveys_has_the_known_numbers(data_dir: Path) -> None:
    """J0013-0919 in VLASS 3.1, FIRST and NVSS: 0.30 to 0.35, 0.60 and 0.79 Jy, slopes that are too steep."""
    files = sorted((data_dir / "cutouts" / "vlass").glob("*.fits"), reverse=True)
    images = [cutouts.read(path) for path in files]
    page = shown(*images)
    assert len(page.get("plotly_chart")) == 3 and list(page.dataframe[0].value["image"]) == [
        "VLASS 3.1",
        "FIRST",
        "NVSS",
    ]
    told = words(page)
    assert "VLASS 3.1 at 3 GHz: a difference of their fluxes is the spectrum of the source" in told
    page.selectbox(key="source_epoch_0").set_value("FIRST").run()
    page.selectbox(key="source_epoch_1").set_value("NVSS").run()
    told_now = words(page)
    assert "FIRST lacks is taken for a change" in told_now and "positions of Quick Look" not in told_now
    assert "so other than on Explore" in told_now
    assert page.selectbox(key="source_lines").options[0] == "none"
    assert "Flux resolved out" in told and "shifts the index by 0.21" in told and "Spectral index −0.7" in told
    vlass, nvss, first = images
    index = epochs.spectral_index(vlass, first, J0013)
    assert index.value == pytest.approx(-0.70, abs=0.06) and index.names == ("FIRST", "VLASS 3.1")
    assert index.fluxes[0].flux == pytest.approx(0.596, rel=0.01) and 0.299 < index.fluxes[1].flux < 0.354
    assert index.fluxes[1].peak == pytest.approx(0.099, rel=0.01) and index.fluxes[0].peak == pytest.approx(
        0.183, rel=0.03
    )
    assert index.shift == pytest.approx(0.21, abs=0.005) and 0.15 < (index.scale_error or 0.0) < 0.25
    coarse = epochs.spectral_index(vlass, nvss, J0013)
    assert coarse.fluxes[0].flux == pytest.approx(0.793, rel=0.01) and coarse.value < -1.06
    assert "30″" in " ".join(coarse.warnings) and "Flux resolved out" in str(coarse)
