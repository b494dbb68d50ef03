"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests neither use nor fill the user's cache."""
    os.environ["VLASS_EXPLORER_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real cutouts and labelled sets; the test is skipped where it is absent."""
    folder = Path(os.environ.get("VLASS_EXPLORER_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "cutouts").is_dir():
        pytest.skip(f"real data absent: set VLASS_EXPLORER_DATA to a folder that holds cutouts/ (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Root of the checkout."""
    return ROOT
