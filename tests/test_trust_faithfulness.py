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
@pytest.mark.parametrize(("shape", "steps"), [((4, 4), 50), ((32, 32), 7), ((5, 3), 20)])
def test_areas_are_those_of_torch_cam(score: str, shape: tuple[int, int], steps: int) -> None:
    model, relevance = vit(), np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    ours = faithfulness(model, X, 2, relevance, steps=steps, baseline="blur", score=score, seeds=(0,))
    metric = DeletionInsertionMetric(
        Given(model, relevance), (lambda logits: logits.softmax(-1)) if score == "softmax" else None,
        steps=steps, baseline=baseline_image(model, X, "blur"),
    )  # fmt: skip
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


def test_the_protocol_is_told_with_the_numbers() -> None:
    answer = faithfulness(vit(), X, 0, np.ones((4, 4)), steps=50, seeds=(0, 1, 2))
    assert answer.protocol == (
        "49 steps, pixels replaced with empty sky, softmax score, against 3 random maps of 4 x 4 cells."
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
