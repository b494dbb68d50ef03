"""CrossViT: two sets of patches on one map, against dense float64 matrices and against the model's own Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from benchmarks.attention_coverage import sharpen
from tests.dense.branches import dense_branches, shared
from vlass_explorer.attention import attention_gradients, attention_maps, distance, layer_map, rollout, token_rollout
from vlass_explorer.attention.graph import halved
from vlass_explorer.attention.rollout import stochastic
from vlass_explorer.attention.walk import spread, step
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import UnsupportedError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")

X = torch.randn(1, 3, 72, 72, generator=torch.Generator().manual_seed(1))
SINGLE = "blocks.0.fusion.0.0.attn"


def build(**options: object) -> nn.Module:
    """Small patches on a 6 x 6 grid, large ones on 4 x 4."""
    torch.manual_seed(0)
    shape = {"img_size": 72, "depth": ((1, 2, 1), (1, 1, 1)), "embed_dim": (48, 96), "num_heads": (3, 3)}
    model = timm.create_model("crossvit_tiny_240", num_classes=4, **{**shape, **options}).eval()
    sharpen(model, 6.0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".wq." in name or ".wk." in name:
                parameter.mul_(6.0)
    return model


@pytest.mark.parametrize("pooling", ["token", "avg"])
@pytest.mark.parametrize("depth", [((1, 2, 1), (1, 1, 1)), ((1, 2, 0),)])
def test_rollout_equals_dense_matrices_and_logits_stay(pooling: str, depth: tuple[tuple[int, ...], ...]) -> None:
    model = build(global_pool=pooling, depth=depth)
    with torch.no_grad():
        plain = model(X)
    logits, maps = attention_maps(model, X)
    assert torch.equal(logits, plain) and maps.grid == (6, 6) and maps.prefix_tokens == 2
    names, expected = dense_branches(model, X, "first" if pooling == "token" else "patches")
    tokens = token_rollout(maps)
    assert names == [layer.name for layer in maps.layers]
    assert abs(tokens - expected).max() <= 2e-6 and tokens.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.ptp(tokens[2:]) * tokens.size > 0.1, "it is not even"


def test_the_graph_joins_the_tokens_that_the_model_joins() -> None:
    """Where the derivative of a token after a stage by one before it is not 0, and only there, attention flows."""
    model = build(depth=((1, 1, 1),))
    _, maps = attention_maps(model, X)
    tokens = maps.layers[0].place.before
    assert SINGLE in [layer.name for layer in maps.layers] and tokens.size == 2 + 36 + 16
    rows = np.eye(tokens.size)
    for layer in reversed(maps.layers):
        matrix = np.maximum(layer.weights.mean(0), 1e-6)
        rows = np.stack([step(row, layer.place, matrix, stochastic()) for row in rows])
    given = [torch.randn(1, 37, 48, requires_grad=True), torch.randn(1, 17, 96, requires_grad=True)]
    # Class tokens first, then the patches of both branches, as in the graph.
    after = [out[0, place] for place in (slice(0, 1), slice(1, None)) for out in model.blocks[0](given)]
    depends = np.zeros((tokens.size, tokens.size), bool)
    for number, token in enumerate(torch.cat([each.sum(-1) ** 2 for each in after])):
        found = torch.autograd.grad(token, given, retain_graph=True, allow_unused=True)
        slopes = [torch.zeros_like(x) if each is None else each for x, each in zip(given, found, strict=True)]
        moved = [each[0, place].abs().sum(-1) for place in (slice(0, 1), slice(1, None)) for each in slopes]
        depends[number] = torch.cat(moved).numpy() > 0
    assert np.array_equal(rows > 0, depends) and not depends.all()


def test_each_layer_is_drawn_from_the_class_token_or_patch_of_its_branch() -> None:
    model = build()
    _, maps = attention_maps(model, X)
    for index, layer in enumerate(maps.layers):
        asks = layer.place.query_index[0].tolist()
        branch = asks[0]
        weights = layer.weights[:, 0].mean(0).astype(np.float64)
        if "fusion" in layer.name:
            branch = 1 - branch
        expected = weights[0, 1:].reshape((6, 6) if branch == 0 else (4, 4))
        assert np.allclose(layer_map(maps, index), shared(expected, (6, 6)), atol=1e-6)
        if "fusion" not in layer.name:  # row 5, column 4 of the small patches lies in row 3, column 2 of the large
            patch = 1 + (5 * 6 + 4 if branch == 0 else 3 * 4 + 2)
            expected = weights[patch, 1:].reshape((6, 6) if branch == 0 else (4, 4))
            assert np.allclose(layer_map(maps, index, query=5 * 6 + 4), shared(expected, (6, 6)), atol=1e-6)
    from_patch = rollout(maps, query=5 * 6 + 4)
    assert from_patch.sum() == pytest.approx(token_rollout(maps, query=5 * 6 + 4)[2:].sum()) and from_patch[5, 4] > 0


def test_the_read_out_keeps_its_links_where_weak_ones_are_dropped() -> None:
    _, maps = attention_maps(build(depth=((1, 1, 1),)), X)
    size = maps.readout.size
    row = maps.readout.astype(np.float64)
    for layer in reversed(maps.layers):
        weights = layer.weights[:, 0].mean(0)
        asks, keys = layer.place.query_index[0], layer.place.key_index[0]
        keep = weights >= np.sort(weights, axis=None)[int(0.9 * weights.size)]
        if len(asks) > 1:
            keep[0] = keep[:, 0] = True
        matrix = np.eye(size)
        matrix[np.ix_(asks, keys)] += np.where(keep, weights, 0.0)
        row = row @ (matrix / matrix.sum(1, keepdims=True))
    expected = row[2:38].reshape(6, 6) + shared(row[38:].reshape(4, 4), (6, 6))
    assert np.allclose(rollout(maps, discard_ratio=0.9), expected, atol=1e-6)


def test_distances_are_those_between_patches_of_one_branch() -> None:
    model = build()
    _, maps = attention_maps(model, X)
    found = distance.attention_distances(maps)
    for layer, values in zip(maps.layers, found, strict=True):
        if "fusion" in layer.name:
            assert np.isnan(values).all()
            continue
        side = 6 if layer.place.query_index[0][0] == 0 else 4
        places = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2) + 0.5
        apart = np.linalg.norm(places[:, None] - places, axis=-1) * 72 / side
        assert np.allclose(values, (layer.weights[:, 0, 1:, 1:] * apart).sum(-1).mean(-1), rtol=1e-5)
    for layer in (0, 1):  # a layer of either branch
        answer = EXPLAINERS["attention_distance"].explain(model, X, 0, layer=layer)
        assert answer.maps.shape == (1, 6, 6) and np.isfinite(answer.maps).all()
        assert answer.maps.mean() == pytest.approx(found[layer].mean(), rel=0.1)


def test_gradient_methods_put_both_branches_on_the_map() -> None:
    model = build()
    found = attention_gradients(model, X, 2)
    large = [number for number, layer in enumerate(found.maps.layers) if ".blocks.1." in layer.name]
    assert large and all(np.abs(found.gradients[number]).max() > 0 for number in large)
    for method in ("gradient_rollout", "generic_relevance", "attention_rollout", "layer_attention"):
        assert EXPLAINERS[method].explain(model, X, 2).maps.shape == (1, 6, 6)


def test_cells_of_one_size_and_a_cut_last_cell_are_told_apart() -> None:
    coarse = np.arange(1.0, 17.0).reshape(4, 4)
    whole = spread(coarse.ravel(), (4, 4), (7, 7)).reshape(7, 7)
    assert np.allclose(whole, shared(coarse, (7, 7))) and whole.sum() == pytest.approx(coarse.sum())
    assert not np.allclose(whole, spread(coarse.ravel(), (4, 4), (7, 7), halved((7, 7), (4, 4))).reshape(7, 7))


def test_a_cropped_branch_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="whole image"):
        attention_maps(build(crop_scale=True), X)
