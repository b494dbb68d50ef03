"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli_call import HOSTILE, Run
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LONG = ("tests/browser", "tests/test_launchers_slurm.py")
"""Parts that last for minutes: begun first, so that no worker waits for another one at the end."""


def part(nodeid: str) -> str:
    """What stays in one process: a file, and all browser tests, so that there is one Chromium at a time."""
    file = nodeid.partition("::")[0]
    return LONG[0] if file.startswith(LONG[0]) else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [part(item.nodeid) != name for name in LONG])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """``-n 2 --dist loadfile`` hands out these parts in the order above; xdist_group is void with pytest 9.2."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LoadPartScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return part(nodeid)

    config.option.loadscopereorder = False
    return LoadPartScheduling(config, log)


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


@pytest.fixture
def one_thread_inside_torch() -> Iterator[None]:
    """Sums depend on how many threads torch itself uses, and tiny models only wait for more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Root of the checkout."""
    return ROOT


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_checkpoint import save

    root = tmp_path_factory.mktemp("shelf")
    save(root / "tiny")
    return root


@pytest.fixture
def own(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shelf, as that of this process and of those it starts."""
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    return shelf


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated FITS, one of them with a hostile name, one PNG, and one text called FITS."""
    from vlass_explorer.datasets import simulated

    root = tmp_path_factory.mktemp("sky")
    for index, name in enumerate(("a.fits", "b.fits", HOSTILE)):
        simulated.write_fits(root / name, "Double Lobes", 0, index)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    Image.fromarray(pixels).save(root / "c.png")
    (root / "text.fits").write_text("not a FITS file")
    (root / "notes.txt").write_text("ignored in folders")
    (root / ".hidden.fits").write_text("ignored in folders")
    return root


@pytest.fixture
def run(own: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    from vlass_explorer.cli import main

    def call(*argv: str | Path) -> tuple[int, str, str]:
        code = main([*map(str, argv), *(("--device", "cpu") if argv[0] in ("predict", "explain", "classify") else ())])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
