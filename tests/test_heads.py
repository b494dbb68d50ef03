"""The MLP head on every kind of classifier that timm has, layer by layer as DeepLense built it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vlass_explorer import checkpoints
from vlass_explorer.schema import CheckpointError


@pytest.mark.parametrize(
    ("architecture", "size", "heads"),
    [
        ("test_vit", 32, 1),
        ("test_convnext", 64, 1),
        ("test_efficientnet", 64, 1),
        ("test_byobnet", 64, 1),
        ("resnetv2_18", 64, 1),  # classifies by a convolution
        ("levit_128s", 224, 2),  # its classifiers normalise first
        ("crossvit_9_240", 240, 2),
        ("deit_tiny_distilled_patch16_224", 32, 2),
        ("convit_tiny", 32, 1),
        ("vlass_vision_cnn", 32, 1),
    ],
)
def test_an_mlp_stands_in_the_place_of_each_classifier(architecture: str, size: int, heads: int) -> None:
    arguments = {"in_chans": 1, "mlp_head": True}
    if size == 32:
        arguments["img_size"] = size
    model = checkpoints.create(architecture, 5, arguments).eval()
    found = checkpoints.classifiers(model)
    assert len(found) == heads and all(isinstance(head, nn.Sequential) for head in found)
    kinds = [type(layer).__name__ for layer in found[0]]
    assert kinds == ["Flatten"] + ["Linear", "PReLU", "BatchNorm1d"] * 3 + ["Linear"]
    linear = [layer for layer in found[0] if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [1024, 512, 128, 5]
    with torch.inference_mode():
        assert model(torch.zeros(2, 1, size, size)).shape == (2, 5)


def test_a_model_without_a_classifier_has_no_place_for_it() -> None:
    with pytest.raises(CheckpointError, match="no linear classifier"):
        checkpoints.create("test_vit", 0, {"mlp_head": True})
