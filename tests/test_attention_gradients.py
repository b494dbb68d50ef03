"""Gradient methods against plain whole-matrix transcriptions on attention and gradients taken from an unfused copy."""

from __future__ import annotations

import copy

import networkx as nx
import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from vlass_explorer.attention import attention_gradients, attention_maps, flow, relevance
from vlass_explorer.schema import UnsupportedError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")

VIT = {"img_size": 48, "patch_size": 16, "embed_dim": 48, "num_heads": 3, "depth": 4}


SWIN = {"img_size": 32, "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32}


def vit(architecture: str = "vit_tiny_patch16_224", **more: object) -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4, **{**VIT, **more}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(3.0)
    return model


X = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(2))


def unfused(model: nn.Module, target: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Attention and gradient of each block by name, float64, from hooks on a copy without fused attention."""
    plain = copy.deepcopy(model).double()
    kept: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            output.retain_grad()
            kept[name] = output

        return hook

    for index, block in enumerate(plain.blocks):
        block.attn.fused_attn = False
        block.attn.attn_drop = nn.Dropout(0.0)
        block.attn.attn_drop.register_forward_hook(keep(f"blocks.{index}"))
    plain(X.double())[0, target].backward()
    return [
        (kept[f"blocks.{i}"].detach().numpy()[0], kept[f"blocks.{i}"].grad.numpy()[0]) for i in range(len(plain.blocks))
    ]


@pytest.mark.parametrize("target", [0, 3])
@pytest.mark.parametrize("query", [None, 4])
def test_gradient_rollout_and_relevance_equal_whole_matrices(target: int, query: int | None) -> None:
    model = vit()
    found = attention_gradients(model, X, target)
    pairs = unfused(model, target)
    size = pairs[0][0].shape[-1]
    product, relevances = np.eye(size), np.eye(size)
    for (attention, gradient), layer, mine in zip(pairs, found.maps.layers, found.gradients, strict=True):
        assert abs(layer.weights[:, 0] - attention).max() <= 1e-6
        assert abs(mine[:, 0] - gradient).max() <= 1e-5 * abs(gradient).max()
        positive = np.maximum(attention * gradient, 0).mean(0)
        whole = positive + np.eye(size)
        product = (whole / whole.sum(1, keepdims=True)) @ product
        relevances = relevances + positive @ relevances
    row = 0 if query is None else 1 + query
    assert abs(relevance.gradient_rollout(found, query) - product[row]).max() <= 1e-6
    scale = max(1.0, relevances[row].max())
    assert abs(relevance.generic_relevance(found, query) - relevances[row]).max() <= 1e-6 * scale
    assert np.ptp(product[row][1:]) > 1e-5, "the reference is uniform, the comparison is void"


def test_a_map_that_hardly_differs_from_the_residual_keeps_its_contrast() -> None:
    found = attention_gradients(vit("vit_base_patch16_gap_224"), X, 1)
    faint = tuple(gradient * 1e-5 / abs(gradient).max() for gradient in found.gradients)
    maps = found.maps
    product = relevances = np.eye(maps.grid[0] * maps.grid[1])
    for layer, gradient in zip(maps.layers, faint, strict=True):
        positive = np.maximum(layer.weights[:, 0].astype(float) * gradient[:, 0], 0).mean(0)
        product = (positive + np.eye(9)) / (1 + positive.sum(1, keepdims=True)) @ product
        relevances = relevances + positive @ relevances
    for method, whole in ((relevance.gradient_rollout, product), (relevance.generic_relevance, relevances)):
        expected = whole.mean(0)
        contrast = np.ptp(expected)
        assert 0 < contrast < 1e-4
        assert abs(method(type(found)(maps, faint, found.score)) - expected).max() <= 1e-4 * contrast


@pytest.mark.parametrize("architecture", ["levit_128s", "tiny_vit_5m_224"])
def test_what_a_model_caches_on_the_way_stays_out_of_it(architecture: str) -> None:
    """Both keep their biases in a dictionary: with a graph, a copy of the model would fail ever after."""
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4).eval()
    attention_gradients(model, torch.randn(1, 3, 224, 224), 1)
    copy.deepcopy(model)


def test_gradients_belong_to_their_own_layer() -> None:
    """With gradients in reverse order, as vit-explain pairs them, the map is another one."""
    found = attention_gradients(vit(), X, 1)
    turned = type(found)(found.maps, found.gradients[::-1], found.score)
    assert not np.allclose(relevance.gradient_rollout(found), relevance.gradient_rollout(turned), atol=1e-5)


@pytest.mark.parametrize(
    "architecture", ["vit_tiny_patch16_224", "vit_base_patch16_gap_224", "deit_tiny_distilled_patch16_224"]
)
def test_legrad_is_the_mean_of_each_layers_own_gradient(architecture: str) -> None:
    model = vit(architecture)
    values, layers = relevance.legrad(model, X, 2)
    plain = copy.deepcopy(model)
    for block in plain.blocks:
        block.attn.fused_attn = False
    expected = np.zeros(9)
    for last in range(len(plain.blocks)):
        # The model cut after this block: its own gradient is the layer's.
        cut = copy.deepcopy(plain)
        cut.blocks = cut.blocks[: last + 1]
        kept: list[Tensor] = []
        cut.blocks[last].attn.attn_drop.register_forward_hook(
            lambda m, i, o, kept=kept: (o.retain_grad(), kept.append(o))[1]
        )
        cut(X)[0, 2].backward()
        expected += kept[0].grad.clamp(min=0)[0].mean(dim=(0, 1)).numpy()[-9:]
    assert layers == 4 and abs(values.ravel() - expected / 4).max() <= 1e-6 * expected.max()
    assert np.ptp(values) > 0


SAM = {"img_size": 64, "window_size": 2, "embed_dim": 48, "num_heads": 3, "depth": 2}


@pytest.mark.parametrize(
    ("architecture", "options", "attention"),
    [
        ("vit_relpos_small_patch16_224", VIT, "attn"),
        ("vit_relpos_base_patch16_cls_224", VIT, "attn"),
        ("samvit_base_patch16_224", SAM, "attn"),
        ("tnt_s_patch16_224", {"img_size": 48, "depth": 2}, "attn_out"),
    ],
)
def test_legrad_of_relatives_is_that_of_the_model_cut_short(
    architecture: str, options: dict[str, object], attention: str
) -> None:
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4, **options).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(6.0)
    x = torch.randn(1, 3, *(int(options["img_size"]),) * 2)  # type: ignore[call-overload]
    assert relevance.supports_legrad(model) == (True, "")
    values, layers = relevance.legrad(model, x, 2)
    expected = np.zeros(values.size)
    for last in range(len(model.blocks)):
        cut = copy.deepcopy(model)
        cut.blocks = cut.blocks[: last + 1]
        owner = getattr(cut.blocks[last], attention)
        owner.fused_attn = False
        kept: list[Tensor] = []
        owner.attn_drop.register_forward_hook(lambda m, i, o, kept=kept: (o.retain_grad(), kept.append(o))[1])
        cut(x)[0, 2].backward()
        slope = kept[0].grad.clamp(min=0)
        if slope.shape[0] == 1:
            expected += slope[0].mean(dim=(0, 1)).numpy()[-values.size :]
            continue
        # Windows of 2 x 2 patches, heads merged with them.
        assert slope.shape[0] == 3 * 4 and values.shape == (4, 4)
        tiles = slope.reshape(2, 2, 3, 4, 4).mean(2).sum(2).reshape(2, 2, 2, 2) / values.size
        expected += tiles.permute(0, 2, 1, 3).numpy().ravel()
    assert layers == len(model.blocks)
    assert abs(values.ravel() - expected / layers).max() <= 2e-6 * expected.max() and np.ptp(values) > 0


def test_flow_equals_networkx() -> None:
    model = vit(img_size=32, depth=2)
    maps = attention_maps(model, X[..., :32, :32])[1]
    size, depth = 5, 2
    graph = nx.DiGraph()
    for level, layer in enumerate(reversed(maps.layers)):
        matrix = 0.5 * layer.weights[:, 0].mean(0).astype(np.float64) + 0.5 * np.eye(size)
        for i in range(size):
            for j in range(size):
                graph.add_edge((level, i), (level + 1, j), capacity=matrix[i, j])
    flows = np.array([nx.maximum_flow_value(graph, (0, 0), (depth, j)) for j in range(size)])
    found = flow.attention_flow(maps)
    assert abs(found - flows / flows.sum()).max() <= 1e-6 and np.ptp(found) > 1e-3


def test_flow_is_refused_with_the_number_of_tokens() -> None:
    assert flow.supports(vit(img_size=176)) == (
        False,
        "Attention flow is offered up to 100 tokens; this input has 122.",
    )
    with pytest.raises(UnsupportedError, match="122"):
        flow.attention_flow(attention_maps(vit(img_size=176), torch.rand(1, 3, 176, 176))[1])


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("convit_tiny", {"img_size": 48, "depth": 3, "local_up_to_layer": 2}),
        ("swin_tiny_patch4_window7_224", SWIN),
        ("cait_xxs24_224", {"img_size": 48, "depth": 2}),
        ("vit_base_patch16_siglip_224", VIT),
        ("botnet26t_256", {"img_size": 128}),
    ],
)
def test_gradients_reach_every_family(architecture: str, options: dict[str, object]) -> None:
    """Every layer's gradient has its layer's shape, and reaches the last layer; plain inference comes before it."""
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4, **options).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # some start at 0, which hides what is behind
    x = torch.rand(1, 3, *[options["img_size"]] * 2)
    with torch.inference_mode():
        plain = model(x)
    found = attention_gradients(model, x, 1)
    assert found.score == pytest.approx(float(plain[0, 1]), abs=1e-4)
    assert all(np.isfinite(each).all() for each in found.gradients)
    assert all(
        layer.weights.shape == each.shape for layer, each in zip(found.maps.layers, found.gradients, strict=True)
    )
    assert abs(found.gradients[-1]).max() > 0
    tokens = relevance.generic_relevance(found)
    assert tokens.min() >= 0 and tokens.size == found.maps.prefix_tokens + np.prod(found.maps.grid)
    assert not any(parameter.grad is not None for parameter in model.parameters())
