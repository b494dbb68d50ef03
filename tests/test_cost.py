"""Cost of a forward pass against closed forms."""

from __future__ import annotations

import timm
import torch
from torch import nn

from vlass_explorer.evaluation import cost
from vlass_explorer.schema import InputSpec

SPEC = InputSpec(img_size=64)


def test_flops_of_a_convolution_and_a_linear_layer() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert cost.flops(model, SPEC) == 2 * 64 * 64 * 9 * 4 + 2 * 4 * 2


def test_flops_of_a_transformer_count_its_fused_attention() -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=4, in_chans=1, img_size=64, patch_size=8).eval()
    tokens, dim, layers = 65, 192, 12
    layer = 2 * tokens * dim * dim * (3 + 1 + 4 + 4) + 2 * 2 * tokens * tokens * dim
    assert cost.flops(model, SPEC) == layers * layer + 2 * 64 * 64 * dim + 2 * dim * 4


def test_time_is_positive_and_leaves_the_model_alone() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 2)).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert cost.forward_seconds(model, SPEC, repeats=3) > 0
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
