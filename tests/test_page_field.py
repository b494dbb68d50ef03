"""A whole Quick Look image on Explore: its sources are found, each is a click away at the image's own resolution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from streamlit.testing.v1 import AppTest
from subtile import DOUBLE, FAINT, POINT, RMS, SECOND, SIDE, expected, make, written

from vlass_explorer import measure
from vlass_explorer.cutouts import places
from vlass_explorer.figures import colours, field
from vlass_explorer.schema import Cutout, CutoutError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def subtile() -> Cutout:
    return make()


@pytest.fixture(scope="module")
def content(subtile: Cutout) -> bytes:
    return written(subtile)


def test_sources_are_found_where_they_are_brightest_first(subtile: Cutout) -> None:
    found = measure.sources(subtile)
    bright = [each for each in found if each.snr > 10]
    assert [each.islands for each in bright] == [1, 1, 2, 1]  # both lobes are one source
    for each, (flux, x, y) in zip(bright, (POINT, SECOND, DOUBLE, FAINT), strict=True):
        assert (each.y, each.x) == pytest.approx(expected(x, y), abs=0.6)
        assert each.peak == pytest.approx(flux, rel=0.08)
    assert measure.sources(subtile, most=2) == found[:2]


def test_a_source_is_never_averaged_away(subtile: Cutout) -> None:
    small, factor = colours.reduced(subtile.pixels, keep=colours.keeping(subtile))
    assert factor == 8
    flux, x, y = DOUBLE
    row, column = (int(at) // factor for at in expected(x + 7.0, y))
    around = small[row - 1 : row + 2, column - 1 : column + 2]
    assert around.max() == pytest.approx(flux, rel=0.08)
    averaged = colours.reduced(subtile.pixels)[0][row - 1 : row + 2, column - 1 : column + 2]
    assert averaged.max() < 0.3 * flux
    assert np.nanstd(small) < 1.2 * np.nanstd(colours.reduced(subtile.pixels)[0]) + flux / 10  # noise stays a mean


def test_what_can_be_clicked_lies_where_it_is_drawn(subtile: Cutout) -> None:
    found = measure.sources(subtile)
    figure = field.marked(field.overview(subtile, 500), subtile, found, None)
    points = next(trace for trace in figure.data if trace.name == "places")
    # Offsets in arcsec from the centre of the image: x to the east, so that it falls to the right.
    assert (points.x[0], points.y[0]) == pytest.approx((-POINT[1], POINT[2]), abs=0.6)
    places = field.places(subtile, found)
    assert len(points.x) == len(places) and len(found) + field.GRID**2 - len(places) == pytest.approx(56, abs=25)
    grid = places[len(found) :, None] - places[None, : len(found)]
    assert np.hypot(*np.moveaxis(grid, -1, 0)).min() >= field.APART * SIDE / field.GRID  # no place within a ring
    assert places[len(found)] == pytest.approx((28.6, 28.6), abs=0.1)


def test_typed_places(subtile: Cutout) -> None:
    where = expected(POINT[1], POINT[2])
    for text in (
        places.name(subtile, *where),
        "{:.6f} {:.6f}".format(*places.position(subtile, *where)),
        "{:.6f}°, {:+.6f}°".format(*places.position(subtile, *where)),
        f"pixel {where[1]} {where[0]}",
        places.name(subtile, *where).replace(":", "h", 1).replace(":", "m", 1),
    ):
        assert places.find(text, subtile) == pytest.approx(where, abs=0.2), text
    for text, words in (("M 87", "no position"), ("180 30", "outside the image"), ("99:99:99 1:1:1", "no position")):
        with pytest.raises(CutoutError, match=words):
            places.find(text, subtile)
    bare = Cutout("a.npy", np.zeros((900, 1200), np.float32), kind="array")
    assert places.around(bare, 20.0, 1100.0) == (None, (0, 300, 900, 1200))
    with pytest.raises(CutoutError, match="no sky coordinates"):
        places.find("180 30", bare)


@pytest.fixture(scope="module")
def page(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppTest]:
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny_checkpoint.save(folder / "tiny-vit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder))
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
        page.file_uploader[0].upload("subtile.fits", content)
        yield page.run()


def snr(page: AppTest) -> float:
    return float(page.table[0].value.iloc[:, 0]["S/N"].replace("\\", ""))


def test_a_subtile_is_classified_on_its_third_source_without_a_new_search(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not page.exception
    key = page.selectbox(key="cutout").value
    for _ in range(2):
        page.button(key="field_1").click().run()
    # What costs seconds on a whole image was done when it was opened: its sources, and its picture.
    for module, name in ((measure, "sources"), (field, "overview")):
        monkeypatch.setattr(module, name, None)
    page.button(key="field_1").click().run()
    assert not page.exception
    assert page.selectbox(key=f"field_source_{key}").value == 2
    shown = page.table[0].value.iloc[:, 0]
    assert shown["Pixels"] == "540 × 540, 1″"
    assert snr(page) == pytest.approx(DOUBLE[0] / RMS, rel=0.15)
    assert any("softmax score" in caption.value for caption in page.caption)


def test_a_typed_place_is_gone_to_and_a_wrong_one_is_said(page: AppTest) -> None:
    y, x = expected(FAINT[1], FAINT[2])
    page.text_input(key="field_place").set_value(f"pixel {x} {y}").run()
    assert snr(page) == pytest.approx(FAINT[0] / RMS, rel=0.2)
    page.text_input(key="field_place").set_value("M 87").run()
    assert "This is no position" in page.error[0].value.replace("\\", "")
    page.button(key="field_whole").click().run()
    assert page.table[0].value.iloc[:, 0]["Pixels"] == "3722 × 3722, 1″"
    assert not page.exception
