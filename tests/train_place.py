"""A Train page with folders of its own, as the tests of its form and of its launching use it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_set
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent

MEASURED = {
    "seconds_per_epoch": 3600.0,
    "seconds_in_all": 36000.0,
    "peak_memory_mib": 900.0,
    "available_memory_mib": 4096.0,
    "batch_size": 64,
    "largest_batch_size": 128,
}


class Answer:
    """A dry run that has ended."""

    is_done = True

    def __init__(self, **found: object) -> None:
        self.result = {"errors": [], "warnings": [], "notes": [], "counts": {}, "unreadable": {}, **found}


def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of its own for data, runs and checkpoints; the data set is there."""
    tiny_set.make(tmp_path / "data" / "blobs")
    for name, folder in {
        "DATA_ROOTS": "data",
        "RUNS": "runs",
        "CHECKPOINTS": "checkpoints",
        "UPLOADS": "uploads",
    }.items():
        monkeypatch.setenv(f"VLASS_EXPLORER_{name}", str(tmp_path / folder))
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "local")
    return tmp_path


def train_page(typed: dict[str, object] | None = None, **query: str) -> AppTest:
    """The page as it opens; ``typed`` is in its boxes already, where AppTest could only pick from a list."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    for key, value in (typed or {}).items():
        page.session_state[key] = value
    for key, value in query.items():
        page.query_params[key] = value
    page.switch_page("pages/train.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    parts = [*page.error, *page.warning, *page.success, *page.info, *page.caption, *page.markdown, *page.code]
    return "\n".join(str(part.value) for part in parts)
