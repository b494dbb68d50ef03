"""Rollout against an independent float64 product of whole matrices, closed forms and symmetries."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from vlass_explorer.attention import attention_maps, has_readout, layer_map, rollout, token_rollout
from vlass_explorer.explainers import attention_rollout
from vlass_explorer.schema import AttentionLayer, AttentionMaps, Place, Tokens, UnsupportedError

GRID = (3, 4)


def maps_of(weights: list[np.ndarray], prefix: int, readout: np.ndarray, grid: tuple[int, int] = GRID) -> AttentionMaps:
    """Layers over all tokens; one that lacks the prefix tokens is smaller by them."""
    layers = []
    for index, each in enumerate(weights):
        tokens = Tokens(each.shape[-1] - grid[0] * grid[1], grid)
        place = Place(tokens, tokens, tokens)
        layers.append(AttentionLayer(f"blocks.{index}.attn", each[:, None].astype(np.float32), place, len(each)))
    return AttentionMaps(tuple(layers), "class_token", grid, prefix, readout.astype(np.float32), (48, 64))


def random_maps(prefix: int, late: int = 0, pooled: bool = False, layers: int = 6) -> AttentionMaps:
    """Random sharp attention; the first ``late`` layers lack the prefix tokens."""
    generator = np.random.default_rng(prefix + 10 * late)
    patches = GRID[0] * GRID[1]
    weights = []
    for index in range(layers):
        tokens = patches + (0 if index < late else prefix)
        scores = np.exp(generator.normal(0.0, 2.0, (5, tokens, tokens)))
        weights.append(scores / scores.sum(-1, keepdims=True))
    readout = np.zeros(prefix + patches)
    if pooled:
        readout[prefix:] = 1 / patches
    else:
        readout[: min(prefix, 2)] = 1 / min(prefix, 2)
    return maps_of(weights, prefix, readout)


def reference(maps: AttentionMaps, fusion: str, discard: float, query: int | None) -> np.ndarray:
    """Whole matrices in float64, last layer times ... times first, as the paper multiplies them."""
    size = maps.readout.size
    start = maps.readout.astype(np.float64)
    if query is not None:
        start = np.eye(size)[maps.prefix_tokens + query]
    single = start.astype(bool).sum() < GRID[0] * GRID[1]
    product = np.eye(size)
    for layer in maps.layers:
        heads = layer.weights[:, 0].astype(np.float64)
        fused = {"mean": heads.mean(0), "max": heads.max(0), "min": heads.min(0)}[fusion]
        lifted = np.zeros((size, size))
        absent = size - len(fused)
        for rank, index in enumerate(np.argsort(fused, axis=None)):
            i, j = np.unravel_index(index, fused.shape)
            read = single and (start[i + absent] > 0 or start[j + absent] > 0)
            if rank < int(discard * fused.size) and not read:
                fused[i, j] = 0.0
        lifted[absent:, absent:] = fused
        lifted += np.eye(size)
        product = (lifted / lifted.sum(1, keepdims=True)) @ product
    return start @ product


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("discard", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("query", [None, 7])
@pytest.mark.parametrize(
    "maps",
    [
        random_maps(1),
        random_maps(2),
        random_maps(5),
        random_maps(0, pooled=True),
        random_maps(1, late=4),
        random_maps(1, pooled=True),
    ],
    ids=["class token", "distilled", "registers", "average pool", "late class token", "class token, average pool"],
)
def test_row_vector_equals_the_product_of_whole_matrices(
    maps: AttentionMaps, fusion: str, discard: float, query: int | None
) -> None:
    expected = reference(maps, fusion, discard, query)
    found = token_rollout(maps, head_fusion=fusion, discard_ratio=discard, query=query)
    assert abs(found - expected).max() <= 2e-6
    assert np.ptp(expected) > 1e-3, "the reference is uniform, the comparison is void"
    picture = rollout(maps, head_fusion=fusion, discard_ratio=discard, query=query)
    assert abs(picture - expected[maps.prefix_tokens :].reshape(GRID)).max() <= 2e-6
    assert found.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "convit_tiny"])
def test_rollout_of_a_model_equals_the_reference(architecture: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4, img_size=(48, 48)).eval()
    _, maps = attention_maps(model, torch.rand(1, 3, 48, 48))
    size = maps.readout.size
    product = np.eye(size)
    for layer in maps.layers:
        lifted = np.eye(size)
        absent = size - layer.weights.shape[-1]
        lifted[absent:, absent:] += layer.weights[:, 0].astype(np.float64).mean(0)
        product = lifted / lifted.sum(1, keepdims=True) @ product
    expected = (maps.readout.astype(np.float64) @ product)[maps.prefix_tokens :].reshape(3, 3)
    assert abs(rollout(maps) - expected).max() <= 2e-6


def test_one_pass_gives_what_two_do() -> None:
    torch.manual_seed(0)
    model, x = (
        timm.create_model("vit_tiny_patch16_224", num_classes=4, img_size=(48, 48)).eval(),
        torch.rand(1, 3, 48, 48),
    )
    logits, found = attention_rollout.with_logits(model, x)
    with torch.inference_mode():
        assert torch.equal(logits, model(x))
    apart = attention_rollout.explain(model, x, 0)
    assert np.array_equal(found.maps, apart.maps) and found.numbers == apart.numbers and found.caption == apart.caption


def test_identity_attention_stays_where_it_starts() -> None:
    maps = maps_of([np.eye(13)[None].repeat(2, 0)] * 4, 1, np.eye(13)[0])
    assert not rollout(maps).any()
    assert np.array_equal(rollout(maps, query=5).ravel(), np.eye(12)[5])


def test_uniform_attention_gives_the_closed_form() -> None:
    layers, size = 4, 13
    maps = maps_of([np.full((3, size, size), 1 / size)] * layers, 1, np.eye(size)[0])
    # Half of what is left stays at every layer: 2^-L on the start, the rest even.
    kept = 0.5**layers
    expected = np.full(size, (1 - kept) / size)
    expected[0] += kept
    assert np.allclose(token_rollout(maps), expected, atol=1e-6)
    assert np.allclose(token_rollout(maps, discard_ratio=0.9), expected, atol=1e-6), "equal links are all kept"


def test_two_tokens_by_hand() -> None:
    maps = maps_of(
        [np.array([[[0.0, 1.0], [0.5, 0.5]]]), np.array([[[0.4, 0.6], [1.0, 0.0]]])], 1, np.eye(2)[0], (1, 1)
    )
    # Layer 2 from the class token: (0.7, 0.3). Layer 1: rows (0.5, 0.5) and (0.25, 0.75).
    assert np.allclose(token_rollout(maps), [0.7 * 0.5 + 0.3 * 0.25, 0.7 * 0.5 + 0.3 * 0.75], atol=1e-7)
    assert np.allclose(layer_map(maps, -1), [[0.6]])


@pytest.mark.parametrize("axis", [0, 1])
def test_flipped_tokens_give_a_flipped_map(axis: int) -> None:
    maps = random_maps(1)
    order = np.concatenate([[0], 1 + np.flip(np.arange(12).reshape(GRID), axis).ravel()])
    flipped = maps_of([layer.weights[:, 0][:, order][:, :, order] for layer in maps.layers], 1, maps.readout)
    for options in ({}, {"head_fusion": "max", "discard_ratio": 0.5}):
        assert np.allclose(rollout(flipped, **options), np.flip(rollout(maps, **options), axis), atol=1e-6)
    assert np.allclose(layer_map(flipped, 2, 1), np.flip(layer_map(maps, 2, 1), axis), atol=1e-7)


def test_flipped_image_gives_a_flipped_map() -> None:
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=4, img_size=64, depth=2, pos_embed="none").eval()
    with torch.no_grad():
        model.patch_embed.proj.weight.copy_((lambda w: (w + w.flip(-2)) / 2)(model.patch_embed.proj.weight))
    x = torch.rand(1, 3, 64, 64)
    up, down = (rollout(attention_maps(model, image)[1]) for image in (x, x.flip(-2)))
    assert np.allclose(down, up[::-1], atol=1e-6) and not np.allclose(down, up, atol=1e-6)


def test_layer_map_is_the_row_of_the_matrix() -> None:
    maps = random_maps(2)
    weights = maps.layers[3].weights[:, 0]
    assert np.allclose(layer_map(maps, 3, 4), (weights[4, :2].mean(0))[2:].reshape(GRID), atol=1e-7)
    assert np.allclose(layer_map(maps, -3), weights[:, :2].mean((0, 1))[2:].reshape(GRID), atol=1e-7)
    assert np.allclose(layer_map(maps, 3, 4, query=6), weights[4, 8, 2:].reshape(GRID), atol=1e-7)
    assert np.allclose(layer_map(maps, 3, query=6), weights[:, 8, 2:].mean(0).reshape(GRID), atol=1e-7)


def test_before_the_class_token_joins_the_mean_over_patches_stands_in() -> None:
    maps = random_maps(1, late=4)
    assert [has_readout(maps, layer) for layer in range(6)] == [False] * 4 + [True] * 2
    assert np.allclose(layer_map(maps, 0, 2), maps.layers[0].weights[2, 0].mean(0).reshape(GRID), atol=1e-7)
    assert np.allclose(layer_map(maps, 0, 2, query=3), maps.layers[0].weights[2, 0, 3].reshape(GRID), atol=1e-7)


def test_discarding_spares_the_row_and_column_of_the_readout() -> None:
    weights = np.full((1, 13, 13), 0.08)
    weights[0, 0], weights[0, :, 0] = 0.001, 0.001
    weights[0, 0, 0] = 1 - 12 * 0.001
    plain, pruned = (rollout(maps_of([weights], 1, np.eye(13)[0]), discard_ratio=ratio) for ratio in (0.0, 0.1))
    assert np.allclose(plain, pruned) and plain.min() > 0


def test_asking_changes_nothing() -> None:
    maps = random_maps(1)
    before = [layer.weights.copy() for layer in maps.layers], maps.readout.copy()
    first = rollout(maps, head_fusion="max", discard_ratio=0.5)
    assert np.array_equal(first, rollout(maps, head_fusion="max", discard_ratio=0.5))
    assert all(np.array_equal(a, b.weights) for a, b in zip(before[0], maps.layers, strict=True))
    assert np.array_equal(before[1], maps.readout)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda maps: rollout(maps, discard_ratio=1.0), "discard ratio"),
        (lambda maps: rollout(maps, head_fusion="median"), "median"),
        (lambda maps: rollout(maps, query=12), "no patch 12"),
        (lambda maps: rollout(maps, query=-1), "no patch -1"),
        (lambda maps: layer_map(maps, 6), "no layer 6"),
        (lambda maps: layer_map(maps, 0, 5), "no head 5"),
        (lambda maps: layer_map(maps, 0, 0, 12), "no patch 12"),
    ],
)
def test_options_out_of_range_are_told(call, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        call(random_maps(1))
