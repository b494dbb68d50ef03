"""Pictures in colour on the pages: the Data page, the look at training data, and what a colour model saw."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from test_export import CARD, explanation

from ui.training import gallery, preview
from vlass_explorer import datasets, export, preprocess
from vlass_explorer.datasets import cifar10
from vlass_explorer.datasets.items import array_cutout
from vlass_explorer.schema import InputSpec, RunConfig

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures that are all red, green or blue, so that a channel that is lost shows."""
    folder = tmp_path / "data" / "cifar"
    folder.mkdir(parents=True)
    for name in cifar10.FILES:
        records = np.zeros((20, cifar10.RECORD), np.uint8)
        records[:, 0] = np.arange(20) % 10
        for row in range(20):
            first = 1 + row % 3 * 1024
            records[row, first : first + 1024] = np.arange(1024) % 200 + 50
        (folder / name).write_bytes(records.tobytes())
    for name, place in (("DATA_ROOTS", "data"), ("RUNS", "runs"), ("CHECKPOINTS", "shelf")):
        monkeypatch.setenv(f"VLASS_EXPLORER_{name}", str(tmp_path / place))
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", "off")
    return folder


def opened(page: str, **state: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    for key, value in state.items():
        app.session_state[key] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception and not app.error, [*app.exception, *app.error]
    return app


def test_the_data_page_looks_at_a_colour_set_in_colour(cifar: Path) -> None:
    page = opened("data")
    assert page.selectbox(key="train_data").value == "cifar" and "cifar" in page.selectbox(key="train_data").options
    data = datasets.load("cifar10", cifar)
    config = gallery.default_config(data, "cifar10", str(cifar))
    assert config.in_chans == 3 and datasets.input_spec(data, config).colour


def test_a_look_at_a_colour_set_with_three_channels(cifar: Path) -> None:
    opened("train", train_way="Architecture", train_in_chans_architecture_1=3, train_look_on=True)
    config = RunConfig(dataset="cifar10", data_dir=str(cifar), in_chans=3, img_size=32, field_of_view_pixels=32)
    for sheet in (preview._montage(config, None, "")[0], preview._augmented(config, None, "")):
        tile = sheet[:32, :32].reshape(-1, 3).astype(int)  # the first cutout of the first class is red
        assert tile[:, 0].max() == 255 and tile[:, 1:].max() == 0
    grey = preview._montage(RunConfig(dataset="cifar10", data_dir=str(cifar), img_size=32), None, "")[0]
    assert grey[:32, :32, 2].max() > 0  # inferno


def test_an_exported_picture_shows_what_a_colour_model_saw_in_colour() -> None:
    spec = InputSpec(stretch="linear", img_size=32, field_of_view_pixels=32, in_chans=3, colour=True)
    colour = np.zeros((3, 32, 32), np.float32)
    colour[1] = np.linspace(0.1, 1, 1024).reshape(32, 32)
    green = array_cutout("green", colour.mean(axis=0), colour=colour)
    card = replace(CARD, input_spec=spec)
    maps = explanation(np.random.default_rng(0).random((1, 4, 4)))
    made = export.png_bytes(maps, green, export.Provenance(card, "x", card.label_names[0], {}, None))
    red, lit, blue = np.moveaxis(np.asarray(Image.open(io.BytesIO(made)).convert("RGB")).astype(int), -1, 0)
    seen = (red == 0) & (blue == 0) & (lit > 20)  # a tenth of full green and more, which no other part has
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    assert seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.9 and seen.mean() > 0.05
    assert preprocess.input_image(preprocess.to_tensor(green, spec), spec).shape == (32, 32, 3)
