"""What a page that explains all day relies on: nothing left behind, threads apart, autocast, bounded memory."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from vlass_explorer.attention import attention_gradients, attention_maps, relevance, rollout, token_rollout
from vlass_explorer.attention.capture import capture

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")

VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "num_heads": 3, "depth": 3, "in_chans": 1}
SWIN = {"img_size": 32, "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32, "in_chans": 1}


def vit(**more: object) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", num_classes=4, **{**VIT, **more}).eval()


def image(number: int = 0, side: int = 32) -> torch.Tensor:
    return torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(number))


def test_five_hundred_explanations_leave_nothing() -> None:
    """A tiny ViT of 5 tokens: hooks, tensors or calls kept by mistake would grow here as with any model."""
    model = vit(img_size=16, depth=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    process = psutil.Process()
    resident = 0
    for number in range(500):
        if number == 50:  # buffers of the first calls are warm
            gc.collect()
            resident = process.memory_info().rss
        if number % 5:
            rollout(attention_maps(model, image(number, 16), head_fusion="mean")[1])
        else:
            relevance.generic_relevance(attention_gradients(model, image(number, 16), number % 4))
    gc.collect()
    assert process.memory_info().rss - resident < 20e6
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    assert not any(getattr(module, name) for module in model.modules() for name in hooks)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(module.fused_attn for module in model.modules() if hasattr(module, "fused_attn"))


@pytest.mark.parametrize("architecture", ["vit", "swin"])
def test_eight_threads_give_the_maps_of_one(architecture: str) -> None:
    torch.manual_seed(0)
    swin = "swin_tiny_patch4_window7_224"
    model = vit() if architecture == "vit" else timm.create_model(swin, num_classes=4, **SWIN).eval()
    start = threading.Barrier(8)

    def work(number: int) -> tuple[np.ndarray, np.ndarray]:
        start.wait(timeout=60)
        maps = attention_maps(model, image(number), head_fusion="mean")[1]
        return token_rollout(maps), relevance.generic_relevance(attention_gradients(model, image(number), 1))

    def alone(number: int) -> tuple[np.ndarray, np.ndarray]:
        maps = attention_maps(model, image(number), head_fusion="mean")[1]
        return token_rollout(maps), relevance.generic_relevance(attention_gradients(model, image(number), 1))

    expected = [alone(number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8), timeout=120))
    for one, other in zip(expected, found, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_autocast_is_recorded_in_float32_and_changes_no_logit() -> None:
    model, x = vit(), image()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        plain = model(x)
        logits, maps = attention_maps(model, x)
    assert plain.dtype == torch.bfloat16 and torch.equal(plain, logits)
    exact = attention_maps(model, x)[1]
    for layer, reference in zip(maps.layers, exact.layers, strict=True):
        assert layer.weights.dtype == np.float32
        # Softmax in float32: rows are exact though queries and keys were rounded.
        assert abs(layer.weights.astype(np.float64).sum(-1) - 1).max() <= 1e-6
        assert abs(layer.weights - reference.weights).max() <= 5e-2


def test_gradients_under_autocast_are_finite() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = attention_gradients(vit(), image(), 2)
    assert all(np.isfinite(each).all() and abs(each).max() > 0 for each in found.gradients)


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("shape", [(1, 6, 40, 40), (2, 6, 40, 40)])
def test_heads_fused_a_few_at_a_time_are_the_heads_fused(
    fusion: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = vit(num_heads=6, depth=1)
    x = image()
    whole = attention_maps(model, x)[1].layers[0].weights
    monkeypatch.setattr("vlass_explorer.attention.recording.FEW", 2 * 17 * 17)
    fused = attention_maps(model, x, head_fusion=fusion)[1].layers[0]
    assert fused.heads == 6 and fused.weights.shape[0] == 1
    assert abs(fused.weights[0] - getattr(whole, fusion)(0)).max() <= 1e-7


def test_layers_asked_for_stay_whole() -> None:
    maps = attention_maps(vit(), image(), head_fusion="mean", whole=(1, -1))[1]
    assert [len(layer.weights) for layer in maps.layers] == [1, 3, 3]
    everything = attention_maps(vit(), image())[1]
    assert np.allclose(token_rollout(maps), token_rollout(everything), atol=1e-7)


def test_a_key_shared_by_all_heads_is_recorded_for_each() -> None:
    generator = torch.Generator().manual_seed(4)
    query = torch.randn(1, 4, 9, 8, generator=generator)
    key, value = torch.randn(1, 1, 5, 8, generator=generator), torch.randn(1, 1, 5, 8, generator=generator)
    with capture() as calls:
        F.scaled_dot_product_attention(query, key, value)
    expected = torch.softmax(query @ key.transpose(-2, -1) * 8**-0.5, -1)
    assert torch.allclose(calls[0].weights, expected, atol=1e-6)


def test_a_large_input_costs_one_matrix_a_layer() -> None:
    """1025 tokens, 8 heads, 4 layers: all heads would be 134 MB, fused maps are 17 MB."""
    model = vit(img_size=256, num_heads=8, embed_dim=64, depth=4)
    maps = attention_maps(model, image(side=256), head_fusion="mean")[1]
    assert sum(layer.weights.nbytes for layer in maps.layers) == 4 * 1025**2 * 4
    assert rollout(maps).shape == (32, 32)
