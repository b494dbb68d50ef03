"""What the Train form starts from: a checkpoint passes on its input, and no file of weights outside the data roots."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_checkpoint
from streamlit.testing.v1 import AppTest
from train_place import folders, train_page

from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.schema import RunConfig


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set and two checkpoints of one architecture, one of them with an MLP head and an input of its own."""
    tiny_checkpoint.save(tmp_path / "checkpoints" / "plain")
    arguments = {**tiny_checkpoint.ARGS, "mlp_head": True}
    tiny_checkpoint.save(
        tmp_path / "checkpoints" / "special",
        tiny_checkpoint.build(mlp_head=True),
        model_args=arguments,
        input_spec=replace(tiny_checkpoint.SPEC, stretch="asinh", field_of_view=90.0),
    )
    return folders(tmp_path, monkeypatch)


def opened(**state: object) -> AppTest:
    return train_page(state)


def test_a_checkpoint_that_the_form_starts_from_passes_on_head_and_input(place: Path) -> None:
    command = opened(train_checkpoint="special").code[0].value
    for part in ("weights=special", "head=mlp", "stretch=asinh", "field_of_view=90.0", "patch_size=8", "img_size=32"):
        assert part in command.split()


def test_the_form_starts_from_the_checkpoint_that_is_looked_at(place: Path) -> None:
    assert "weights=special" in opened(checkpoint="special").code[0].value.split()
    assert "weights=plain" in opened().code[0].value.split()


def test_a_checkpoint_that_is_chosen_later_does_so_too(place: Path) -> None:
    page = opened(train_way="Architecture", train_architecture_architecture="vit_tiny_patch16_224")
    assert "weights=" not in page.code[0].value and "head=" not in page.code[0].value
    origin = "architecture_vit_tiny_patch16_224"
    page.segmented_control(key=f"train_weights_{origin}").set_value("checkpoint").run()
    page.selectbox(key=f"train_source_{origin}").set_value("special").run()
    assert not page.exception
    words = page.code[0].value.split()
    assert {"weights=special", "head=mlp", "stretch=asinh", "field_of_view=90.0", "patch_size=8"} <= set(words)
    page.selectbox(key=f"train_source_{origin}").set_value("plain").run()
    assert {"weights=plain", "head=simple", "stretch=sqrt"} <= set(page.code[0].value.split())


@pytest.mark.parametrize("inside", [True, False])
def test_weights_of_a_file_lie_below_a_data_root(place: Path, inside: bool) -> None:
    folder = place / ("data" if inside else "elsewhere")
    folder.mkdir(exist_ok=True)
    file = folder / "weights.safetensors"
    shutil.copy(place / "checkpoints" / "plain" / checkpoints.WEIGHTS, file)
    config = RunConfig(weights=str(file), architecture="vit_tiny_patch16_224", data_dir=str(place / "data" / "blobs"))
    run = runs.create(config)
    runs.write_status(run.path, phase="failed")
    page = opened(train_way="Earlier run", train_run=run.id)
    if inside:
        assert f"weights={file}" in page.code[0].value.split()
    else:
        assert "must be there and lie below" in page.error[0].value and not page.code
    page.segmented_control(key="train_way").set_value("YAML file").run()
    text = recipes.to_yaml(config, differences=True).encode()
    page.file_uploader(key="train_yaml").set_value(("run.yaml", text, "application/yaml")).run()
    assert bool(page.code) == inside and bool(page.error) != inside
