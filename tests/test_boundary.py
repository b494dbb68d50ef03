"""The error boundary of the pages: one sentence and a way on for bad input, a refusing disk and a bug alike."""

from __future__ import annotations

import logging
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest

from ui import boundary

ROOT = Path(__file__).resolve().parent.parent


def app() -> None:
    import streamlit as st

    from ui import boundary
    from vlass_explorer.schema import CutoutError

    def fail(kind: str) -> None:
        if kind == "typed":
            raise CutoutError("The file is <b>bad</b>: take another.")
        if kind == "disk":
            raise PermissionError(13, "Permission denied", "/data/a.fits")
        if kind == "bug":
            raise ZeroDivisionError("division by zero")

    st.session_state.setdefault("turns", 0)
    st.session_state["turns"] += 1
    with boundary.guarded():
        kind = st.selectbox("Kind", ["good", "typed", "disk", "bug", "stop", "rerun"], key="kind")
        where = st.radio("Where", ["page", "fragment", "callback"], key="where")

        @st.fragment
        @boundary.guarded()
        def part() -> None:
            st.button("Again", key="again")
            fail(kind)
            st.caption("part drawn")

        st.button("Act", key="act", on_click=boundary.reported(fail), args=(kind,))
        if kind == "stop":
            st.stop()
        if kind == "rerun" and st.session_state["turns"] < 3:
            st.rerun()
        if where == "fragment":
            part()
        if where == "page":
            fail(kind)
        st.caption("page drawn")


def page(kind: str, where: str) -> AppTest:
    found = AppTest.from_function(app).run()
    found.radio(key="where").set_value(where)
    found.selectbox(key="kind").select(kind).run()
    if where == "callback":
        found.button(key="act").click().run()
    assert not found.exception
    return found


def said(found: AppTest) -> list[str]:
    return [error.value.replace("\\", "") for error in found.error]


@pytest.mark.parametrize("where", ["page", "fragment", "callback"])
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("typed", "The file is <b>bad</b>: take another."),
        (
            "disk",
            "The file system refuses '/data/a.fits': Permission denied. Check that it is there, its permissions "
            "and its space.",
        ),
        ("bug", "The program itself failed here (ZeroDivisionError); the log of the server says where."),
    ],
)
def test_every_error_is_one_sentence_and_the_app_goes_on(
    kind: str, sentence: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = page(kind, where)
    assert said(found) == [sentence]
    assert ("page drawn" in [caption.value for caption in found.caption]) == (where != "page")
    logged = [record for record in caplog.records if record.name == "ui.boundary"]
    assert [record.levelno for record in logged] == {"typed": [], "disk": [logging.WARNING], "bug": [logging.ERROR]}[
        kind
    ]
    assert all(record.exc_info for record in logged)  # with its traceback
    found.selectbox(key="kind").select("good").run()
    assert not found.exception and not found.error
    assert "page drawn" in [caption.value for caption in found.caption]


@pytest.mark.parametrize("kind", ["stop", "rerun"])
def test_requests_of_streamlit_are_no_errors(kind: str) -> None:
    found = page(kind, "page")
    assert not found.error
    assert ("page drawn" in [caption.value for caption in found.caption]) == (kind == "rerun")


def test_a_bug_says_what_can_be_left_behind() -> None:
    found = page("bug", "page")
    assert "Another file, checkpoint or page may work." in found.caption[0].value
    (way_out,) = found.get("html")
    # A new browser session at the root of the app: what is in the browser's widgets is left, too.
    assert way_out.proto.body == '<a href="./" style="color: inherit">Forget and start again</a>'


def test_the_first_visit_waits_for_one_import_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\n\ntime.sleep(1.5)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(boundary, "HEAVY", "slow_to_import")
    monkeypatch.setattr(boundary, "loading", cache(boundary.loading.__wrapped__))
    said: list[str] = []
    monkeypatch.setattr(DeltaGenerator, "markdown", lambda self, text: said.append(text))

    def visit() -> None:
        from ui import boundary

        boundary.opening()

    page = AppTest.from_function(visit, default_timeout=30).run()
    assert not page.exception and not page.title and "slow_to_import" in sys.modules
    assert [text for text in said if "Loading PyTorch" in text][-1].endswith("after a start: 1 s …")
    assert boundary.loading() is boundary.loading() and not boundary.loading().is_alive()
    said.clear()
    assert not page.run().exception and not said


def test_a_callback_that_is_cut_off_is_done_to_its_end_and_then_the_other_event_goes_on() -> None:
    calls, other = [], RerunException(RerunData(query_string="other"))

    def work(what: str) -> None:
        calls.append(what)
        if len(calls) < 3:
            raise other

    with pytest.raises(RerunException) as raised:
        boundary.reported(work)("a")
    assert calls == ["a"] * 3 and raised.value is other


def test_a_browser_session_has_one_thread_at_a_time() -> None:
    """With fastReruns, Streamlit 1.67 (AppSession.request_rerun) starts a second one beside it and ends callbacks."""
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["fastReruns"] is False
