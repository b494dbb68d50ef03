"""The shelf of explainers: one contract for every file, then what is particular to each."""

from __future__ import annotations

import dataclasses
import inspect
import typing

import numpy as np
import pytest
import timm
import torch
from captum.attr import IntegratedGradients
from torch import nn

from vlass_explorer.attention import attention_maps, layer_map, rollout
from vlass_explorer.attention.positions import similarity
from vlass_explorer.attribution import BATCH_SIZE, baseline_image
from vlass_explorer.explainers import EXPLAINERS, caption_zero_maps, integrated_gradients, of_the_sky, options
from vlass_explorer.front import with_front
from vlass_explorer.schema import Explanation, InputSpec, UnsupportedError

X = torch.rand(1, 1, 32, 48, generator=torch.Generator().manual_seed(1))


def vit(**more: object) -> nn.Module:
    torch.manual_seed(0)
    shape = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 48, "num_heads": 3, "depth": 2, "in_chans": 1}
    return timm.create_model("vit_tiny_patch16_224", num_classes=4, **{**shape, **more}).eval()


def cnn() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4)).eval()


def stn() -> nn.Module:
    torch.manual_seed(0)
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "num_heads": 3, "depth": 2, "in_chans": 1}
    model = with_front(timm.create_model("vit_tiny_patch16_224", num_classes=4, **shape), "stn", 1)
    model.front.regressor[-1].bias.data = torch.tensor([0.6, -0.2, 0.1, 0.3, 0.7, 0.2])
    return model.eval()


def convit() -> nn.Module:
    torch.manual_seed(0)
    shape = {"img_size": 32, "patch_size": 8, "in_chans": 1, "depth": 3, "local_up_to_layer": 2}
    return timm.create_model("convit_tiny", num_classes=4, **shape).eval()


def test_shelf_holds_these_methods() -> None:
    first = {"attention_rollout", "layer_attention", "position_similarity", "integrated_gradients"}
    second = {"smoothgrad", "input_x_gradient", "gradient_shap", "occlusion", "feature_ablation"}
    assert first | second | {"grad_cam", "hirescam", "layercam"} <= EXPLAINERS.keys()


@pytest.mark.parametrize("name", EXPLAINERS)
def test_file_says_what_it_is(name: str) -> None:
    module = EXPLAINERS[name]
    first, _, rest = (module.__doc__ or "").partition("\n")
    assert first.endswith(".") and ("arXiv" in rest or "doi:" in rest), (
        "the docstring starts with one sentence and names the paper"
    )
    assert module.TITLE.strip()
    assert list(inspect.signature(module.explain).parameters)[:3] == ["model", "x", "target"]
    assert list(inspect.signature(module.supports).parameters) == ["model"]


@pytest.mark.parametrize("name", EXPLAINERS)
def test_options_make_widgets_and_flags(name: str) -> None:
    parameters = inspect.signature(EXPLAINERS[name].explain).parameters
    found = options(name)
    assert list(found) == list(parameters)[3:]
    for option in found.values():
        assert option.value(option.default) == option.default == parameters[option.name].default
        assert option.help.endswith("."), f"{option.name} is not described in the docstring of explain"


@pytest.mark.parametrize("name", EXPLAINERS)
@pytest.mark.parametrize("build", [vit, convit, cnn, stn])
def test_answer_is_an_explanation_or_a_reason(name: str, build: typing.Callable[[], nn.Module]) -> None:
    model, module = build(), EXPLAINERS[name]
    x = X[..., :32] if build in (convit, stn) else X
    before = {key: value.clone() for key, value in model.state_dict().items()}
    applies, reason = module.supports(model)
    if not applies:
        assert reason.endswith(".")
        with pytest.raises(UnsupportedError):
            module.explain(model, x, 0)
        return
    assert reason == ""
    usual = module.explain(model, x, 2)
    tried = [{each.name: value} for each in options(name).values() for value in each.choices if value != each.default]
    for given in [{}, *tried]:
        answer = module.explain(model, x, 2, **given) if given else usual
        assert isinstance(answer, Explanation) and np.isfinite(answer.maps).all() and answer.maps.size > 1
        assert answer.maps.dtype == np.float32
        assert answer.signed or answer.maps.min() >= 0
        assert answer.caption.endswith(".") and all(answer.titles)
        assert all(isinstance(number, float | int | str | bool) for number in answer.numbers.values())
    assert np.array_equal(usual.maps, module.explain(model, x, 2).maps)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks or m.training for m in model.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert not x.requires_grad


def test_attention_methods_show_the_attention_of_the_model() -> None:
    model = vit()
    _, maps = attention_maps(model, X)
    rolled = EXPLAINERS["attention_rollout"].explain(model, X, 0, head_fusion="max", discard_ratio=0.5, query=3)
    assert np.array_equal(rolled.maps[0], rollout(maps, head_fusion="max", discard_ratio=0.5, query=3))
    assert rolled.maps.shape == (1, 4, 6) and rolled.titles == ("Rollout from patch row 0, column 3",)
    assert rolled.numbers["prefix_share"] == pytest.approx(1.0 - float(rolled.maps.sum()), abs=1e-6)
    single = EXPLAINERS["layer_attention"].explain(model, X, 0, layer=0, head=2, query=7)
    assert np.array_equal(single.maps[0], layer_map(maps, 0, 2, 7))
    assert single.titles == ("Layer 1 of 2, head 3",)
    last = EXPLAINERS["layer_attention"].explain(model, X, 0)
    np.testing.assert_allclose(last.maps[0], layer_map(maps, 1), rtol=1e-6)  # fused by a product, which may round
    assert last.titles == ("Layer 2 of 2, mean of the heads",)


def test_a_layer_without_class_token_says_so() -> None:
    explain = EXPLAINERS["layer_attention"].explain
    assert "has not joined" in explain(convit(), X[..., :32], 0, layer=0).caption
    assert "has not joined" not in explain(convit(), X[..., :32], 0, layer=-1).caption


def test_position_similarity_of_one_patch_and_of_all() -> None:
    model = vit()
    _, matrix = similarity(model)
    explain = EXPLAINERS["position_similarity"].explain
    assert np.array_equal(explain(model, X, 0, query=8).maps[0], matrix[8].reshape(4, 6))
    assert np.array_equal(explain(model, X, 0).maps[0], matrix[2 * 6 + 3].reshape(4, 6))
    assert explain(model, X, 0, view="grid").maps.shape == (1, 16, 36)
    with pytest.raises(UnsupportedError, match="no patch 24"):
        explain(model, X, 0, query=24)


@pytest.mark.parametrize("kind", ["zero", "noise", "blur", "mean"])
def test_integrated_gradients_are_those_of_captum(kind: str) -> None:
    model = vit()
    model.input_spec = InputSpec(mean=(0.3,), std=(0.5,))
    answer = integrated_gradients.explain(model, X, 1, baseline=kind)
    start = {"zero": torch.full_like(X, -0.3 / 0.5), "mean": torch.zeros_like(X)}.get(kind)
    if start is None:
        start = baseline_image(model, X, kind)
    attribution, delta = IntegratedGradients(model).attribute(
        X.clone(),
        start,
        target=1,
        n_steps=answer.numbers["steps"],
        return_convergence_delta=True,
        internal_batch_size=BATCH_SIZE,
    )
    assert np.array_equal(answer.maps[0], attribution[0, 0].detach().numpy())
    with torch.no_grad():
        difference = float(model(X)[0, 1] - model(start)[0, 1])
    assert answer.numbers["target_score_difference"] == pytest.approx(difference, abs=1e-6)
    assert answer.numbers["completeness_error"] == pytest.approx(abs(float(delta)) / abs(difference), abs=1e-4)
    assert answer.numbers["converged"] is (answer.numbers["completeness_error"] <= 0.05)


def test_integrated_gradients_of_a_linear_model_are_exact() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 12, 3))
    x = torch.rand(1, 2, 3, 4)
    answer = integrated_gradients.explain(model, x, 2)
    expected = (model[1].weight[2].reshape(2, 3, 4) * x[0]).sum(0).detach().numpy()
    assert np.allclose(answer.maps[0], expected, atol=1e-6) and answer.numbers["steps"] == 50
    assert answer.numbers["converged"] and "not converged" not in answer.titles[0]


def test_steps_double_until_the_limit_and_the_failure_is_told() -> None:
    class Steep(nn.Module):
        """A logit that jumps between two steps: no number of steps integrates it."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(1e9))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.weight * (x.flatten(1).sum(1, keepdim=True) - 0.30001))

    answer = integrated_gradients.explain(Steep(), torch.full((1, 1, 2, 2), 0.25), 0)
    assert answer.numbers["steps"] == 400 and answer.numbers["converged"] is False
    assert "Not converged" in answer.caption and "not converged" in answer.titles[0]
    assert integrated_gradients.explain(Steep(), torch.ones(1, 1, 2, 2), 0, max_steps=70).numbers["steps"] == 70
    with pytest.raises(UnsupportedError, match="at least one step"):
        integrated_gradients.explain(Steep(), X, 0, max_steps=0)


def test_gradients_work_after_inference_mode_filled_a_buffer() -> None:
    # One step: a batch of one image uses the cached buffer itself, larger ones a copy.
    model, x = convit(), X[..., :32]
    fresh = integrated_gradients.explain(convit(), x, 0, max_steps=1)
    with torch.inference_mode():
        model(x)
        inside = integrated_gradients.explain(model, x, 0, max_steps=1)
    assert np.array_equal(inside.maps, fresh.maps)


def test_methods_of_the_model_alone_are_told_apart() -> None:
    assert set(EXPLAINERS) - set(of_the_sky()) == {"patch_filters", "position_bias", "transformed_input"}
    assert not EXPLAINERS["patch_filters"].explain(vit(), X, 0).on_sky
    assert EXPLAINERS["position_similarity"].explain(vit(), X, 0).on_sky
    assert not EXPLAINERS["position_similarity"].explain(vit(), X, 0, view="grid").on_sky


def test_a_map_that_is_zero_everywhere_says_what_that_means() -> None:
    zero = Explanation(np.zeros((1, 4, 4), np.float32), ("a",), False, "Features of blocks.3.")
    told = caption_zero_maps("grad_cam", zero).caption
    assert told == (
        "The map is zero everywhere. Nothing there raises the label's logit; what lowers it is cut at zero. "
        "Features of blocks.3."
    )
    assert "no part of the input" in caption_zero_maps("attention_rollout", zero).caption
    kept = dataclasses.replace(zero, maps=np.eye(4, dtype=np.float32)[None])
    assert caption_zero_maps("grad_cam", kept) is kept
