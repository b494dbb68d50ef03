"""The cascade of random weights against Quantus and exact cases; copies asked side by side and one by one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import timm
import torch
from test_trust import QUIET, RNG, cnn, quantus, saliency
from torch import nn

from vlass_explorer import checkpoints
from vlass_explorer.attribution import gradient
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.progress import watch
from vlass_explorer.schema import UnsupportedError
from vlass_explorer.trust import randomisation
from vlass_explorer.trust.randomisation import cascade


def test_the_cascade_is_that_of_quantus() -> None:
    model, x, target = cnn(), torch.rand(1, 1, 12, 12), 1

    def explain(inputs: np.ndarray, targets: np.ndarray, model: nn.Module, **_: Any) -> np.ndarray:
        images = torch.as_tensor(inputs, dtype=torch.float32)
        return np.stack([saliency(model, image[None], int(t))[None] for image, t in zip(images, targets, strict=True)])

    metric = quantus().MPRT(seed=42, layer_order="top_down", **QUIET)
    theirs = metric(
        model=model,
        x_batch=x.numpy(),
        y_batch=np.array([target]),
        a_batch=saliency(model, x, target)[None, None],
        explain_func=explain,
        device="cpu",
    )
    ours = randomisation(model, lambda one: saliency(one, x, target), points=None, seed=42)
    assert list(ours.layers) == [name for name in theirs if name != "original"] == ["7", "3", "1", "0"]
    assert ours.similarities == pytest.approx([theirs[name][0] for name in ours.layers], abs=1e-5)


def test_randomisation_leaves_model_and_random_numbers_alone() -> None:
    torch.manual_seed(0)
    model, x = checkpoints.create("d4_resnet", 3, {}).eval(), torch.rand(1, 1, 32, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state, seen = torch.random.get_rng_state(), []
    with watch(seen.append):
        answer = randomisation(model, lambda one: EXPLAINERS["smoothgrad"].explain(one, x, 0).maps[0], points=3)
    assert torch.equal(state, torch.random.get_rng_state()) and not model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert len(answer.layers) == len(answer.similarities) == 3 and answer.layers[-1] == "stem"
    assert answer.last == answer.similarities[-1] < 0.5
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_every_parameter_becomes_random() -> None:
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=2).eval()
    copies: list[nn.Module] = []
    randomisation(model, lambda one: copies.append(one) or np.eye(3), points=1)
    for (name, old), new in zip(model.named_parameters(), copies[-1].parameters(), strict=True):
        is_constant = "bias" in name or "norm" in name  # initialised to the same 0 or 1 again
        assert is_constant or not torch.equal(old, new), name


class Odd(nn.Module):
    """Layers that get two rows an image, or whose weights are read beside them."""

    def __init__(self, windows: bool) -> None:
        super().__init__()
        self.windows, self.one, self.two, self.three = windows, nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[:, 0, :2, :8]
        x = self.one(x.flatten(0, 1)).view_as(x) if self.windows else x @ self.one.weight + self.one(x)
        return self.three(torch.tanh(self.two(x)).flatten(1))


@pytest.mark.parametrize(
    ("architecture", "method", "passes"),
    [
        ("vit_tiny_patch16_224", "attention_rollout", [5]),  # the last is alone: positions belong to no layer
        ("vit_tiny_patch16_224", "grad_cam", [5]),
        ("d4_resnet", "grad_cam", [6]),
        ("windows", "", [3]),
        ("weights", "", [3]),
    ],
)
def test_random_copies_side_by_side_are_those_one_by_one(architecture: str, method: str, passes: list[int]) -> None:
    torch.manual_seed(0)
    options = {"img_size": 32, "depth": 2, "in_chans": 1} if architecture.startswith("vit") else {}
    odd = architecture in ("windows", "weights")
    model = Odd(architecture == "windows").eval() if odd else checkpoints.create(architecture, 3, options).eval()
    x, seen = torch.rand(1, 1, 32, 32), []

    def together(one: nn.Module, count: int) -> list[np.ndarray]:
        seen.append(count)
        images = x.repeat(count, 1, 1, 1)
        if odd:
            return list(gradient(one, images, 1)[:, 0, :2, :8].numpy())
        return [found.maps[0] for found in EXPLAINERS[method].explain_each(one, images, 1)]

    def explain(one: nn.Module) -> np.ndarray:
        return gradient(one, x, 1)[0, 0, :2, :8].numpy() if odd else EXPLAINERS[method].explain(one, x, 1).maps[0]

    alone, both = (randomisation(model, explain, points=6, **given) for given in ({}, {"together": together}))
    assert both.layers == alone.layers and both.similarities == pytest.approx(alone.similarities, abs=1e-5)
    assert seen == passes and min(alone.similarities) < 0.9


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "vlass_vision_cnn", "d4_resnet", "tied"])
def test_the_cascade_draws_each_layer_from_the_same_seed(architecture: str) -> None:
    torch.manual_seed(0)
    small = {"img_size": 32, "depth": 2, "in_chans": 1} if architecture.startswith("vit") else {}
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    model[2].weight = model[0].weight  # one weight of two layers
    if architecture != "tied":
        model = checkpoints.create(architecture, 3, small).eval()
    expected, before = deepcopy(model), deepcopy(model.state_dict())
    names = [n for n, m in list(model.named_modules())[::-1] if next(m.parameters(recurse=False), None) is not None]
    for name, copy in cascade(model, names, seed=3):
        module = expected.get_submodule(name)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            else:
                for own in module.parameters(recurse=False):
                    own.normal_(float(own.mean()), max(float(own.std(correction=0)), 0.02))
        found, theirs = copy.state_dict(), expected.state_dict()
        assert all(torch.equal(found[key], theirs[key]) for key in theirs), name
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_copy_forgets_what_the_model_cached() -> None:
    torch.manual_seed(0)
    model, x = timm.create_model("levit_128s", num_classes=2).eval(), torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases begin at 0, which hides every attention
            parameter.add_(0.1 * torch.randn_like(parameter))
    with torch.inference_mode():
        model(x)
        ((_, copy),) = cascade(model, ["stages.0.blocks.0.attn"], seed=0)
        cached = copy(x)
    fresh = timm.create_model("levit_128s", num_classes=2).eval()
    fresh.load_state_dict(copy.state_dict())
    with torch.inference_mode():
        assert torch.equal(cached, fresh(x)) and not torch.equal(cached, model(x))


def test_a_map_that_ignores_the_model_stays_the_same() -> None:
    edges = RNG.standard_normal((8, 8))
    for similarity in ("spearman", "ssim"):
        answer = randomisation(cnn(), lambda model: edges, points=2, similarity=similarity)
        assert answer.similarities == pytest.approx((1.0, 1.0)) and answer.similarity == similarity
    with pytest.raises(UnsupportedError, match="parameters"):
        randomisation(nn.ReLU(), lambda model: edges)
