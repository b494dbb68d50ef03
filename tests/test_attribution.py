"""What attribution methods share, and their closed forms on linear models."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import timm
import torch
from captum.attr import GradientShap
from captum.attr import Occlusion as CaptumOcclusion
from torch import nn

from vlass_explorer.attribution import background, baseline_image, contrast, gradient
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.explainers.feature_ablation import islands
from vlass_explorer.private import private_copy
from vlass_explorer.progress import Cancelled, watch
from vlass_explorer.schema import InputSpec, UnsupportedError

X = torch.rand(1, 2, 12, 16, generator=torch.Generator().manual_seed(2))


def linear(chans: int = 2, height: int = 12, width: int = 16) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(chans * height * width, 3)).eval()


def weights(model: nn.Module, target: int) -> torch.Tensor:
    return model[1].weight[target].detach().reshape(2, 12, 16)


def vit(**more: object) -> nn.Module:
    torch.manual_seed(0)
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "num_heads": 3, "depth": 2, "in_chans": 1}
    return timm.create_model("vit_tiny_patch16_224", num_classes=4, **{**shape, **more}).eval()


def explain(name: str, model: nn.Module, x: torch.Tensor, target: int, **options: object) -> np.ndarray:
    return EXPLAINERS[name].explain(model, x, target, **options).maps[0]


@pytest.mark.parametrize("name", ["input_x_gradient", "integrated_gradients", "occlusion", "feature_ablation"])
def test_a_linear_model_is_explained_by_weight_times_pixel(name: str) -> None:
    model = linear()
    options = {"occlusion": {"window": 1, "stride": 1}, "feature_ablation": {"regions": "grid", "cells": 12}}
    exact = (weights(model, 2) * X[0]).sum(0)
    assert np.allclose(explain(name, model, X, 2, **options.get(name, {})), exact, atol=2e-6)
    model.input_spec = InputSpec(mean=(0.5,), std=(0.25,))  # empty sky is -2 then
    exact = (weights(model, 2) * (X[0] + 2.0)).sum(0)
    assert np.allclose(explain(name, model, X, 2, **options.get(name, {})), exact, atol=2e-6)


def test_noise_does_not_change_the_gradient_of_a_linear_model() -> None:
    model = linear()
    answer = EXPLAINERS["smoothgrad"].explain(model, X, 1, samples=30, noise=0.3)
    assert np.allclose(answer.maps[0], weights(model, 1).sum(0), atol=1e-6)
    assert answer.numbers["noise_rms"] == pytest.approx(0.3 * float(X.max() - X.min()))


def test_smoothgrad_is_the_gradient_of_the_blurred_function() -> None:
    class Cubic(nn.Module):
        """Sum of x³, whose mean gradient under noise of rms s is 3 x² + 3 s²."""

        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Parameter(torch.ones(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.one * (x**3).flatten(1).sum(1, keepdim=True)

    x = X[:, :1]
    answer = EXPLAINERS["smoothgrad"].explain(Cubic(), x, 0, samples=20_000, noise=0.5)
    s = answer.numbers["noise_rms"]
    assert np.allclose(answer.maps[0], 3 * x[0, 0] ** 2 + 3 * s**2, atol=0.12)
    assert np.array_equal(explain("smoothgrad", Cubic(), x, 0, samples=1, noise=0.0), 3 * x[0, 0].numpy() ** 2)


def test_gradient_shap_is_that_of_captum_with_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, count = vit(), torch.rand(1, 1, 32, 32), 20
    draws = np.random.default_rng(4).random((count, 1, 1, 1)).astype(np.float32)
    monkeypatch.setattr(torch, "rand", lambda shape, generator: torch.from_numpy(draws))
    ours = explain("gradient_shap", model, x, 1, samples=count, skies="plain")
    monkeypatch.undo()
    way = (np.arange(count) + draws.ravel()) / count
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: way)
    theirs = GradientShap(model).attribute(x, torch.zeros_like(x), n_samples=count, stdevs=0.0, target=1)
    assert np.abs(ours - theirs[0, 0].detach().numpy()).max() < 1e-6


def test_gradient_shap_of_a_linear_model_is_complete() -> None:
    answer = EXPLAINERS["gradient_shap"].explain(linear(), X, 0, samples=60)
    assert answer.numbers["completeness_error"] < 1e-4
    assert answer.numbers["target_score_difference"] == pytest.approx(float(answer.maps.sum()), rel=1e-4)


def test_occlusion_is_that_of_captum_and_shows_one_channel() -> None:
    model, x = vit(in_chans=3), torch.rand(1, 3, 32, 32)
    answer = EXPLAINERS["occlusion"].explain(model, x, 1, window=8, stride=3)
    with torch.no_grad():
        theirs = CaptumOcclusion(model).attribute(x, (3, 8, 8), strides=(3, 3, 3), target=1, baselines=0)
    assert np.allclose(answer.maps[0], theirs[0, 0], atol=1e-6) and answer.numbers["windows"] == 81


def test_occlusion_asks_once_about_equal_images() -> None:
    asked: list[int] = []

    class Counting(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            asked.append(len({image.numpy().tobytes() for image in images}))
            return super().forward(images)

    model = Counting(*linear(1, 32, 32), nn.GELU(), nn.Linear(3, 3)).eval()
    model.input_spec = InputSpec(mean=(0.00867,), std=(0.062658,))
    x = baseline_image(model, torch.zeros(1, 1, 32, 32), "zero")  # empty sky but for two sources
    x[..., 9:12, 10:13], x[..., 20, 21] = 1.5, 0.7
    answer = EXPLAINERS["occlusion"].explain(model, x, 1)
    count, asked[:] = sum(asked), []
    theirs = CaptumOcclusion(model).attribute(
        x, (1, 4, 4), strides=(1, 2, 2), target=1, baselines=baseline_image(model, x, "zero")
    )
    assert np.allclose(answer.maps[0], theirs.detach()[0, 0], atol=1e-6)
    assert answer.numbers["windows"] == 225 and count < 12 < sum(asked)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_gradient_shap_is_its_sum_one_by_one(noise: float) -> None:
    model, x = vit(), torch.zeros(1, 1, 32, 32)
    x[..., 10:14, 12:20] = 1.0  # without noise all empty skies are one
    x += noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(5))
    answer = EXPLAINERS["gradient_shap"].explain(model, x, 1, samples=30)
    draws, total, change = torch.Generator().manual_seed(0), torch.zeros_like(x), 0.0
    rms = float(background(x.numpy())[1][0, 0, 0, 0])
    for done, count in ((0, 25), (25, 5)):
        starts = rms * torch.randn((count, 1, 32, 32), generator=draws)
        ways = (torch.arange(done, done + count).view(-1, 1, 1, 1) + torch.rand((count, 1, 1, 1), generator=draws)) / 30
        for start, way in zip(starts.split(1), ways, strict=True):
            total += gradient(private_copy(model), start + way * (x - start), 1) * (x - start) / 30
            with torch.no_grad():
                change += float((model(x) - model(start))[0, 1]) / 30
    assert np.allclose(answer.maps[0], total[0, 0], atol=1e-6 * float(total.abs().max()) + 1e-9)
    assert answer.numbers["target_score_difference"] == pytest.approx(change, rel=1e-5)


def test_regions_answer_with_one_number_each() -> None:
    model, x = linear(), torch.zeros(1, 2, 12, 16)
    x[..., 2:4, 2:5], x[..., 8:10, 10:12] = 1.0, 2.0
    labels = islands(x[0].mean(0).numpy())
    assert set(labels[2:4, 2:5].flat) == {2} and set(labels[8:10, 10:12].flat) == {1} and labels.max() == 2
    answer = EXPLAINERS["feature_ablation"].explain(model, x, 0)
    exact = weights(model, 0) * x[0]
    for number in (1, 2):
        assert np.allclose(answer.maps[0][labels == number], float(exact[:, labels == number].sum()), atol=1e-5)
    assert np.abs(answer.maps[0][labels == 0]).max() < 1e-6 and answer.numbers["regions"] == 3
    whole = EXPLAINERS["feature_ablation"].explain(model, X, 0)  # no pixel stands out
    assert whole.numbers["regions"] == 1 and np.ptp(whole.maps) == 0


def test_islands_need_five_times_the_noise_and_are_bounded() -> None:
    image = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    image[10:13, 10:13] += 30.0
    assert islands(image).max() == 1 and islands(image)[11, 11] == 1
    dots = np.zeros((64, 64), np.float32)
    dots[::4, ::4] = 1.0
    assert islands(dots).max() == 64


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("occlusion", {"window": 13}, "does not fit"),
        ("occlusion", {"window": 4, "stride": 5}, "stride"),
        ("feature_ablation", {"regions": "grid", "cells": 13}, "does not fit"),
        ("smoothgrad", {"samples": 0}, "at least one"),
        ("gradient_shap", {"samples": 0}, "at least one"),
    ],
)
def test_impossible_options_are_told(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        EXPLAINERS[name].explain(linear(), X, 0, **options)


def test_baselines_are_what_their_names_say() -> None:
    model, x = vit(in_chans=3), torch.rand(1, 3, 32, 48) + torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)
    model.input_spec = InputSpec(in_chans=3, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0), nan_fill=0.1)
    assert np.allclose(baseline_image(model, x, "zero")[0, :, 5, 7], [0.0, -0.1, -0.1], atol=1e-7)
    assert not baseline_image(model, x, "mean").any()
    blurred = baseline_image(model, x, "blur")
    assert blurred.mean() == pytest.approx(float(x.mean()), abs=0.05) and blurred[0, 0].std() < 0.3 * x[0, 0].std()
    level, rms = background(x.numpy())
    noise = baseline_image(model, x, "noise").numpy()
    assert np.allclose(background(noise)[0], level, atol=0.05) and np.allclose(background(noise)[1], rms, rtol=0.1)
    assert not baseline_image(linear(), X, "zero").any()


def test_contrast_is_the_difference_of_two_logits_for_every_method() -> None:
    model, x = vit(), torch.rand(1, 1, 32, 32)
    against = contrast(model, 3)
    assert type(against) is type(model) and against.head.weight is model.head.weight
    with torch.no_grad():
        logits = model(x)
        assert torch.equal(against(x), logits - logits[:, 3:4])
    difference = gradient(private_copy(model), x.clone(), 1) - gradient(private_copy(model), x.clone(), 3)
    ours = explain("input_x_gradient", against, x, 1)
    assert np.allclose(ours, (difference * x)[0, 0], atol=1e-6)
    for name, module in EXPLAINERS.items():
        if module.supports(model)[0]:
            assert np.isfinite(explain(name, against, x, 1)).all()
    assert not model._forward_hooks


def test_threads_on_one_model_give_the_maps_of_one_thread() -> None:
    model, x = vit(), torch.rand(1, 1, 32, 32)
    jobs = [(name, target) for name in ("grad_cam", "smoothgrad", "gradient_shap", "occlusion") for target in (0, 1)]
    alone = [explain(name, model, x, target) for name, target in jobs]
    together: list[np.ndarray | None] = [None] * len(jobs)

    def work(index: int) -> None:
        together[index] = explain(jobs[index][0], model, x, jobs[index][1])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_nothing_is_left_in_memory() -> None:
    model, x = vit(), torch.rand(1, 1, 32, 32)
    names = [name for name, module in EXPLAINERS.items() if module.supports(model)[0]]

    def tensors() -> int:
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    for name in names:
        explain(name, model, x, 0)
    gc.collect()
    gc.disable()  # what only the collector of circles could free counts as left
    try:
        before = tensors()
        for name in names:
            explain(name, model, x, 1)
            assert tensors() <= before, name
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "name", ["integrated_gradients", "smoothgrad", "gradient_shap", "occlusion", "feature_ablation"]
)
def test_long_methods_report_and_can_be_cancelled(name: str) -> None:
    seen: list[float] = []
    options = {"regions": "grid"} if name == "feature_ablation" else {}
    with watch(seen.append):
        explain(name, vit(), torch.rand(1, 1, 32, 32), 0, **options)
    assert len(seen) > 1 and seen == sorted(seen) and seen[-1] == 1.0

    def stop(share: float) -> None:
        raise Cancelled

    model = vit()
    with pytest.raises(Cancelled), watch(stop):
        explain(name, model, torch.rand(1, 1, 32, 32), 0, **options)
    assert not any(module._forward_hooks for module in model.modules())
