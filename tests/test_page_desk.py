"""The Desk page: what the keyboard says reaches the label file; lists and gallery, agreement, a data set of labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import tiny_set
from page_figures import values
from streamlit.testing.v1 import AppTest
from test_calibration_asked import make

from ui.desk import board, deck
from ui.desk.deck import Deck
from vlass_explorer import datasets
from vlass_explorer.desk import pieces, records
from vlass_explorer.desk.labels import Labels
from vlass_explorer.schema import Checkpoint, Seen

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shelf")
    make(root, "tiny", 1, Seen())
    return root


@pytest.fixture
def place(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", str(tmp_path / "uploads"))
    monkeypatch.setenv("VLASS_EXPLORER_LABELS", str(tmp_path / "labels"))
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "local")
    tiny_set.make(tmp_path / "data" / "blobs", count=24)
    return tmp_path


def dealt(place: Path, card: Checkpoint | None = None, *, blind: bool = False, by: str = "ann") -> Deck:
    desk = pieces.of_folder(place / "data" / "blobs")
    labels = Labels(place / "labels" / "mine.jsonl")
    return Deck(
        desk,
        str(place / "data" / "blobs"),
        str(place),
        np.arange(24),
        labels,
        "mine",
        by,
        blind,
        tiny_set.CLASSES,
        card,
    )


def hear(dealt: Deck, *events: dict[str, Any]) -> None:
    st.session_state["desk_board_test"] = {"said": {"at": 0, "events": list(events)}}
    board._hear(dealt, "desk_board_test")


def event(number: int, do: str, key: str, **more: Any) -> dict[str, Any]:
    return {"id": f"{number:024x}", "do": do, "key": key, **more}


def test_what_the_browser_tells_is_in_the_file_once_and_in_order(place: Path) -> None:
    found = dealt(place)
    one, two = (piece.key for piece in found.pieces[:2])
    label = event(1, "label", one, kind="class", word="long", saw=False)
    hear(found, label)
    hear(found, label, event(2, "label", two, kind="unsure", word=""), event(3, "note", one, text="core?"))
    assert [(each.cutout, each.word, each.blind) for each in found.labels.given] == [
        (one, "long", True),
        (two, "unsure", True),
    ]
    assert found.labels.declared == tiny_set.CLASSES and found.labels.notes(one) == (("ann", "core?"),)
    assert len(found.labels.given[0].content) == 16
    again = [event(4, "label", two, kind="artefact", word=""), event(5, "undo", two, of=f"{4:024x}")]
    hear(found, *again, event(6, "undo", one, of="f" * 24))
    last = found.labels.last("ann")
    assert last is not None and (last.cutout, last.word) == (two, "unsure")
    assert all(board._is_done(found, each) for each in (*again, label, event(6, "undo", one, of="f" * 24)))
    assert len(Path(found.labels.path).read_text().splitlines()) == 6


def test_two_browsers_on_one_file_keep_what_both_say_and_see_each_other(place: Path) -> None:
    """Each has a label file of its own in memory, as on two servers."""
    ann, bob, again = dealt(place), dealt(place, by="bob"), dealt(place)
    one, two = (piece.key for piece in ann.pieces[:2])
    hear(ann, event(1, "label", one, kind="class", word="long", saw=False))
    hear(bob, event(2, "label", one, kind="class", word="round", saw=False), event(3, "note", one, text="core?"))
    hear(ann, event(4, "label", two, kind="unsure", word=""))
    hear(again, event(5, "undo", two, of=f"{4:024x}"), event(6, "label", two, kind="class", word="long", saw=True))
    for found, other in ((ann, "bob: round"), (bob, "ann: long")):
        found.labels.refresh()
        assert [(each.by, each.word) for each in found.labels.given] == [
            ("ann", "long"),
            ("bob", "round"),
            ("ann", "long"),
        ]
        (cell, *_), _ = board._cells(found, 0)
        assert cell["others"] == other and cell["notes"] == ["bob: core?"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../../etc"},
        {"key": "no such cutout"},
        {"word": "<b>other</b>"},
        {"kind": "class", "word": ""},
        {"do": "classes"},
        {"do": "note", "text": " "},
        {"do": "undo", "of": None},
        {"kind": "any"},
    ],
)
def test_what_no_board_says_changes_nothing_and_is_not_asked_for_again(place: Path, wrong: dict[str, Any]) -> None:
    found = dealt(place)
    told = event(1, "label", found.pieces[0].key, kind="class", word="long") | wrong
    hear(found, told)
    assert not Path(found.labels.path).exists() and board._is_done(found, told)
    assert not board._is_sound(found, None) and board._is_done(found, "text")


def test_the_answer_is_hidden_until_it_is_labelled_and_kept_with_a_label_that_was_given_after(place: Path) -> None:
    from vlass_explorer import checkpoints

    found = dealt(place, checkpoints.find("tiny"), blind=True)
    key = found.pieces[0].key
    (cell, *_), _ = board._cells(found, 0)
    assert (
        cell["key"] == key and cell["answer"] == "" and cell["name"] == "Cutout 1" and cell["sky"][:10] == "data:image"
    )
    hear(found, event(1, "label", key, kind="class", word="long", saw=False))
    (cell, *_), _ = board._cells(found, 0)
    assert cell["answer"].startswith("tiny: ") and cell["mine"] == {"kind": "class", "word": "long"}
    assert cell["name"] == "long/000.npy"
    hear(found, event(2, "label", key, kind="class", word="round", saw=True))
    given = found.labels.of(key, "ann")
    assert given is not None and given.word == "round" and given.shown == cell["answer"] and not given.blind
    views = board._views(found, found.pieces[0])
    assert views["seen"][:10] == "data:image" and views["box"] == pytest.approx([0.2, 0.2, 0.6, 0.6])
    assert ("map" in views) == (not cell["answer"].startswith("tiny: no label"))
    hidden = board._views(found, found.pieces[1])
    assert "map" not in hidden and "hidden until" in hidden["why"]


def test_a_cutout_that_cannot_be_read_and_a_disk_that_refuses_are_sentences(place: Path) -> None:
    found = dealt(place)
    (place / "data" / "blobs" / "long" / "000.npy").write_bytes(b"no array")
    (cell, other, *_), _ = board._cells(found, 0)
    assert cell["error"] and not cell["sky"] and other["sky"]
    hear(found, event(1, "label", found.pieces[0].key, kind="artefact", word=""))
    assert found.labels.count("ann") == 1
    (place / "labels" / "mine.jsonl").unlink()
    (place / "labels" / "mine.jsonl").mkdir()
    told = event(2, "label", found.pieces[1].key, kind="class", word="long")
    hear(found, told)
    assert "cannot be" in st.session_state.pop("desk_problem") and not board._is_done(found, told)


def desk_page(**choices: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    for key, value in {"desk_place": "blobs", "desk_set": "mine", "desk_by": "ann", **choices}.items():
        page.session_state[key] = value
    page.switch_page("pages/desk.py").run()
    assert not page.exception
    return page


def test_from_the_gallery_to_agreement_and_a_data_set(place: Path) -> None:
    Labels(place / "labels" / "mine.jsonl").append(records.classes("ann", tiny_set.CLASSES))
    page = desk_page(desk_view="Gallery")
    ticks = [box for box in page.checkbox if (box.key or "").startswith("desk_tick_")]
    assert len(ticks) == 24 and ticks[0].label == "1"
    for box in ticks[:10]:
        box.check()
    page.run()
    page.button(key="desk_give_gallery").click().run()
    labels = Labels(place / "labels" / "mine.jsonl").refresh()
    assert not page.exception and labels.count("ann") == 10 and {one.word for one in labels.given} == {"long"}
    found = dealt(place)
    for piece in found.pieces[12:22]:
        labels.append(records.label("ann", piece.key, "round", shown="tiny: round 0.9"))
    for piece in found.pieces[:5]:
        labels.append(records.label("bob", piece.key, "long"))
    with labels.path.open("a") as file:
        file.write("by hand\n" + json.dumps({"id": "0" * 16}) + "\n")
    page.session_state["desk_view"] = "Agreement"
    page.run()
    assert "2 lines cannot be read" in page.warning[0].value.replace("\\", "")
    assert page.dataframe[1].value["Cutouts"].tolist() == [5]
    page.session_state["desk_view"] = "List"
    page.run()
    assert not page.exception and page.dataframe[0].value["Mine"].notna().sum() == 20
    page.session_state["desk_view"] = "Export"
    page.run()
    page.button(key="desk_write").click().run()
    assert not page.exception and not page.error
    data = datasets.load("class_folders", place / "uploads" / "mine")
    assert len(data) == 20 and sum(item.split == "test" for item in data.items) == 2


def test_a_table_of_answers_lies_on_the_desk_with_what_it_says(place: Path) -> None:
    from vlass_explorer import checkpoints
    from vlass_explorer.export import tables
    from vlass_explorer.schema import Row

    card = checkpoints.find("tiny")
    told = {"checkpoint": "tiny", "checkpoint_sha256": card.sha256, "validity": "ok", "version": "0.1.0"}
    found = [
        Row(
            f"long/{at:03}.npy", label=label, score=0.5 + at / 100, scores=scores, training_percentile=10.0 * at, **told
        )
        for at, label, scores in ((0, "long", {"long": 0.5, "round": 0.5}), (4, "round", {"long": 0.46, "round": 0.54}))
    ]
    tables.write_rows(place / "data" / "blobs" / "t.parquet", [*found, Row("none.npy", error="No such file.", **told)])
    table = str(place / "data" / "blobs" / "t.parquet")
    page = desk_page(desk_place=table, desk_view="List", desk_order="Least like the training data", checkpoint="tiny")
    frame = page.dataframe[0].value
    assert frame["Name"].tolist() == ["long/004.npy", "long/000.npy", "none.npy"]
    assert frame["Answer"].tolist()[:2] == ["round", "long"] and frame["Score"].tolist()[:2] == [0.54, 0.5]
    assert any("those of the table" in caption.value for caption in page.caption)
    away = desk_page(desk_place=str(place / "absent.csv"))
    assert "must lie below" in away.error[0].value or "There is no" in away.error[0].value


def test_one_by_one_is_drawn_and_bad_choices_are_sentences(place: Path) -> None:
    page = desk_page(desk_order="Most informative first")
    assert any("Ask tiny about all 24" in button.label for button in page.button)
    page.button(key="desk_ask").click().run()
    assert not page.exception and not page.error
    assert not any("Ask tiny" in button.label for button in page.button)


@pytest.mark.parametrize(
    ("key", "value", "said"), [("desk_set", "../x", "in letters"), ("desk_place", "/etc", "below")]
)
def test_a_choice_that_leads_elsewhere_is_a_sentence(place: Path, key: str, value: str, said: str) -> None:
    assert said in desk_page(**{key: value}).error[0].value
    assert not list((place / "labels").glob("*")) and not (place / "x.jsonl").exists()


def test_files_of_the_session_are_one_deck(place: Path) -> None:
    assert deck.of_files([]).pieces == ()


def test_what_a_lasso_holds_on_the_map_is_labelled_together_and_not_blind(place: Path) -> None:
    page = desk_page(desk_view="Map", checkpoint="tiny")
    assert any("needs the model's features" in caption.value.replace("\\", "") for caption in page.caption)
    page.button(key="desk_ask").click().run()
    assert not page.exception and not page.error
    [chart] = page.get("plotly_chart")
    spec = json.loads(chart.proto.spec)
    assert spec["layout"]["title"]["text"] == "24 cutouts" and spec["layout"]["dragmode"] == "lasso"
    rows = np.sort(np.concatenate([values(trace, "customdata") for trace in spec["data"]]))
    assert rows.tolist() == list(range(24))
    points = [{"customdata": row, "point_index": 0} for row in (3, 7, 11)]
    told = {"selection": {"points": points, "point_indices": [0], "box": [], "lasso": []}}
    states = page._tree.get_widget_states()  # AppTest cannot draw around points of a chart
    states.widgets.add(id=chart.proto.id, string_value=json.dumps(told))
    page._run(states)
    assert page.button(key="desk_give_map").label == "Label 3 chosen"
    page.selectbox(key="desk_word_map").set_value("round").run()
    page.button(key="desk_give_map").click().run()
    labels = Labels(place / "labels" / "mine.jsonl").refresh()
    found = dealt(place)
    assert not page.exception and {one.cutout for one in labels.given} == {found.pieces[row].key for row in (3, 7, 11)}
    assert {one.word for one in labels.given} == {"round"} and not any(one.blind for one in labels.given)
    page.session_state["desk_map_colour"] = "S/N"
    page.run()
    assert not page.exception
    page.session_state["desk_blind"] = True
    page.run()
    assert not page.get("plotly_chart") and any("labels are given blind" in each.value for each in page.caption)
