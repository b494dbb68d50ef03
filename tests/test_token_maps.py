"""Token maps of learned tokens against the paper's formulas in float64 and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import timm
import torch

from vlass_explorer import attention, checkpoints, segmentation
from vlass_explorer.explainers import EXPLAINERS, token_maps
from vlass_explorer.schema import UnsupportedError

X = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
STEP = 16.0


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    built = checkpoints.create("vt_resnet18", 4, {"in_chans": 1}).eval()
    with torch.no_grad():  # as torch draws them, tokens gather almost evenly
        built.vt1.tokenizer.filters.weight.mul_(2000.0)
        built.vt2.tokenizer.filters.weight.mul_(2000.0)
        built.vt1.transformer.query.weight.mul_(4e4)
        built.vt2.transformer.query.weight.mul_(1e6)
    return built


def published(model: torch.nn.Module) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Maps A (token, cell) and self-attention W (token, token) of both tokenizers, from the formulas, in float64."""
    state = {key: value.double().numpy() for key, value in model.state_dict().items()}

    def softmax(values: np.ndarray) -> np.ndarray:
        raised = np.exp(values - values.max(-1, keepdims=True))
        return raised / raised.sum(-1, keepdims=True)

    def self_attention(vt: str, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        query, key = (tokens @ state[f"{vt}.transformer.{part}.weight"].T for part in ("query", "key"))
        weights = softmax(query @ key.T / math.sqrt(512))
        tokens = tokens + weights @ tokens @ state[f"{vt}.transformer.value.weight"].T
        hidden = np.maximum(tokens @ state[f"{vt}.transformer.expand.weight"].T, 0)
        return weights, tokens + hidden @ state[f"{vt}.transformer.reduce.weight"].T

    with torch.no_grad():
        trunk = torch.nn.Sequential(model.stem, model.stages)
        pixels = trunk.double()(X.double())[0].flatten(1).T.numpy()
        trunk.float()
    first = softmax(state["vt1.tokenizer.filters.weight"] @ pixels.T / 16)
    mixing_one, tokens = self_attention("vt1", first @ pixels @ state["vt1.tokenizer.values.weight"].T)
    query = pixels @ state["vt1.projector.query.weight"].T
    written = softmax(query @ (tokens @ state["vt1.projector.key.weight"].T).T / 16)
    pixels = pixels + written @ tokens @ state["vt1.projector.value.weight"].T
    second = softmax(tokens @ state["vt2.tokenizer.filters.weight"].T @ pixels.T / 16)
    mixing_two, _ = self_attention("vt2", second @ pixels @ state["vt2.tokenizer.values.weight"].T)
    return [first, second], [mixing_one, mixing_two]


def test_maps_and_numbers_are_those_of_the_published_formulas(model: torch.nn.Module) -> None:
    expected, mixing = published(model)
    found = token_maps.token_maps(model, X)
    mixed = token_maps.token_maps(model, X, after_attention=True)
    places = [(row * STEP, column * STEP) for row in range(4) for column in range(6)]
    for stage in range(2):
        assert (
            found[stage].maps.shape == (16, 4, 6) and min(np.ptp(expected[stage]), np.ptp(mixing[stage])) > 0.05
        )  # they are not even
        assert abs(found[stage].maps.reshape(16, 24) - expected[stage]).max() <= 5e-6
        assert abs(mixed[stage].maps.reshape(16, 24) - mixing[stage] @ expected[stage]).max() <= 5e-6
        for token, cells in enumerate(expected[stage]):
            entropy = -sum(a * math.log(a) for a in cells)
            centre = [sum(a * place[axis] for a, place in zip(cells, places, strict=True)) for axis in (0, 1)]
            spread = sum(a * math.dist(place, centre) for a, place in zip(cells, places, strict=True))
            row, column = divmod(int(cells.argmax()), 6)
            near = cells.reshape(4, 6)[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].sum()
            assert found[stage].entropy[token] == pytest.approx(entropy, abs=1e-4)
            assert found[stage].entropy_share[token] == pytest.approx(entropy / math.log(24), abs=1e-4)
            assert found[stage].spread[token] == pytest.approx(spread, abs=1e-3)
            assert found[stage].localness[token] == pytest.approx(near, abs=1e-4)


def test_an_even_token_and_one_of_a_single_cell(model: torch.nn.Module) -> None:
    even = torch.zeros(16, 256)
    weights = model.vt1.tokenizer.filters.weight
    kept = weights.detach().clone()
    with torch.no_grad():
        pixels = model.stages(model.stem(X))[0].flatten(1)
        even[1] = 1e5 * pixels[:, 9]  # one cell answers this filter more than any other
        even[1] -= 1e5 * pixels.mean(1)
        weights.copy_(even)
        [first, _] = token_maps.token_maps(model, X)
        weights.copy_(kept)
    cell = int(first.maps[1].argmax())
    assert first.maps[0] == pytest.approx(1 / 24) and first.maps[1].ravel()[cell] == pytest.approx(1.0)
    assert first.entropy[:2] == pytest.approx([math.log(24), 0.0], abs=1e-6)
    assert first.entropy_share.max() <= 1.0 + 1e-12
    assert first.entropy_share[:2] == pytest.approx([1.0, 0.0], abs=1e-6)
    assert first.spread[1] == pytest.approx(0.0, abs=1e-4) and first.localness[1] == pytest.approx(1.0)
    distances = [math.hypot(row - 1.5, column - 2.5) for row in range(4) for column in range(6)]
    assert first.spread[0] == pytest.approx(STEP * sum(distances) / 24)


def test_the_explanation_holds_the_mean_and_every_token(model: torch.nn.Module) -> None:
    explain = EXPLAINERS["token_maps"].explain
    [first, last] = token_maps.token_maps(model, X)
    every = explain(model, X, 0)
    assert every.titles[0] == "Mean of the tokens, tokenizer 2 of 2" and every.titles[3] == "Token 3, tokenizer 2 of 2"
    assert np.array_equal(every.maps[1:], last.maps) and every.maps[0] == pytest.approx(last.maps.mean(0))
    assert every.numbers["mean_entropy_share"] == pytest.approx(last.entropy_share.mean())
    assert every.numbers["most_local_token"] == last.localness.argmax() + 1
    one = explain(model, X, 0, token=5, tokenizer=0)
    assert one.titles == ("Token 6, tokenizer 1 of 2",) and np.array_equal(one.maps, first.maps[5:6])
    assert one.numbers["spread_pixels"] == pytest.approx(first.spread[5])
    assert every.maps.dtype == np.float32 and one.maps.sum() == pytest.approx(1.0)
    for wrong, reason in (({"token": 16}, "no token 16"), ({"tokenizer": 2}, "no tokenizer 2")):
        with pytest.raises(UnsupportedError, match=reason):
            explain(model, X, 0, **wrong)


def test_other_models_say_why_not_and_rollout_points_to_these_maps(model: torch.nn.Module) -> None:
    other = timm.create_model("resnet18", num_classes=4)
    applies, reason = token_maps.supports(other)
    assert not applies and "no learned tokens" in reason
    with pytest.raises(UnsupportedError, match="no learned tokens"):
        token_maps.explain(other, X, 0)
    applies, reason = attention.supports(model)
    assert not applies and "learned tokens" in reason and "token maps" in reason


def test_tokens_of_a_pyramid_are_those_of_its_levels() -> None:
    torch.manual_seed(0)
    network = segmentation.create("vt_fpn", 3, encoder="test_resnet", in_chans=1, pyramid=16).eval()
    with torch.no_grad():
        for tokenizer in network.pyramid.tokenizers:
            tokenizer.filters.weight.mul_(40.0)
        given = network.encoder(X)
        maps = [
            make.filters(each[0].flatten(1).T).T.softmax(-1)
            for make, each in zip(network.pyramid.tokenizers, given, strict=True)
        ]
        tokens = torch.cat(
            [
                make(each.flatten(2).transpose(1, 2))
                for make, each in zip(network.pyramid.tokenizers, given, strict=True)
            ],
            1,
        )
        transformer = network.pyramid.transformer
        got: list[torch.Tensor] = []
        with attention.capture() as calls:
            transformer(tokens)
        got.append(calls[0].weights[0])
    before = token_maps.token_maps(network, X)
    assert [each.maps.shape for each in before] == [(8, 16, 24), (8, 8, 12), (8, 4, 6), (8, 2, 3)]
    assert [each.stride for each in before] == [4, 8, 16, 32]
    for each, own in zip(before, maps, strict=True):
        np.testing.assert_allclose(each.maps.reshape(8, -1), own.numpy(), atol=1e-5)
        np.testing.assert_allclose(each.maps.sum((1, 2)), 1.0, atol=1e-5)
        cells = each.maps[0].astype(float).ravel()
        assert each.entropy[0] == pytest.approx(-(cells * np.log(cells)).sum(), abs=1e-4)
        assert each.entropy_share[0] == pytest.approx(each.entropy[0] / math.log(cells.size))
    after = token_maps.token_maps(network, X, after_attention=True)
    fine = np.concatenate(
        [np.kron(each.maps, np.ones((1, k, k)) / k**2) for each, k in zip(before, (1, 2, 4, 8), strict=True)]
    )
    expected = np.einsum("ij,jyx->iyx", got[0].numpy(), fine)
    np.testing.assert_allclose(np.concatenate([each.maps for each in after]), expected, atol=1e-6)
    found = EXPLAINERS["token_maps"].explain(network, X, 0, tokenizer=1)
    assert found.titles[1] == "Token 1, level 1/8" and found.maps.shape == (9, 8, 12)
