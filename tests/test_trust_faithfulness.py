"""Deletion and insertion against torch-cam and against closed forms."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torchcam.metrics import DeletionInsertionMetric

from vlass_explorer.attribution import baseline_image
from vlass_explorer.progress import watch
from vlass_explorer.schema import UnsupportedError
from vlass_explorer.trust import faithfulness

X = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(5))


def vit() -> nn.Module:
    torch.manual_seed(0)
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "num_heads": 3, "depth": 2, "in_chans": 1}
    return timm.create_model("vit_tiny_patch16_224", num_classes=4, **shape).eval()


class Given:
    """A map that torch-cam takes for the answer of one of its extractors."""

    def __init__(self, model: nn.Module, relevance: np.ndarray) -> None:
        self.model, self.relevance = model, torch.from_numpy(relevance)[None]

    def __call__(self, class_idx: Any = None, scores: Any = None, normalized: bool = True, **_: Any) -> Any:
        return [self.relevance]

    def fuse_cams(self, cams: list[torch.Tensor]) -> torch.Tensor:
        return cams[0]

    def _hooks_off(self) -> Any:
        return nullcontext()


@pytest.mark.parametrize("score", ["softmax", "logit"])
@pytest.mark.parametrize("steps", [7, 50])
def test_areas_without_ties_are_those_of_torch_cam(score: str, steps: int) -> None:
    """An enlarged map has ties at its edges, beyond the centres of its outer cells: only this one has none."""
    model, relevance = vit(), np.random.default_rng(1).standard_normal((32, 32)).astype(np.float32)
    ours = faithfulness(model, X, 2, relevance, steps=steps, baseline="blur", score=score, seeds=(0,))
    metric = DeletionInsertionMetric(
        Given(model, relevance),
        (lambda logits: logits.softmax(-1)) if score == "softmax" else None,
        steps=steps,
        baseline=baseline_image(model, X, "blur"),
    )
    metric.update(X, 2)
    theirs = metric.summary()
    assert ours.deletion_auc == pytest.approx(theirs["deletion_auc"], abs=1e-6)
    assert ours.insertion_auc == pytest.approx(theirs["insertion_auc"], abs=1e-6)


def test_curves_of_a_linear_model_are_sums_of_contributions() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    x = torch.rand(1, 1, 8, 8)
    parts = (model[1].weight[1] * x.flatten()).detach().double().numpy()
    answer = faithfulness(model, x, 1, parts.reshape(8, 8), steps=64, score="logit", seeds=(0, 1))
    falling = np.concatenate([[0.0], np.cumsum(np.sort(parts)[::-1])])
    assert np.allclose(answer.deletion, parts.sum() - falling, atol=1e-5)
    assert np.allclose(answer.insertion, falling, atol=1e-5)
    assert np.allclose(answer.fractions, np.linspace(0, 1, 65)) and answer.gap > 0
    # No order beats the exact one: the reverse is as much worse than chance.
    worst = faithfulness(model, x, 1, -parts.reshape(8, 8), steps=64, score="logit", seeds=(0, 1))
    assert worst.insertion_auc < min(answer.random_insertion_aucs) < answer.insertion_auc
    assert worst.gap < 0 and worst.random_deletion_aucs == answer.random_deletion_aucs


def test_tied_pixels_go_together_and_the_trapezoid_bridges_them() -> None:
    """A quarter of the pixels has weight, in two values of eight pixels each; the rest is zero and is one step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    x = torch.rand(1, 1, 8, 8)
    parts = (model[1].weight[1] * x.flatten()).detach().double().numpy()
    values = np.zeros(64)
    values[np.random.default_rng(0).permutation(64)[:16]] = np.repeat([2.0, 1.0], 8)
    answer = faithfulness(model, x, 1, values.reshape(8, 8), steps=64, score="logit", seeds=(0,))
    gone = [0.0, parts[values == 2].sum(), parts[values >= 1].sum(), parts.sum()]
    assert np.allclose(answer.fractions, [0, 0.125, 0.25, 1.0])
    assert np.allclose(answer.insertion, gone, atol=1e-5) and np.allclose(answer.deletion, gone[-1] - gone, atol=1e-5)
    assert answer.insertion_auc == pytest.approx(np.trapezoid(gone, [0, 0.125, 0.25, 1.0]), abs=1e-6)
    # A step of ten pixels parts neither value: it ends where the next one ends.
    coarse = faithfulness(model, x, 1, values.reshape(8, 8), steps=7, score="logit", seeds=(0,))
    assert np.allclose(coarse.fractions, [0, 0.25, 1.0])


def test_a_map_without_contrast_is_neither_better_nor_worse_than_none() -> None:
    answer = faithfulness(vit(), X, 0, np.ones((4, 4)), steps=50, seeds=(0, 1, 2))
    assert answer.fractions.tolist() == [0.0, 1.0] and answer.deletion_auc == answer.insertion_auc
    assert answer.protocol.startswith("1 step, tied pixels together, replaced")


class Turned(nn.Module):
    """The mean scores of a model over the eight orientations, which are the same for each of them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        views = [view.rot90(k, (2, 3)) for view in (x, x.flip(3)) for k in range(4)]
        return torch.stack([self.model(view).double() for view in views]).mean(dim=0)


@pytest.mark.parametrize("kind", ["zeros", "coarse", "signed"])
def test_the_eight_orientations_have_one_curve(kind: str) -> None:
    random = np.random.default_rng(3)
    maps = {
        "zeros": np.where(random.random((32, 32)) < 0.8, 0.0, random.random((32, 32))),
        "coarse": random.standard_normal((5, 5)),  # not a power of two: enlarging it rounds
        "signed": random.integers(-2, 3, (16, 16)).astype(float),
    }
    model, found = Turned(vit()).eval(), []
    for mirror in (False, True):
        for turns in range(4):
            x = torch.rot90(X.flip(3) if mirror else X, turns, (2, 3)).contiguous()
            relevance = np.rot90(maps[kind][:, ::-1] if mirror else maps[kind], turns)
            found.append(faithfulness(model, x, 1, relevance, steps=20, seeds=(0,)))
    first = found[0]
    assert len(first.fractions) > 4
    for other in found[1:]:
        assert np.array_equal(other.fractions, first.fractions)
        assert np.allclose(other.deletion, first.deletion, atol=1e-6)
        assert np.allclose(other.insertion, first.insertion, atol=1e-6)
        assert other.deletion_auc == pytest.approx(first.deletion_auc, abs=1e-6)
        assert other.insertion_auc == pytest.approx(first.insertion_auc, abs=1e-6)


def test_the_protocol_is_told_with_the_numbers() -> None:
    relevance = np.random.default_rng(0).random((32, 32))
    answer = faithfulness(vit(), X, 0, relevance, steps=50, seeds=(0, 1, 2))
    assert answer.protocol == (
        "49 steps, tied pixels together, replaced with empty sky, softmax score, "
        "against 3 random maps of 32 x 32 cells."
    )
    assert len(answer.random_deletion_aucs) == 3 and len(answer.fractions) == len(answer.deletion) == 50
    assert answer.deletion[0] == answer.insertion[-1] and answer.deletion[-1] == answer.insertion[0]


def test_impossible_protocols_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="at least one step"):
        faithfulness(vit(), X, 0, np.ones((4, 4)), steps=0)
    with pytest.raises(UnsupportedError, match="one random map"):
        faithfulness(vit(), X, 0, np.ones((4, 4)), seeds=())


def test_progress_counts_the_maps() -> None:
    seen: list[float] = []
    with watch(seen.append):
        faithfulness(vit(), X, 0, np.ones((4, 4)), steps=5, seeds=(0, 1, 2))
    assert seen == [0.25, 0.5, 0.75, 1.0]
