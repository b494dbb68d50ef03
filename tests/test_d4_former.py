"""The equivariant transformer: scores, maps and position kernels under turns, and its formulas in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.attention_independent import FLOAT32, METHODS, TOLERANCE, TOLERANCE_FLOAT32, compare, liven
from vlass_explorer import checkpoints, headed
from vlass_explorer.attention import (
    attention_gradients,
    attention_maps,
    describe,
    layer_map,
    position_bias,
    relevance,
    rollout,
)
from vlass_explorer.attention.impulse import verify
from vlass_explorer.backbones import is_plain
from vlass_explorer.learning import fill
from vlass_explorer.learning.network import build
from vlass_explorer.private import unrolled
from vlass_explorer.schema import ConfigError, RunConfig

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")
MOVES = [(turns, mirrored) for mirrored in (False, True) for turns in range(4)]
FIRST = "position.first.read", "position.first.own"
SMALL = {"fields": (2, 2, 4), "depth": 2, "head_width": 8}


def moved(values: torch.Tensor, turns: int, mirrored: bool) -> torch.Tensor:
    values = values.rot90(turns, (-2, -1))
    return values.flip(-1) if mirrored else values


def made(seed: int = 0, **arguments: object) -> torch.nn.Module:
    """A model with statistics, positions and attention that are not those of the start."""
    assert is_plain("d4_former")
    torch.manual_seed(seed)
    model = headed.build("d4_former", num_classes=4, in_chans=1, **arguments).eval()
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.uniform_(-0.1, 0.1)
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and not name.startswith("head"):
                parameter.add_(torch.empty_like(parameter).uniform_(-0.3, 0.3))
            if "qkv.weight" in name or "position" in name:
                parameter.mul_(2.5)
    return model


def image(size: tuple[int, int] = (64, 64), count: int = 1) -> torch.Tensor:
    return torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(1))


def stem_of(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.relu(torch.nn.functional.max_pool2d(model.norm0(model.stem(x)), 2))


@pytest.fixture(scope="module")
def whole() -> torch.nn.Module:
    """The architecture as it is shipped."""
    return made()


def test_it_is_small_and_its_tokens_are_fine(whole: torch.nn.Module) -> None:
    assert sum(p.numel() for p in whole.parameters()) < 1_000_000
    graph = describe(whole)
    assert graph.kind == "class_token" and graph.prefix_tokens == 1
    assert {layer.place.after.grid for layer in graph.drawn} == {(16, 16)}  # 11.25 arcsec a side in 180 arcsec


@pytest.mark.parametrize(("turns", "mirrored"), MOVES)
def test_scores_do_not_depend_on_orientation(whole: torch.nn.Module, turns: int, mirrored: bool) -> None:
    x = image()
    with torch.no_grad():
        plain, other = whole(x), whole(moved(x, turns, mirrored))
        assert abs(other - plain).max() <= 1e-5
        # The scores do depend on the image, and on where its parts lie.
        shuffled = x.view(1, 1, 4, 16, 4, 16)[:, :, [1, 0, 2, 3]].reshape(x.shape)
        assert abs(whole(shuffled) - plain).max() > 1e-4


@pytest.mark.parametrize(("turns", "mirrored"), MOVES[1:])
def test_maps_turn_with_the_image(turns: int, mirrored: bool) -> None:
    model, x = made(**SMALL), image((32, 48))
    other = moved(x, turns, mirrored)
    maps, turned = attention_maps(model, x)[1], attention_maps(model, other)[1]
    pairs = [(rollout(maps), rollout(turned))]
    pairs += [(layer_map(maps, number), layer_map(turned, number)) for number in (0, 1)]
    found, again = attention_gradients(model, x, 1), attention_gradients(model, other, 1)
    for of in (relevance.gradient_rollout, relevance.generic_relevance):
        patches, same = of(found)[1:].reshape(maps.grid), of(again)[1:].reshape(turned.grid)
        pairs.append((patches, same))
    pairs.append((relevance.legrad(model, x, 1)[0], relevance.legrad(model, other, 1)[0]))
    for plain, moved_map in pairs:
        expected = moved(torch.from_numpy(np.ascontiguousarray(plain)), turns, mirrored).numpy()
        assert np.ptp(plain) > 1e-3 * abs(plain).max()
        np.testing.assert_allclose(moved_map, expected, rtol=0, atol=1e-4 * abs(plain).max())


def test_methods_equal_independent_computations() -> None:
    model = made(**SMALL)
    liven(model)
    row = compare(model, image((32, 48)))
    assert not [method for method in METHODS if isinstance(row[method], str)], row
    assert max(row[method] for method in METHODS) <= TOLERANCE, row
    assert row[FLOAT32] <= TOLERANCE_FLOAT32


def test_every_token_is_drawn_where_the_image_changes_it() -> None:
    assert [verdict.fault for verdict in verify(made(**SMALL), image((32, 32)))] == ["", ""]


def test_attention_is_the_published_formula() -> None:
    # In float64 from the state of the model: scores of one head, orientation by orientation, offsets turned by hand.
    model = made(**SMALL).double()
    x = image((16, 24)).double()
    with torch.no_grad():
        tokens, grid = model._tokens(x)
        layer = model.blocks[0]
        normed = layer.norm1(tokens)[0].numpy()
    gy, gx = grid
    state = {key: value.numpy() for key, value in layer.attn.state_dict().items()}
    ours = attention_maps(model, x)[1].layers[0].weights[:, 0]
    places = [(0.0, 0.0), *((row - (gy - 1) / 2, column - (gx - 1) / 2) for row in range(gy) for column in range(gx))]
    fields, dims = 4, 8
    matrix = layer.attn.qkv.kernels().detach().flatten(1).numpy()
    bias = np.repeat(state["qkv.bias"], 8)
    qkv = (normed @ matrix.T + bias).reshape(len(places), 3, fields, 8)

    def network(name: str, inputs: np.ndarray) -> float:
        hidden = torch.from_numpy(state[f"{name}.network.0.weight"] @ inputs + state[f"{name}.network.0.bias"])
        raised = torch.nn.functional.gelu(hidden).numpy()
        values = state[f"{name}.network.2.weight"] @ raised + state[f"{name}.network.2.bias"]
        return float(values[0] - state[f"{name}.fall"][0] * inputs[2])

    for way in range(4):
        scores = np.zeros((len(places), len(places)))
        for i, (qy, qx) in enumerate(places):
            for j, (ky, kx) in enumerate(places):
                query, key = (qkv[each, part][:, [way, way + 4]].ravel() for each, part in ((i, 0), (j, 1)))
                dy, dx = ky - qy, kx - qx
                for _ in range(way):  # a kernel turned by np.rot90 is read where a turn back leads
                    dy, dx = dx, -dy
                inputs = np.array([np.sign(dy) * np.log1p(abs(dy)), np.log1p(abs(dx)), np.hypot(dy, dx) / 4])
                kernel, to_class = ("position.between", "position.to_class") if i else FIRST
                scores[i, j] = query @ key / dims**0.5 + (network(kernel, inputs) if j else state[to_class][0])
        raised = np.exp(scores - scores.max(1, keepdims=True))
        np.testing.assert_allclose(ours[way], raised / raised.sum(1, keepdims=True), atol=1e-6)


def test_the_position_panel_shows_the_kernels(whole: torch.nn.Module) -> None:
    biases = position_bias.position_biases(whole)
    assert [bias.name for bias in biases] == [
        "blocks.0.attn.position",
        "blocks.1.attn.position",
    ]  # in the last no patch asks
    for bias in biases:
        kernel = bias.kernel
        assert bias.kind == "bias" and kernel.shape == (4, 31, 31) and np.ptp(kernel) > 0
        for way in range(4):  # one kernel looks four ways, alike on both sides of its way
            np.testing.assert_allclose(kernel[way], np.rot90(kernel[0], way), atol=1e-5)
        np.testing.assert_allclose(kernel[0], kernel[0][:, ::-1], atol=1e-5)


def test_training_and_use_are_one_model() -> None:
    model, x = made(**SMALL), image((32, 32), 2)
    for module in model.modules():
        if type(module).__name__ in ("OrientedAttention", "OrientedLayer"):
            module.training = True  # attention written out, as the gradient of its bias wants it
    written = model(x)
    torch.testing.assert_close(written, model.eval()(x), atol=1e-5, rtol=1e-5)
    written.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    copy = unrolled(model)
    assert copy is not model
    torch.testing.assert_close(copy(x), model(x), atol=1e-5, rtol=1e-5)


def test_dropped_layers_keep_the_mean() -> None:
    model = made(**SMALL, drop_path_rate=0.5)
    layer, ones = model.blocks[1].train(), torch.ones(4000, 1, 1)
    torch.manual_seed(0)
    kept = layer._kept(ones)
    assert set(kept.unique().tolist()) == {0.0, 2.0} and abs(float(kept.mean()) - 1) < 0.05
    assert layer.eval()._kept(ones) is ones and model.blocks[0].drop_path == 0.25


def test_a_run_starts_from_the_stem_of_the_convolutional_network(tmp_path: Path) -> None:
    labels = ("a", "b", "c")
    network = checkpoints.create("d4_resnet", 3, {"in_chans": 1})
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.01)
    card = tiny_checkpoint.save(
        tmp_path / "net", network, architecture="d4_resnet", model_args={"in_chans": 1}, label_names=labels
    )
    weights = str(tmp_path / "net" / "model.safetensors")
    fill.check_architecture(card, "d4_former")
    with pytest.raises(ConfigError, match="set architecture to it"):
        fill.check_architecture(card, "vlass_vision_cnn")
    model, _ = build(RunConfig(architecture="d4_former", weights=weights), labels)
    plain, _ = build(RunConfig(architecture="d4_former"), labels)
    taken = checkpoints.load(card)
    x = image((32, 32), 2)
    with torch.no_grad():
        start = torch.relu(torch.nn.functional.max_pool2d(taken.norm(taken.stem(x)), 2))
        start = taken.stages[:2](start)
        torch.testing.assert_close(model.eval().stages[:2](stem_of(model, x)), start, atol=1e-6, rtol=1e-6)
        # The third block sees at every second pixel what the network, which halves the image there, sees.
        flat = start.mean(dim=(2, 3), keepdim=True).expand(-1, -1, 24, 24)
        wide, halved = model.stages[2](flat)[:, :, 8:16, 8:16], taken.stages[2](flat)[:, :, 4:8, 4:8]
        torch.testing.assert_close(wide[:, :, ::2, ::2], halved, atol=1e-5, rtol=1e-5)
    for key, value in plain.named_parameters():  # all else as a fresh model has it
        assert torch.equal(model.get_parameter(key), value) != key.startswith(("stem", "norm0", "stages")), key


def test_attention_of_an_answer_takes_the_fused_kernel() -> None:
    # torch 2.15.0 leaves it, without a word, where the channels of a head are not side by side in memory: the answer
    # is the same, but all scores are written to memory (findings/torch-sdpa-strides.sh).
    model = made(fields=(2, 2, 4), depth=1, head_width=8)
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen:
        model(image(count=2))
    assert "aten::_scaled_dot_product_flash_attention_for_cpu" in {event.key for event in seen.key_averages()}
