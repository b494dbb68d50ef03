"""Cost of a forward pass against closed forms."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from vlass_explorer.evaluation import cost
from vlass_explorer.schema import InputSpec

SPEC = InputSpec(img_size=64)


def test_flops_of_a_convolution_and_a_linear_layer() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert cost.profile(model, cost.shape_of(SPEC), repeats=1).flops == 2 * 64 * 64 * 9 * 4 + 2 * 4 * 2


def test_flops_of_a_transformer_count_its_fused_attention() -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=4, in_chans=1, img_size=64, patch_size=8).eval()
    tokens, dim, layers = 65, 192, 12
    layer = 2 * tokens * dim * dim * (3 + 1 + 4 + 4) + 2 * 2 * tokens * tokens * dim
    assert cost.profile(model, cost.shape_of(SPEC), repeats=1).flops == layers * layer + 2 * 64 * 64 * dim + 2 * dim * 4


def test_memory_is_that_of_weights_gradients_and_what_the_backward_pass_needs() -> None:
    # By hand, in floats: the ReLUs keep their outputs; at the end the gradients of all weights are there.
    n = 1000
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, n, bias=False), nn.ReLU(), nn.Linear(n, n, bias=False), nn.ReLU())
    weights = n * 64 + n * n
    found = cost.profile(model, (1, 8, 8), repeats=1).peak_bytes / 4
    assert 2 * weights < found < 2 * weights + 64 + 8 * n
    # Activations of a convolution are held until the backward pass: one after the other adds its own.
    maps = 16 * 64 * 64
    layers = [nn.Sequential(nn.Conv2d(16, 16, 1, bias=False), nn.Sigmoid()) for _ in range(10)]
    few, many = (
        cost.profile(nn.Sequential(*layers[:count]), (16, 64, 64), repeats=1).peak_bytes / 4 for count in (5, 10)
    )
    assert many - few == pytest.approx(5 * maps, rel=0.05)  # a sigmoid keeps its output, which is the next one's input


def test_a_profile_leaves_a_shared_model_alone() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.LazyLinear(2)).eval()
    model(torch.zeros(1, 1, 64, 64))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = cost.profile(model, cost.shape_of(SPEC), repeats=3)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert min(found.forward_seconds, found.both_seconds) > 0 and found.input_shape == (1, 64, 64)
    assert found.parameters == 4 * 9 + 4 + 8 + 4 * 62 * 62 * 2 + 2
    assert found.device.startswith(f"{torch.get_num_threads()} thread")
    with torch.inference_mode():  # as on a page that has just predicted
        assert cost.profile(model, cost.shape_of(SPEC), repeats=1).flops == found.flops
