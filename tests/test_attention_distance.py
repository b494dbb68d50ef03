"""Attention distance against a plain loop over pairs of patches, closed forms, and ConViT's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from vlass_explorer import progress
from vlass_explorer.attention import attention_maps, distance, gated
from vlass_explorer.attention.distance import attention_distances, many_attention_distances, query_distances
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import AttentionLayer, AttentionMaps, Place, Tokens, UnsupportedError


def maps_of(weights: np.ndarray, tokens: Tokens, image_size: tuple[int, int]) -> AttentionMaps:
    layer = AttentionLayer("attn", weights.astype(np.float32), Place(tokens, tokens, tokens), len(weights))
    return AttentionMaps((layer,), "class_token", tokens.grid, tokens.prefix, np.eye(tokens.size)[0], image_size)


def test_it_is_the_sum_over_pairs_of_attention_times_distance() -> None:
    tokens = Tokens(1, (2, 3))
    weights = np.random.default_rng(0).random((2, 1, 7, 7))
    weights /= weights.sum(-1, keepdims=True)
    places = [(16.0 * (row + 0.5), 16.0 * (column + 0.5)) for row in range(2) for column in range(3)]
    expected = np.zeros(2)
    for head in range(2):
        for i, (y, x) in enumerate(places):
            for j, (v, u) in enumerate(places):
                expected[head] += weights[head, 0, 1 + i, 1 + j] * ((y - v) ** 2 + (x - u) ** 2) ** 0.5 / 6
    found = attention_distances(maps_of(weights, tokens, (32, 48)))
    assert abs(found[0] - expected).max() <= 1e-5


def test_closed_forms() -> None:
    tokens = Tokens(0, (1, 4))
    same = attention_distances(maps_of(np.eye(4)[None, None], tokens, (8, 32)))[0]
    assert same == pytest.approx([0.0])
    neighbour = np.roll(np.eye(4), 1, axis=1)[None, None]  # each looks one to the right, the last to the first
    assert attention_distances(maps_of(neighbour, tokens, (8, 32)))[0] == pytest.approx([(8 + 8 + 8 + 24) / 4])


def test_windows_look_no_further_than_their_window() -> None:
    torch.manual_seed(0)
    shape = {"img_size": 64, "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32}
    model = timm.create_model("swin_tiny_patch4_window7_224", num_classes=4, **shape).eval()
    _, maps = attention_maps(model, torch.rand(1, 3, 64, 64))
    found = attention_distances(maps)
    assert [len(each) for each in found] == [2, 2, 4, 4]
    # Stage one: 4 patches of 4 pixels a window.
    assert 0 < found[0].max() < 12 * 2**0.5 and found[2].mean() > 1.5 * found[0].mean()
    assert query_distances(maps, 1).shape == (2, 256)


def test_many_images_give_each_and_report_progress() -> None:
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=4, img_size=64, depth=2).eval()
    images = [torch.rand(1, 3, 64, 64) for _ in range(3)]
    single = [attention_distances(attention_maps(model, image)[1]) for image in images]
    seen: list[float] = []
    with progress.watch(seen.append):
        found = many_attention_distances(model, iter(images), len(images))
    assert seen == pytest.approx([1 / 3, 2 / 3, 1.0])
    for layer in range(2):
        assert found[layer].shape == (3, 3) and np.array_equal(found[layer], [each[layer] for each in single])
    with pytest.raises(ValueError, match="no image"):
        many_attention_distances(model, [])


def test_gates_of_convit_equal_timms_own_map() -> None:
    torch.manual_seed(0)
    shape = {"img_size": 64, "depth": 3, "local_up_to_layer": 2}
    model = timm.create_model("convit_tiny", num_classes=4, **shape).eval()
    x = torch.rand(1, 3, 64, 64)
    layers = gated.gated_layers(model, x)
    assert [each.name for each in layers] == ["blocks.0.attn", "blocks.1.attn"]
    with torch.no_grad():
        tokens = model.patch_embed(x) + model.pos_embed
        distance, mixed = model.blocks[0].attn.get_attention_map(model.blocks[0].norm1(tokens), return_map=True)
    first = layers[0]
    gate = first.gate[:, None, None]
    assert abs((1 - gate) * first.content + gate * first.position - mixed.numpy()).max() <= 1e-6
    assert abs(first.nonlocality - distance.numpy()).max() <= 1e-5
    assert first.content.shape == (4, 16, 16) and np.allclose(first.position.sum(-1), 1.0, atol=1e-6)
    with pytest.raises(UnsupportedError, match="ConViT"):
        gated.gated_layers(timm.create_model("resnet18", num_classes=4), x)


def test_the_last_layer_is_the_last_in_which_patches_ask() -> None:
    torch.manual_seed(0)
    model = timm.create_model("cait_xxs24_224", img_size=64, depth=2, num_classes=4).eval()
    answer = EXPLAINERS["attention_distance"].explain(model, torch.randn(1, 3, 64, 64), 0)
    assert answer.numbers["layer"] == "blocks.1.attn" and np.isfinite(answer.maps).all()
    assert distance.supports(model) == (True, "")
    nobody = timm.create_model("xcit_nano_12_p16_224", depth=1, num_classes=4)
    applies, reason = distance.supports(nobody)
    assert not applies and "class token alone" in reason
