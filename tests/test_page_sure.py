"""*How sure* on Explore, and the Calibration tab of Checkpoints: off with reasons, fitted by a button, then there."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_set
from streamlit.testing.v1 import AppTest
from test_calibration_asked import make, part_of

from vlass_explorer import calibration, checkpoints
from vlass_explorer.schema import Reports, Seen

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "local")
    tiny_set.make(tmp_path / "data" / "blobs", count=120)
    make(tmp_path / "checkpoints", "tiny", 1, Seen())
    return tmp_path


def texts(page: AppTest) -> str:
    parts = [*page.caption, *page.markdown, *page.warning, *page.error]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def test_explore_says_line_by_line_what_is_off(place: Path) -> None:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    file = sorted((place / "data" / "blobs").glob("long/*.npy"))[0]
    page.file_uploader[0].upload(file.name, file.read_bytes())
    page.run()
    assert not page.exception
    said = texts(page)
    assert "**Calibrated probability**: off. Not calibrated: nothing was fitted to this checkpoint's scores." in said
    assert "**Like the training data**: off. Nothing was kept of what its training cutouts look like" in said
    assert "**Turned and mirrored**: " in said and " of 8 views, score " in said
    assert "**When it would change its mind**: not asked yet" in said


def test_a_button_calibrates_and_explore_then_has_it(place: Path) -> None:
    card = checkpoints.find("tiny")
    part = part_of(card, place / "data" / "blobs")
    seen = Seen(train=part.images(card).cutouts)
    held = type(seen.train)(seen.train.content[:40], seen.train.places[:40])
    rows = {"WISE": {"asked": 0, "outside": 4}, "VLASS": {"asked": 214, "outside": 0, "energy": [0.8, 0.7, 0.9]}}
    card = checkpoints.update(card, seen=Seen(train=held), reports=Reports({"unlike_training": rows}))
    checkpoints.keep_reference(card, calibration.to_tensors(calibration.reference(card, part)))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    page.switch_page("pages/checkpoints.py").run()
    assert "Nothing is fitted to its scores" in texts(page)
    next(button for button in page.button if button.label == "Calibrate").click().run()
    assert not page.exception and not page.error
    (known,) = calibration.read(checkpoints.find("tiny"))
    assert known.count == 80 and checkpoints.find("tiny").provenance.calibrated_on == "80 cutouts of blobs"
    said = texts(page)
    assert "80 of blobs" in said and "40 cutouts that it has seen are left out." in said
    kinds = next(table.value for table in page.dataframe if "In their set" in table.value.columns)[
        "Cutouts of"
    ].tolist()
    assert kinds[:3] == ["all", "long", "round"] and any(kind.startswith("S/N below ") for kind in kinds)
    others = next(table.value for table in page.dataframe if "Refused" in table.value.columns)
    assert others["Energy"].tolist()[1] == "0.80 (0.70 to 0.90)" and others["Files"].tolist() == [0, 214]
    (metric,) = (one for one in page.metric if one.label == "Calibration error")
    assert metric.value == f"{known.after.equal_mass:.3f}"

    page.switch_page("pages/explore.py").run()
    file = sorted((place / "data" / "blobs").glob("long/*.npy"))[-1]
    page.file_uploader[0].upload(file.name, file.read_bytes())
    page.run()
    assert not page.exception
    said = texts(page)
    assert "**Calibrated probability**: long 0." in said or "**Calibrated probability**: round 0." in said
    assert "**Prediction set**: " in said and "the training data**: " in said
    near = next(table.value for table in page.dataframe if "Distance" in table.value.columns)
    assert len(near) == 5 and near["Distance"].is_monotonic_increasing


def test_a_set_that_it_has_seen_whole_is_refused_in_a_sentence(place: Path) -> None:
    card = checkpoints.find("tiny")
    part = part_of(card, place / "data" / "blobs")
    checkpoints.update(card, seen=Seen(train=part.images(card).cutouts))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    page.switch_page("pages/checkpoints.py").run()
    next(button for button in page.button if button.label == "Calibrate").click().run()
    assert not page.exception
    assert [str(error.value).replace("\\", "") for error in page.error] == [
        "tiny has seen all 120 cutouts: nothing is left to calibrate on."
    ]
