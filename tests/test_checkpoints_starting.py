"""What a run takes over from the checkpoint it starts from: on a command line, in a YAML file, in the model's input."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tiny_checkpoint
import tiny_set
import torch

from train.__main__ import configuration, parser
from train.checks import check
from train.fit import run as train
from vlass_explorer import checkpoints, datasets, preprocess, recipes, runs
from vlass_explorer.datasets import DataSet, Item
from vlass_explorer.launchers import local
from vlass_explorer.learning.data import load
from vlass_explorer.schema import CheckpointError, InputSpec, RunConfig

SPEC = InputSpec(
    stretch="asinh",
    clip_sigma=5.0,
    softening=7.0,
    percentiles=(1.0, 99.0),
    field_of_view=90.0,
    field_of_view_pixels=20,
    normalisation="field",
    nan_fill=-0.5,
    img_size=32,
    in_chans=1,
    mean=(0.2,),
    std=(0.4,),
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A data set and an MLP-headed checkpoint whose input differs from the defaults in everything."""
    with tiny_set.place(tmp_path) as folder:
        arguments = {**tiny_checkpoint.ARGS, "mlp_head": True}
        model = checkpoints.create("vit_tiny_patch16_224", 2, arguments)
        tiny_checkpoint.save(
            folder / "checkpoints" / "parent",
            model,
            model_args=arguments,
            label_names=tiny_set.CLASSES,
            input_spec=SPEC,
        )
        yield folder


def told(*words: str) -> RunConfig:
    return configuration(parser().parse_args(["fit", *words]))


def test_a_command_takes_over_what_it_does_not_say(place: Path) -> None:
    config = told("weights=parent", "field_of_view_pixels=30", "normalisation=crop")
    assert (config.architecture, config.head, config.patch_size) == ("vit_tiny_patch16_224", "mlp", 8)
    assert (config.stretch, config.field_of_view, config.img_size) == ("asinh", 90.0, 32)
    assert (config.field_of_view_pixels, config.normalisation) == (30, "crop")  # the second is the default, yet given
    assert told("weights=none").stretch == "sqrt"
    with pytest.raises(CheckpointError, match="parent"):
        told("weights=parant")
    assert told("weights=fold-{fold}").stretch == "sqrt"  # made later, fold by fold


def test_the_command_that_a_page_shows_makes_the_same_run(place: Path) -> None:
    """Also where a choice is the default again, which the checkpoint has otherwise."""
    for config in (told("weights=parent"), replace(told("weights=parent"), stretch="sqrt", head="simple")):
        words = shlex.split(local.command_line(config))[4:]
        assert told(*words) == config
        text = recipes.to_yaml(config, differences=True)
        assert checkpoints.with_inherited(lambda base, text=text: recipes.from_yaml(text, base=base)) == config


@pytest.mark.parametrize("weights", ["parent", "file"])
def test_the_tuned_model_sees_the_pixels_of_its_parent(place: Path, weights: str) -> None:
    """A cutout with noise and blanks, which all that no option says acts on."""
    card = checkpoints.find("parent")
    named = "parent" if weights == "parent" else str(card.path / checkpoints.WEIGHTS)
    words = [f"weights={named}", f"data_dir={place / 'data'}", "split=random", "device=cpu", "name=tuned", "epochs=1"]
    run = runs.create(told(*words, "batch_size=16"))
    assert train(run.path) == 0, runs.read(run.path).reason
    tuned = checkpoints.find("tuned")
    kept = {key: asdict(tuned.input_spec)[key] for key in asdict(SPEC) if key not in ("unit", "survey", "simulated")}
    assert kept == {key: asdict(SPEC)[key] for key in kept}
    pixels = np.random.default_rng(0).normal(0.0, 1.0, (40, 40)).astype(np.float32)
    pixels[15:18, 15:25] = np.nan
    pixels[20, 20] = 50.0
    cutout = datasets.items.array_cutout("x", pixels)
    assert torch.equal(preprocess.to_tensor(cutout, tuned.input_spec), preprocess.to_tensor(cutout, card.input_spec))
    assert tuned.model_args == card.model_args
    assert tuned.provenance.started_from == "parent" and tuned.provenance.started_from_sha256 == card.sha256


def test_another_stretch_is_measured_anew_and_told(place: Path) -> None:
    words = ["weights=parent", f"data_dir={place / 'data'}", "split=random", "device=cpu", "stretch=linear"]
    data = load(told(*words), lambda: None)
    assert data.spec.mean != SPEC.mean and data.spec.nan_fill == -0.5 and data.spec.clip_sigma == 5.0
    found = check(told(*words), read=False, steps=False)
    assert any("parent was trained with another stretch" in sentence for sentence in found["warnings"])
    found = check(told(*words[:-1]), read=False, steps=False)
    assert not any("trained with another" in sentence for sentence in found["warnings"])


def test_units_and_colours_are_as_the_parent_knows_them() -> None:
    def passed_on(spec: InputSpec, **facts: object) -> InputSpec:
        data = DataSet("x", (Item("i", 0, lambda: pytest.fail("read")),), ("a", "b"), **facts)
        return datasets.input_spec(data, RunConfig(in_chans=3), start=spec)

    start = InputSpec(in_chans=3, unit="Jy/beam", survey="FIRST", beam_arcsec=(5.4, 5.4))
    own = passed_on(start, unit="mJy/beam", survey="VLASS", beam_arcsec=(3.0, 2.5), colour=True)
    assert (own.unit, own.colour) == ("Jy/beam", False)
    assert (own.survey, own.beam_arcsec) == ("VLASS", (3.0, 2.5))  # of the data it is trained on now
    assert passed_on(start, unit="K").unit == "K" and passed_on(replace(start, colour=True), colour=False).colour


def test_a_bare_file_starts_a_run_and_is_named_by_its_hash(place: Path) -> None:
    """As RunConfig promises: weights of timm without a card, whose head has other classes."""
    source = checkpoints.create("test_vit", 7, {"in_chans": 3})
    path = place / "weights.safetensors"
    safetensors.torch.save_file(source.state_dict(), path)
    words = tiny_set.words(place / "data", weights=path, architecture="test_vit", img_size=32, epochs=1, tune="head")
    run = runs.create(told(*words))
    assert train(run.path) == 0, runs.read(run.path).reason
    card = checkpoints.find("tiny")
    assert card.provenance.started_from == "weights.safetensors" and len(card.provenance.started_from_sha256) == 64
    given, kept = source.state_dict()["blocks.0.mlp.fc1.weight"], checkpoints.load(card).blocks[0].mlp.fc1.weight
    assert torch.equal(kept, given.half().float())
