"""A real Streamlit server with folders of its own, and a real Chromium that looks at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where a test failed: what its pages showed, since a time-out alone says little."""
    report = yield
    browser = item.funcargs.get("chromium")
    if report.failed and call.when == "call" and browser is not None:
        for page in (page for context in browser.contexts for page in context.pages):
            with contextlib.suppress(Error):
                report.sections.append((f"Page {page.url}", page.inner_text("body", timeout=5_000)))
    return report


@dataclass
class App:
    """The app as a process: its address, its own folders, and what it printed."""

    folder: Path
    data_roots: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def labels(self) -> Path:
        return self.folder / "labels"

    @property
    def log(self) -> str:
        return (self.folder / "app.log").read_text(errors="replace")

    def start(self) -> None:
        """Start on a free port (the same one again after a restart) and wait until it answers."""
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        environment = os.environ | {
            "VLASS_EXPLORER_CHECKPOINTS": str(self.checkpoints),
            "VLASS_EXPLORER_RUNS": str(self.runs),
            "VLASS_EXPLORER_LABELS": str(self.labels),
            "VLASS_EXPLORER_DATA_ROOTS": self.data_roots,
            "VLASS_EXPLORER_TRAINING": "local",
        }
        command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.headless", "true"]
        command += ["--server.address", "127.0.0.1", "--server.port", str(self.port)]
        command += ["--browser.gatherUsageStats", "false"]
        with (self.folder / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        for _ in range(240):
            if self.is_healthy():
                return
            assert self.process.poll() is None, self.log
            time.sleep(0.25)
        raise AssertionError(f"The app did not answer within a minute: {self.log}")

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                return bool(answer.read() == b"ok")
        except OSError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The running app on a copy of the checkpoints; nothing is written into the repository."""
    from vlass_explorer import checkpoints, runs
    from vlass_explorer.launchers import local

    data = Path(os.environ.get("VLASS_EXPLORER_DATA", ROOT.parent / "shared" / "data"))
    folder = tmp_path_factory.mktemp("app")
    app = App(folder, f"{data}{os.pathsep}{folder / 'data'}")
    shutil.copytree(checkpoints.folder(), app.checkpoints)
    app.start()
    yield app
    for run in runs.listing(app.runs):
        if run.is_active:
            local.kill(run)
    app.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def session(chromium: Browser, url: str, width: int = 1440, height: int = 900) -> BrowserContext:
    """A browser session of its own. Nothing moves in it: drawn without a graphics card, a spinner that turns takes a
    third of the processor time of a page from those that it waits for."""
    return chromium.new_context(
        viewport={"width": width, "height": height}, base_url=url, accept_downloads=True, reduced_motion="reduce"
    )


class Watched:
    """What must never happen on a page: a script of the user's ran, or the browser reported an error."""

    def __init__(self, page: Page) -> None:
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.errors.append(str(error)))


@pytest.fixture
def page(app: App, chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """A fresh browser session; afterwards the app is up, no Python exception is shown and no script has run."""
    context = session(chromium, app.url)
    context.set_default_timeout(60_000)
    page = context.new_page()
    watched = Watched(page)
    yield page
    if not page.is_closed():
        assert page.get_by_test_id("stException").count() == 0, page.get_by_test_id("stException").first.inner_text()
    context.close()
    assert watched.dialogs == []
    assert watched.errors == []
    assert app.is_healthy()
