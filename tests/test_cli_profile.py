"""The command ``profile``: checkpoints, recipes and architectures in one table, and one sentence for what is none."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from cli_call import Run

from vlass_explorer import checkpoints, segmentation


def test_a_checkpoint_a_recipe_and_an_architecture_are_measured_alike(run: Run, shelf: Path) -> None:
    code, out, err = run(
        "profile", "tiny", "stn/cifar10", "stn_cnn", "vit_tiny_patch16_224", "--repeats", "1", "--json"
    )
    assert (code, err) == (0, "")
    tiny, recipe, plain, vit = json.loads(out)
    card = checkpoints.find("tiny")
    assert (tiny["parameters"], tiny["rows"]) == (card.parameters, card.input_spec.img_size)
    own = {"name", "forward_ms", "forward_backward_ms", "peak_memory_bytes"}
    assert {k: v for k, v in recipe.items() if k not in own} == {k: v for k, v in plain.items() if k not in own}
    assert (recipe["parameters"], recipe["channels"], recipe["rows"]) == (39_884, 3, 32)
    # By hand: five convolutions and four dense layers at 32 pixels, twice each multiplication.
    localisation = 8 * 3 * 49 * 26**2 + 10 * 8 * 25 * 9**2 + 160 * 32 + 32 * 6
    features = 10 * 3 * 25 * 28**2 + 20 * 10 * 25 * 10**2 + 500 * 50 + 50 * 10
    assert recipe["flops"] == 2 * (localisation + features)
    assert vit["parameters"] == 5_717_416 and vit["forward_ms"] > 0 < vit["forward_backward_ms"]
    assert vit["peak_memory_bytes"] > 2 * 4 * vit["parameters"]


def test_sizes_and_classes_can_be_asked_for(run: Run, shelf: Path) -> None:
    words = ["vit_tiny_patch16_224", "vlass-vision/cnn", "--classes", "7", "--repeats", "1", "--csv"]
    code, out, _ = run("profile", *words, "--img-size", "64")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0 and [(row["rows"], row["columns"]) for row in rows] == [("64", "64")] * 2
    assert rows[0]["parameters"] == str(5_717_416 - 993 * 193 - (196 - 16) * 192)
    code, out, err = run("profile", "resnet10t", "vlass-vision/cnn", "--repeats", "1", "--img-size", "64", "96")
    assert code == 2 and "vlass-vision/cnn is a recipe: its input is square." in err
    assert "median of 1" in out and "3×64×96" in out and "thread" in out


def test_networks_for_segmentation_take_an_encoder(run: Run, shelf: Path) -> None:
    words = ["panoptic_fpn:test_resnet", "vt_fpn:test_resnet", "--repeats", "1", "--img-size", "64", "96", "--json"]
    code, out, _ = run("profile", *words, "--classes", "5")
    fpn, tokens = json.loads(out)
    assert code == 0 and (fpn["rows"], fpn["columns"], fpn["channels"]) == (64, 96, 3)
    with torch.device("meta"):
        built = segmentation.create("vt_fpn", 5, encoder="test_resnet")
    assert tokens["parameters"] == sum(p.numel() for p in built.parameters()) > fpn["parameters"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["vt_fpn:vit_tiny_patch16_224"], "vit_tiny_patch16_224 cannot be the encoder of vt_fpn"),
        (["nonsense"], "There is no checkpoint 'nonsense'"),
        (["tiny", "--img-size", "50"], "tiny does not take 1 × 50 × 50 inputs"),
        (["stn_cnn", "--img-size", "9"], "stn_cnn cannot be built with {'img_size': (9, 9)}"),
        (["stn_cnn", "--img-size", "9", "9", "9"], "--img-size is one side, or rows and columns"),
        (["stn_cnn", "--repeats", "0"], "--repeats and --classes are at least 1."),
        (["stn_cnn", "--device", "tpu"], "device is auto, cpu, cuda, cuda:0 or mps, not 'tpu'."),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(run: Run, shelf: Path, words: list[str], said: str) -> None:
    code, out, err = run("profile", *words)
    assert code == 2 and out == "" and err.startswith(said) and len(err.splitlines()) == 1
