"""What a browser keeps on the server: it comes back, within bounds, and no name of a user reaches a path."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
import tiny_checkpoint
from streamlit.testing.v1 import AppTest

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
        assert store.add(WORD, upload(name, b"sky"), b"sky")
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
        store.add(WORD, each, b"sky")
    store.remove(WORD, [(both[0].sha256, "a.fits")])
    assert [each.name for each, _ in store.load(WORD)[0]] == ["b.fits"]
    store.remove(WORD, [(both[1].sha256, "b.fits")])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [sessions.INDEX]


def test_size_and_time_are_bounded(tmp_path: Path) -> None:
    store = Sessions(tmp_path, Bounds(session=4096, every=9000, days=2.0))
    words = [sessions.new_word() for _ in range(4)]
    for age, word in enumerate(words):
        content = os.urandom(3000)
        assert store.add(word, upload("a", content), content)
        assert not store.add(word, upload("b", content * 2), content * 2)  # more than a session may have
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
    store.add(WORD, upload("a", b"sky"), b"sky")
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


def test_a_link_opens_a_copy_of_uploads_and_choices(shelf: Path) -> None:
    page = visit()
    assert not shelf.exists()  # a mere visit leaves nothing
    content = sorted((ROOT / "examples").glob("*.fits"))[0].read_bytes()
    page.file_uploader[0].upload("mine <b>.fits", content)
    page.run()
    page.selectbox(key="checkpoint").select("two").run()
    page.segmented_control(key="stretch").set_value("log").run()
    first = page.session_state["session_word"]
    other = visit(session=first)
    second = other.session_state["session_word"]
    assert second != first and "session" not in other.query_params
    assert other.subheader[0].value.replace("\\", "") == "mine <b>.fits"
    assert other.selectbox(key="checkpoint").value == "two"
    assert other.segmented_control(key="stretch").value == "log"
    assert not other.warning
    other.button(key="forget").click().run()  # the copy's own
    assert len(visit(session=first).session_state["uploads"]) == 1
    assert visit(session="B" * 32).toast[0].value == "There is no session of this link any more."


def test_switched_off_nothing_is_written(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_SESSIONS", "off")
    page = visit()
    page.file_uploader[0].upload("a.fits", sorted((ROOT / "examples").glob("*.fits"))[0].read_bytes())
    page.run()
    assert len(page.session_state["uploads"]) == 1 and not shelf.exists()
