"""Capture: bitwise logits, weights as the fused kernel uses them, nothing left behind, threads apart."""

from __future__ import annotations

import copy
import threading
from contextlib import nullcontext

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from timm.utils import AttentionExtract
from torch import Tensor, nn

from vlass_explorer.attention import Call, attention_maps, capture
from vlass_explorer.progress import Cancelled

ARCHITECTURES = {
    "class token": ("vit_tiny_patch16_224", {}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "registers": ("vit_little_patch16_reg4_gap_256", {"embed_dim": 192, "num_heads": 3}),
    "average pool": ("vit_base_patch16_gap_224", {"embed_dim": 96, "num_heads": 4}),
    "parallel block": ("vit_base_patch16_xp_224", {"embed_dim": 96, "num_heads": 3}),
    "convit": ("convit_tiny", {}),
}


def tiny(architecture: str, **options: object) -> nn.Module:
    """A random model of few patches with weights large enough for attention that is far from uniform."""
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4, img_size=64, **{"patch_size": 16, **options}).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and ("qk" in name or "in_proj" in name):
                parameter.mul_(4.0)
    return model


def image(*shape: int) -> Tensor:
    return torch.rand(shape or (1, 3, 64, 64), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("case", ARCHITECTURES)
def test_logits_are_bitwise_those_of_a_plain_pass(case: str) -> None:
    architecture, options = ARCHITECTURES[case]
    model, x = tiny(architecture, **options), image()
    with torch.no_grad():
        plain = model(x)
    logits, _ = attention_maps(model, x)
    assert torch.equal(logits, plain)


@pytest.mark.parametrize("case", [case for case in ARCHITECTURES if case != "convit"])
def test_maps_equal_hooks_on_an_unfused_copy(case: str) -> None:
    architecture, options = ARCHITECTURES[case]
    model, x = tiny(architecture, **options), image()
    unfused = copy.deepcopy(model)
    for module in unfused.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    with torch.no_grad():
        hooked = AttentionExtract(unfused, method="hook")(x)
    _, maps = attention_maps(model, x)
    assert [f"{layer.name}.attn_drop" for layer in maps.layers] == list(hooked)
    for layer, expected in zip(maps.layers, hooked.values(), strict=True):
        assert np.ptp(layer.weights) > 1e-2, "attention is uniform, the comparison is void"
        assert abs(torch.from_numpy(layer.weights[:, 0]) - expected[0]).max() <= 1e-6


def test_convit_is_the_blend_that_its_dropout_receives() -> None:
    model, x = tiny("convit_tiny"), image()
    with torch.no_grad():
        for block in model.blocks[:10]:
            block.attn.gating_param.copy_(torch.linspace(-2.0, 2.0, block.attn.num_heads))
        hooked = AttentionExtract(copy.deepcopy(model), method="hook", hook_type="forward_pre")(x)
        with capture() as calls:
            model(x)
    _, maps = attention_maps(model, x)
    assert len(calls) == 22 and len(maps.layers) == 12
    assert [layer.weights.shape[-1] for layer in maps.layers] == [16] * 10 + [17] * 2
    for layer, expected in zip(maps.layers, hooked.values(), strict=True):
        received = expected[0] if isinstance(expected, tuple) else expected
        assert abs(torch.from_numpy(layer.weights) - received.reshape(layer.weights.shape)).max() <= 1e-6


@pytest.mark.parametrize("case", ARCHITECTURES)
def test_rows_sum_to_one_and_maps_are_float32(case: str) -> None:
    architecture, options = ARCHITECTURES[case]
    _, maps = attention_maps(tiny(architecture, **options), image())
    for layer in maps.layers:
        assert layer.weights.dtype == "float32"
        assert abs(layer.weights.astype("float64").sum(-1) - 1.0).max() <= 1e-6


MASK = torch.tensor([[True, False, True], [True, True, True], [False, False, True]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 0.7},
        {"is_causal": True},
        {"attn_mask": MASK},
        {"attn_mask": torch.tensor([[0.0, -1.0, 2.0], [0.5, 0.0, -torch.inf], [3.0, 0.0, 0.0]])},
        {"attn_mask": torch.tensor([[False] * 3, [True] * 3, [True] * 3])},
    ],
    ids=["plain", "scale", "causal", "bool mask", "added mask", "a query that sees nothing"],
)
def test_weights_times_values_is_what_the_kernel_returns(options: dict[str, object]) -> None:
    query, key, value = torch.randn(3, 2, 4, 3, 8, generator=torch.Generator().manual_seed(2)).unbind()
    with capture() as calls:
        result = F.scaled_dot_product_attention(query, key, value, **options)
    assert torch.allclose(calls[0].weights @ value, result, atol=1e-6)


def test_grouped_heads_share_their_keys() -> None:
    generator = torch.Generator().manual_seed(3)
    query = torch.randn(1, 4, 5, 8, generator=generator)
    key, value = torch.randn(2, 1, 2, 5, 8, generator=generator).unbind()
    with capture() as calls:
        result = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    assert torch.allclose(calls[0].weights @ value.repeat_interleave(2, dim=1), result, atol=1e-6)


def test_half_precision_and_autocast_give_float32_weights() -> None:
    query = torch.randn(1, 2, 5, 8, generator=torch.Generator().manual_seed(4))
    with capture() as calls, torch.autocast("cpu", torch.bfloat16):
        F.scaled_dot_product_attention(query.bfloat16(), query.bfloat16(), query.bfloat16())
    weights = calls[0].weights
    assert weights.dtype == torch.float32 and abs(weights.sum(-1) - 1.0).max() <= 1e-6


def test_every_way_to_call_softmax_is_seen_once() -> None:
    scores = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(5))
    ways = [
        lambda: scores.softmax(-1),
        lambda: scores.softmax(dim=3),
        lambda: torch.softmax(scores, -1),
        lambda: torch.softmax(input=scores, dim=-1),
        lambda: F.softmax(scores, dim=-1),
        lambda: nn.Softmax(dim=-1)(scores),
    ]
    for way in ways:
        with capture() as calls:
            expected = way().clone()
        assert len(calls) == 1 and torch.equal(calls[0].weights, expected)
    with capture() as calls:
        scores.softmax(1)
        scores[0, 0].softmax(-1)
    assert not calls, "only softmax over the last of three or more axes is attention"


def test_work_in_place_does_not_change_the_record() -> None:
    scores = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(6))
    with capture() as calls:
        scores.softmax(-1).mul_(0.0)
    assert abs(calls[0].weights.sum(-1) - 1.0).max() <= 1e-6


def test_nothing_leaks() -> None:
    model, x = tiny("vit_tiny_patch16_224", depth=2), image()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RuntimeError), capture():
        model(torch.zeros(1, 5, 64, 64))
    _, maps = attention_maps(model, x)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(module.fused_attn for module in model.modules() if hasattr(module, "fused_attn"))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with capture() as calls:
        pass
    model(x)
    assert not calls and len(maps.layers) == 2


def test_who_raises_while_listening_is_heard_and_stops_listening() -> None:
    scores = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(7))
    heard: list[str] = []

    def stop(call: Call) -> None:
        heard.append(call.function)
        raise Cancelled

    for work in (lambda: scores.softmax(-1), lambda: F.scaled_dot_product_attention(scores, scores, scores)):
        with pytest.raises(Cancelled), capture(stop):
            work()
        work()
    assert heard == ["softmax", "scaled_dot_product_attention"]


def test_dropouts_are_heard_where_asked_and_by_those_who_ask() -> None:
    scores = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(8))
    with capture() as plain, capture(dropouts=True) as every:
        F.dropout(scores.softmax(-1), 0.5, training=False)
        with capture() as inner:
            F.dropout(scores, 0.5, training=False)
    assert [call.function for call in plain] == ["softmax"] and not inner
    assert [call.function for call in every] == ["softmax", "dropout", "dropout"]


def test_gradients_flow_as_without_listening() -> None:
    """Keys above autograd: the graph that a recorded pass builds is that of a plain one."""
    query = torch.randn(1, 2, 5, 8, generator=torch.Generator().manual_seed(9), requires_grad=True)
    found = []
    for context in (nullcontext(), capture(dropouts=True)):
        with context:
            result = F.dropout(F.scaled_dot_product_attention(query, query.softmax(-1), query), 0.5, training=False)
        found.append(torch.autograd.grad(result.square().sum(), query)[0])
    assert torch.equal(*found) and abs(found[0]).max() > 0


def test_threads_do_not_see_each_other() -> None:
    model, x = tiny("vit_tiny_patch16_224", depth=3), image()
    alone = attention_maps(model, x)[1]
    start = threading.Barrier(6)
    found: dict[int, list[Tensor]] = {}
    problems: list[BaseException] = []

    def record(index: int) -> None:
        try:
            start.wait(timeout=60)
            for _ in range(4):
                if index % 2:
                    found[index] = [torch.from_numpy(layer.weights) for layer in attention_maps(model, x)[1].layers]
                else:
                    with torch.no_grad():
                        model(x)
        except BaseException as problem:  # a thread's failure must reach the test
            problems.append(problem)

    threads = [threading.Thread(target=record, args=(index,)) for index in range(6)]
    with capture() as calls:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
    assert not problems and sorted(found) == [1, 3, 5]
    assert not calls, "a thread that records nothing saw the calls of others"
    for maps in found.values():
        assert all(torch.equal(a, torch.from_numpy(b.weights)) for a, b in zip(maps, alone.layers, strict=True))
