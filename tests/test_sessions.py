"""What a browser keeps on the server: it comes back, within bounds, and no name of a user reaches a path."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
import tiny_checkpoint
import tiny_set
from streamlit.runtime.context import ContextProxy
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest

from ui import state
from ui.boundary import Viewport
from vlass_explorer import sessions
from vlass_explorer.sessions import Bounds, Sessions, Upload

ROOT = Path(__file__).resolve().parent.parent
WORD = "A" * 32


def upload(name: str, content: bytes) -> Upload:
    return Upload(name, name, hashlib.sha256(content).hexdigest())


def index_of(root: Path, word: str) -> Path:
    return root / hashlib.sha256(word.encode()).hexdigest() / sessions.INDEX


def test_uploads_and_choices_come_back_in_another_process(tmp_path: Path) -> None:
    store = Sessions(tmp_path)
    assert not store.knows(WORD) and store.load(WORD) == ([], {})
    for name in ("../../a.fits", "b.fits", "b.fits"):
        assert store.add(WORD, (upload(name, b"sky"), b"sky")) == 0
    store.choose(WORD, {"stretch": "log"})
    found, choices = Sessions(tmp_path).load(WORD)
    assert [(each.name, path.read_bytes()) for each, path in found] == [("../../a.fits", b"sky"), ("b.fits", b"sky")]
    assert choices == {"stretch": "log"}
    names = {path.name for path in tmp_path.rglob("*")}
    assert all(sessions.HASH.fullmatch(name) or name == sessions.INDEX for name in names)
    assert WORD not in names and [path.parent.name for path in tmp_path.rglob("*.fits")] == []


def test_what_was_forgotten_is_gone_and_shared_content_stays(tmp_path: Path) -> None:
    store = Sessions(tmp_path)
    both = [upload("a.fits", b"sky"), upload("b.fits", b"sky")]
    for each in both:
        store.add(WORD, (each, b"sky"))
    store.remove(WORD, [(both[0].sha256, "a.fits")])
    assert [each.name for each, _ in store.load(WORD)[0]] == ["b.fits"]
    store.remove(WORD, [(both[1].sha256, "b.fits")])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [sessions.INDEX]


def test_size_and_time_are_bounded(tmp_path: Path) -> None:
    store = Sessions(tmp_path, Bounds(session=4096, every=9000, days=2.0))
    words = [sessions.new_word() for _ in range(4)]
    for age, word in enumerate(words):
        content = os.urandom(3000)
        assert store.add(word, (upload("a", content), content)) == 0
        # More than a session may have.
        assert store.add(word, (upload("b", content * 2), content * 2)) == 1
        then = time.time() - 3600 * (10 - age)
        os.utime(index_of(tmp_path, word), (then, then))
    assert [store.knows(word) for word in words] == [False, False, True, True]  # the oldest went
    long_ago = time.time() - 3 * 86400
    os.utime(index_of(tmp_path, words[2]), (long_ago, long_ago))
    store.sweep()
    assert [store.knows(word) for word in words[2:]] == [False, True]


@pytest.mark.parametrize("word", ["", "short", "../" + "a" * 29, "a" * 33, None, 3])
def test_only_words_that_nobody_guesses_are_sessions(tmp_path: Path, word: object) -> None:
    assert not Sessions(tmp_path).knows(word)
    assert len({sessions.new_word() for _ in range(100)}) == 100 and sessions.is_word(sessions.new_word())


def test_a_damaged_index_begins_anew_and_names_no_path(tmp_path: Path) -> None:
    store = Sessions(tmp_path)
    store.add(WORD, (upload("a", b"sky"), b"sky"))
    index = index_of(tmp_path, WORD)
    index.write_text(
        json.dumps({"format": 1, "choices": {}, "uploads": [{"name": "x", "label": "x", "sha256": "../x"}]})
    )
    assert store.load(WORD) == ([], {})
    index.write_text("{")
    assert store.load(WORD) == ([], {})


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("one", "two"):
        tiny_checkpoint.save(tmp_path / "checkpoints" / name)
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_SESSIONS", str(tmp_path / "sessions"))
    return tmp_path / "sessions"


def visit(**query: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception and not page.error
    return page


def test_a_link_holds_what_was_chosen_and_can_be_withdrawn(tmp_path: Path) -> None:
    store = Sessions(tmp_path)
    both = [upload("a.fits", b"sky"), upload("b.fits", b"other")]
    store.add(WORD, (both[0], b"sky"), (both[1], b"other"))
    link = store.share(WORD, {(both[1].sha256, "b.fits")}, {"stretch": "log"})
    assert sessions.is_link(link) and not sessions.is_link(WORD)
    assert not any(sessions.is_link(sessions.new_word()) for _ in range(100))
    guest = "C" * 32
    store.add(guest, (upload("c.fits", b"own"), b"own"))
    store.choose(guest, {"stretch": "linear", "opacity": 0.3, "readings": {"c": {}}})
    store.copy(link, guest)
    found, choices = store.load(guest)
    assert {each.name for each, _ in found} == {"b.fits", "c.fits"}  # not a.fits, and the own ones stay
    assert choices == {"stretch": "log", "opacity": 0.3, "readings": {"c": {}}}
    store.withdraw(WORD)
    store.withdraw(link)
    assert not store.knows(link) and store.knows(WORD) and len(store.load(guest)[0]) == 2


def dropped(*names: str) -> AppTest:
    page = visit()
    for number, name in enumerate(names):
        page.file_uploader[0].upload(name, sorted((ROOT / "examples").glob("*.fits"))[number].read_bytes())
    return page.run()


def test_a_link_opens_the_file_and_the_choices_that_were_shared(shelf: Path) -> None:
    assert not visit().error and not shelf.exists()  # a mere visit leaves nothing
    page = dropped("mine <b>.fits", "secret.fits")
    page.selectbox(key="checkpoint").select("two").run()
    page.toggle(key="display").set_value(True).run()
    page.segmented_control(key="stretch").set_value("log").run()
    first = page.session_state["session_word"]
    page.button(key="link_make").click().run()
    address = page.code[0].value.partition("?")[2]
    assert address.startswith("view=") and first not in address
    other = visit(view=address.removeprefix("view="))
    assert other.session_state["session_word"] != first and "view" not in other.query_params
    assert other.subheader[0].value.replace("\\", "") == "mine <b>.fits"
    assert [entry.name for entry in other.session_state["uploads"].values()] == ["mine <b>.fits"]
    assert other.selectbox(key="checkpoint").value == "two"
    if not other.toggle(key="display").value:
        other.toggle(key="display").set_value(True).run()
    assert other.segmented_control(key="stretch").value == "log"
    assert not other.warning
    other.button(key="forget").click().run()  # the copy's own
    assert not other.error
    page.button(key="link_withdraw").click().run()
    gone = "What this link opened is not kept here any more"
    for word in (address.removeprefix("view="), first, "view_" + "B" * 27, "../x"):  # a session is no link
        assert visit(view=word).warning[0].value.startswith(gone)


def test_a_drop_that_another_event_cuts_off_is_taken_after_all(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit 1.67 ends a run at an access to the session state; a callback that is cut off is not called again."""
    cuts = {"left": 1}

    def cut(word: object) -> None:
        if cuts["left"]:
            cuts["left"] -= 1
            raise RerunException(RerunData())

    monkeypatch.setattr("ui.state._bound", cut)
    page = dropped("a.fits", "b.fits")
    assert cuts["left"] == 0 and not page.exception
    assert [entry.name for entry in page.session_state["uploads"].values()] == ["b.fits", "a.fits"]
    assert len(visit_again(page).session_state["uploads"]) == 2


def visit_again(page: AppTest) -> AppTest:
    """The same browser after F5: its cookie holds the word."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.state._cookie", lambda: page.session_state["session_word"])
        return visit()


def test_a_cutout_of_a_data_set_comes_back_until_it_is_forgotten(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_set.make(tmp_path / "data" / "blobs", count=4)
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    page = dropped("a.fits")
    page.switch_page("pages/data.py").run()
    page.button(key="data_explore").click().run()
    page.switch_page("pages/explore.py").run()
    assert not page.exception and page.subheader[0].value.replace("\\", "") == "long/000.npy"
    page.toggle(key="display").set_value(True).run()
    again = visit_again(page)
    assert again.subheader[0].value.replace("\\", "") == "long/000.npy" and again.toggle(key="display").value
    assert [each.kind for each in again.session_state["uploads"].values()] == ["upload", "data set"]
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "elsewhere"))
    left = visit_again(page)  # the folder is open no more
    assert [each.kind for each in left.session_state["uploads"].values()] == ["upload"] and left.warning
    again.button(key="forget").click().run()
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    assert not visit_again(page).session_state["uploads"]


def test_regions_over_the_sky_come_back_until_they_are_forgotten(shelf: Path) -> None:
    page = dropped("a.fits")
    page.session_state["over_the_sky"] = True
    page.run()
    region = b"# Region file format: DS9\nimage\ncircle(60,60,12)\n"
    page.file_uploader(key="layers_0").upload("mine.reg", region)
    page.run()
    assert not page.exception and [each.label.split(":")[0] for each in page.checkbox if each.key[:6] == "layer_"]
    again = visit_again(page)
    assert len(again.session_state["sky_layers"]) == 1 and len(again.session_state["uploads"]) == 1
    again.session_state["over_the_sky"] = True
    again.run()
    next(
        each for each in again.button if (each.key or "").startswith("forget_") and each.label == "Forget"
    ).click().run()
    assert not visit_again(page).session_state["sky_layers"]


def test_what_is_cut_off_while_it_is_restored_is_restored_by_the_next_run(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = dropped("a.fits")
    word, cuts = page.session_state["session_word"], {"left": 1}
    choices = state._choices

    def cut() -> str:
        if cuts["left"]:
            cuts["left"] -= 1
            raise RerunException(RerunData())
        return choices()

    monkeypatch.setattr("ui.state._cookie", lambda: word)
    monkeypatch.setattr("ui.state._choices", cut)
    again = visit()
    assert cuts["left"] == 0 and [each.name for each in again.session_state["uploads"].values()] == ["a.fits"]


def test_a_page_that_comes_back_to_a_new_server_is_drawn_at_once(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Had its first run ended before the page was drawn, the browser would have dropped what was chosen there."""
    page = dropped("a.fits")
    page.selectbox(key="checkpoint").select("two").run()
    told = page._tree.get_widget_states()
    [probe] = [each for each in page.get("bidi_component") if each.proto.id.endswith("viewport_probe")]
    told.widgets.add(id=probe.proto.id, json_value=json.dumps({"seen": "560 narrow", "back": 1}))
    monkeypatch.setattr("ui.state._cookie", lambda: page.session_state["session_word"])
    monkeypatch.setattr(ContextProxy, "headers", {"User-Agent": "a browser, so that its window is waited for"})
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    again._run(told)
    assert not again.exception and again.session_state["viewport"] == Viewport(560, narrow=True)
    assert again.subheader[0].value == "a\\.fits" and again.selectbox(key="checkpoint").value == "two"


def test_a_second_tab_takes_the_word_that_the_browser_keeps(shelf: Path) -> None:
    first, second = dropped("a.fits"), dropped("b.fits")  # both opened before there was a cookie
    word = first.session_state["session_word"]
    second.session_state["heard"] = word  # what the component hears from the browser
    second.run()
    assert second.session_state["session_word"] == word
    assert {each.name for each in second.session_state["uploads"].values()} == {"a.fits", "b.fits"}
    assert {each.name for each in visit_again(first).session_state["uploads"].values()} == {"a.fits", "b.fits"}


def test_switched_off_nothing_is_written(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_SESSIONS", "off")
    page = visit()
    page.file_uploader[0].upload("a.fits", sorted((ROOT / "examples").glob("*.fits"))[0].read_bytes())
    page.run()
    assert len(page.session_state["uploads"]) == 1 and not shelf.exists()
