"""Every page, every way to break a checkpoint, a cutout, a data set or a run: one sentence, and the app goes on.

A page that does not read the kind of thing that is broken is opened beside the first way of each kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from broken import PAGES, WAYS, Broken, World, broken_world
from streamlit.testing.v1 import AppTest

from ui import state
from vlass_explorer import checkpoints

ROOT = Path(__file__).resolve().parent.parent
FIRST = {way.kind: way for way in reversed(WAYS)}
CELLS = [(way, page) for way in WAYS for page in PAGES if page in way.pages or way is FIRST[way.kind]]


class Session:
    """One browser session in one world, which goes from page to page."""

    def __init__(self, world: World, uploads: dict[str, state.Entry], way: Broken) -> None:
        self.world, self.way, self.uploads = world, way, uploads
        self.app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        self.app.session_state["uploads"] = {each.key: each for each in uploads.values()}
        self.app.session_state["trust_checks"] = []
        self.app.session_state["compare_with"] = []

    def open(self, page: str) -> None:
        """The page with everything good but for the one thing that is broken."""
        chosen, kind = self.app.session_state, self.way.kind
        if len(chosen["uploads"]) < len(self.uploads):  # forgotten on the page before
            chosen["uploads"] = {each.key: each for each in self.uploads.values()}
            self.app.run()
        chosen["readings"] = {self.uploads["bad"].key: self.way.reading} if kind == "cutout" else {}
        self._put("cutout", self.uploads["bad" if kind == "cutout" else "good"].key)
        self._put("checkpoint", "bad" if kind == "checkpoint" else "good")
        if page in ("train", "data"):
            chosen["train_data"] = "bad" if kind == "data set" else "good"
        if page == "checkpoints":
            chosen["evaluate_dir_good"] = str(self.world.root / "data" / ("bad" if kind == "data set" else "good"))
            chosen["board_cost"] = kind == "checkpoint"
        if page == "batch":
            is_one = kind == "run" and (self.world.runs / "bad" / "classify.json").exists()
            chosen["batch_run"] = "bad" if is_one else "sorted"
        if page == "runs":
            chosen["runs_chosen"] = ["bad" if kind == "run" else "good"]
        self._evaluate(page)
        self.app.switch_page(f"pages/{page}.py").run()

    def go_on(self, page: str) -> None:
        """The same page after its user chose something good."""
        if page == "explore" and self.way.kind == "cutout":
            self.app.button(key="forget_unreadable").click().run()
        elif self.way.kind == "cutout":
            self.app.selectbox(key="cutout").select(self.uploads["good"].key).run()
        elif self.way.kind == "checkpoint":
            self.app.selectbox(key="train_checkpoint" if page == "train" else "checkpoint").select("good").run()
        elif self.way.kind == "run":
            self.app.session_state["runs_chosen"] = ["good"]
            self.app.session_state["batch_run"] = "sorted"
            self.app.run()
        elif page == "checkpoints":
            self.app.session_state["evaluate_dir_good"] = str(self.world.root / "data" / "good")
            self._evaluate(page)
            self.app.run()
        else:
            self.app.selectbox(key="train_data").select("good").run()

    def _evaluate(self, page: str) -> None:
        """What a click on Evaluate leaves; AppTest cannot send the name of a folder that is not listed."""
        if page == "checkpoints" and self.way.kind == "data set":
            self.app.session_state["evaluate"] = checkpoints.find("good").sha256

    def _put(self, key: str, value: str) -> None:
        """Choose a value, unless the page in view shows that it cannot be chosen."""
        shown = next((widget for widget in self.app.selectbox if widget.key == key), None)
        if shown is None or value in shown.proto.options or value in self.app.session_state["uploads"]:
            self.app.session_state[key] = value

    @property
    def told(self) -> list[str]:
        """Sentences on what is wrong, without the escapes of Markdown."""
        parts = [*self.app.error, *self.app.warning, *self.app.info, *self.app.caption]
        return [str(part.value).replace("\\", "") for part in parts]

    @property
    def alerts(self) -> list[str]:
        return [str(part.value).replace("\\", "") for part in self.app.error]


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    world, uploads = broken_world(tmp_path_factory.mktemp("world"), request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "_examples", dict)
        for name, value in world.environment().items():
            patch.setenv(name, value)
        yield Session(world, uploads, request.param)
    torch.set_num_threads(threads)


def test_there_are_enough_cells() -> None:
    assert len(PAGES) >= 8 and len(WAYS) >= 20 and len(CELLS) >= 120
    assert {(kind, page) for kind in FIRST for page in PAGES} == {(way.kind, page) for way, page in CELLS}
    assert {path.stem for path in (ROOT / "pages").glob("*.py")} == set(PAGES)


@pytest.mark.parametrize(
    ("session", "page"), CELLS, indirect=["session"], ids=[f"{way.kind}: {way.name}-{page}" for way, page in CELLS]
)
def test_a_sentence_and_it_goes_on(session: Session, page: str, caplog: pytest.LogCaptureFixture) -> None:
    session.open(page)
    assert not session.app.exception
    assert not [record for record in caplog.records if record.name == "ui.boundary"], "a bug, or an error nobody typed"
    if page in session.way.pages:
        assert [text for text in session.told if session.way.sentence in text], session.told
        session.go_on(page)
        assert not session.app.exception
        assert not [text for text in session.alerts if session.way.sentence in text]
    if page != "explore":
        assert session.app.title, "the page is drawn"
    assert not session.alerts
