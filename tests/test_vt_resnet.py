"""Visual transformers against the equations of Wu et al. (ICCV 2021) in float64, and their sizes by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vlass_explorer import checkpoints
from vlass_explorer.attention import capture
from vlass_explorer.backbones.vt_resnet import Projector, Tokenizer, TokenTransformer
from vlass_explorer.explainers import token_maps

PIXELS, CHANS, COUNT = 35, 24, 5
WIDTHS = [CHANS, 40]


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def matrices(module: nn.Module) -> dict[str, np.ndarray]:
    """Matrices in the paper's sense, (in, out), in float64."""
    return {key.removesuffix(".weight"): value.double().numpy().T for key, value in module.state_dict().items()}


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    raised = np.exp(values - values.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def agree(found: torch.Tensor, expected: np.ndarray) -> None:
    """To 1e-6 of the largest value."""
    assert found.shape == expected.shape and np.ptp(expected) > 0.1
    assert abs(found.detach().double().numpy() - expected).max() <= 1e-6 * abs(expected).max()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_filter_tokenizer_is_equation_1(width: int) -> None:
    torch.manual_seed(0)
    module, x = Tokenizer(CHANS, width, COUNT), draw(1, PIXELS, CHANS)
    own, pixels = matrices(module), x[0].double().numpy()
    expected = softmax(pixels @ own["filters"], 0).T @ pixels  # softmax over HW of X W_A, transposed, times X
    agree(module(x)[0], expected if width == CHANS else expected @ own["widen"])
    assert set(own) == ({"filters"} if width == CHANS else {"filters", "widen"})


@pytest.mark.parametrize("width", WIDTHS)
def test_the_recurrent_tokenizer_is_equation_2(width: int) -> None:
    torch.manual_seed(0)
    module, x, earlier = Tokenizer(CHANS, width, COUNT, recurrent=True), draw(1, PIXELS, CHANS), draw(1, COUNT, width)
    own, pixels = matrices(module), x[0].double().numpy()
    chosen = earlier[0].double().numpy() @ own["filters"]  # W_R = T_in W_(T to R)
    expected = softmax(pixels @ chosen.T, 0).T @ pixels
    agree(module(x, earlier)[0], expected if width == CHANS else expected @ own["widen"])


def test_the_transformer_is_equations_3_and_4() -> None:
    torch.manual_seed(0)
    module, tokens = TokenTransformer(CHANS), 3 * draw(1, COUNT, CHANS)
    own, t = matrices(module), tokens[0].double().numpy()
    attended = t + softmax((t @ own["key"]) @ (t @ own["query"]).T, 1) @ t
    agree(module(tokens)[0], attended + np.maximum(attended @ own["expand"], 0) @ own["reduce"])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_projector_is_equation_5(width: int) -> None:
    torch.manual_seed(0)
    module, x, tokens = Projector(CHANS, width), draw(1, PIXELS, CHANS), draw(1, COUNT, width, seed=2)
    own, pixels, t = matrices(module), x[0].double().numpy(), tokens[0].double().numpy()
    weights = softmax((pixels @ own["query"]) @ (t @ own["key"]).T, 1)
    agree(module(x, tokens)[0], pixels + weights @ (t if width == CHANS else t @ own["narrow"]))


def published(model: nn.Module, x: torch.Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logits and the map of each tokenizer (token, pixel), channels last and in float64, by the equations alone."""
    with torch.no_grad():
        pixels = model.stages(model.stem(x))[0].flatten(1).T.double().numpy()
    tokens, maps = np.zeros((16, 0)), []
    for index, vt in enumerate(model.vts):
        own = matrices(vt)
        filters = own["tokenizer.filters"] if index == 0 else (tokens @ own["tokenizer.filters"]).T
        maps.append(softmax(pixels @ filters, 0).T)
        tokens = maps[-1] @ pixels
        if "tokenizer.widen" in own:
            tokens = tokens @ own["tokenizer.widen"]
        key, query = tokens @ own["transformer.key"], tokens @ own["transformer.query"]
        tokens = tokens + softmax(key @ query.T, 1) @ tokens
        tokens = tokens + np.maximum(tokens @ own["transformer.expand"], 0) @ own["transformer.reduce"]
        if index < len(model.vts) - 1:
            scores = (pixels @ own["projector.query"]) @ (tokens @ own["projector.key"]).T
            written = tokens @ own["projector.narrow"] if "projector.narrow" in own else tokens
            pixels = pixels + softmax(scores, 1) @ written
    state = model.state_dict()
    head: np.ndarray = state["head.weight"].double().numpy() @ tokens.mean(0) + state["head.bias"].double().numpy()
    return head, maps


@pytest.mark.parametrize(("name", "count"), [("vt_r18", 2), ("vt_r18_1024", 2), ("vt_r50", 3)])
def test_the_whole_model_is_the_equations_and_its_token_maps_are_theirs(name: str, count: int) -> None:
    torch.manual_seed(0)
    model = checkpoints.create(name, 4, {"in_chans": 1}).eval().double()
    x = draw(1, 1, 64, 96).double()
    logits, maps = published(model, x)
    assert len(model.vts) == count
    assert abs(model(x)[0].detach().numpy() - logits).max() <= 1e-9 * abs(logits).max()
    with capture() as calls:
        model(x)
    shapes = [(16, 24), (16, 16), (24, 16)] * count
    assert [tuple(call.weights.shape[1:]) for call in calls] == shapes[:-1]
    found = token_maps.token_maps(model, x)
    assert len(found) == count
    for own, expected in zip(found, maps, strict=True):
        assert abs(own.maps.reshape(16, 24) - expected).max() <= 1e-6


def parameters(name: str, **arguments: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in checkpoints.create(name, 1000, arguments).parameters())


@pytest.mark.parametrize(
    ("name", "trunk", "chans", "width", "modules"),
    [
        ("vt_r18", "resnet18", 256, 256, 2),
        ("vt_r18_1024", "resnet18", 256, 1024, 2),
        ("vt_r50", "resnet50", 1024, 1024, 3),
    ],
)
def test_parameters_by_hand(name: str, trunk: str, chans: int, width: int, modules: int) -> None:
    with torch.device("meta"):
        body = timm.create_model(trunk, num_classes=0)
    before = sum(p.numel() for p in body.parameters()) - sum(p.numel() for p in body.layer4.parameters())
    extra = chans * width if width != chans else 0  # from the map to the tokens, or back
    tokenizers = 16 * chans + (modules - 1) * width * chans + modules * extra
    transformers = modules * 3 * width**2  # two halves, two whole matrices
    projectors = (modules - 1) * (chans**2 + width * chans + extra)
    assert parameters(name) == before + tokenizers + transformers + projectors + (width + 1) * 1000


def test_the_published_size_is_that_of_wide_tokens() -> None:
    # The paper's table has 11.6 million for VT-R18; its equations with 256 wide tokens are a third of that.
    assert math.isclose(parameters("vt_r18_1024"), 11.6e6, rel_tol=0.011)
    assert parameters("vt_r18") < 3.7e6


def test_the_published_operations_are_those_of_one_tokenizer_that_widens_pixels() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        checkpoints.create("vt_r18_1024", 1000, {}).eval()(torch.zeros(1, 3, 224, 224))
    found = counter.get_total_flops() // 2 + (14 * 14 - 16) * 256 * 1024
    assert round(found / 1e6) == 1579


def test_it_learns_a_bright_spot() -> None:
    # No layer norm and no scaling: the equations still train from torch's start, with clipped gradients.
    torch.manual_seed(0)
    model = checkpoints.create("vt_r18", 2, {"in_chans": 1}).train()
    x, y = 0.1 * draw(8, 1, 32, 32), torch.arange(8) % 2
    x[y == 1, :, 8:14, 8:14] += 3.0
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for _ in range(8):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    assert loss.item() < 0.3
    assert all(bool(p.grad.isfinite().all()) and float(p.grad.abs().max()) > 0 for p in model.parameters())
