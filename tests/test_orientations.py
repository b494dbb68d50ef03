"""Scores averaged over the eight orientations: against a plain mean, and turning with the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vlass_explorer import segmentation
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.schema import InputSpec
from vlass_explorer.segmentation import EightViews

TURNS: dict[str, Callable[[Tensor], Tensor]] = {
    "quarter turn": lambda x: x.rot90(1, (2, 3)),
    "half turn": lambda x: x.rot90(2, (2, 3)),
    "mirror": lambda x: x.flip(3),
    "mirror of a turn": lambda x: x.rot90(3, (2, 3)).flip(2),
}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    made = segmentation.create("panoptic_fpn", 4, encoder="test_byobnet", in_chans=1, pyramid=8, img_size=64)
    return made.eval()


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_it_is_the_mean_of_the_scores_of_eight_turned_images(network: nn.Module, x: Tensor) -> None:
    found = EightViews(network)(x).exp().numpy()
    mean = np.zeros_like(found, dtype=np.float64)
    for turn in range(4):
        for mirrored in (False, True):
            image = np.rot90(x.numpy(), turn, (2, 3))
            image = np.flip(image, 2) if mirrored else image
            scores = network(torch.from_numpy(image.copy())).double().softmax(1).numpy()
            scores = np.flip(scores, 2) if mirrored else scores
            mean += np.rot90(scores, -turn, (2, 3)) / 8
    assert found == pytest.approx(mean, abs=1e-6)
    assert found.sum(1) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(network(x).softmax(1).numpy() - mean).max() > 1e-3  # one view says something else


@pytest.mark.parametrize("turn", TURNS)
@torch.inference_mode()
def test_the_answer_turns_with_the_image(network: nn.Module, x: Tensor, turn: str) -> None:
    views, move = EightViews(network), TURNS[turn]
    assert torch.allclose(views(move(x)), move(views(x)), atol=1e-5)
    assert not torch.allclose(network(move(x)), move(network(x)), atol=1e-2)


def test_a_cutout_is_labelled_by_it_as_by_any_network(network: nn.Module) -> None:
    cutout, _ = pixel_labels.simulate(1, seed=3).items[0].read(len(pixel_labels.CLASSES))
    spec = InputSpec(stretch="asinh", field_of_view=64.0, field_of_view_pixels=64, normalisation="none", img_size=64)
    found = segmentation.segment(EightViews(network), spec, ("a", "b", "c", "d"), cutout)
    one = segmentation.segment(network, spec, ("a", "b", "c", "d"), cutout)
    assert found.labels.shape == cutout.shape and found.tiles == one.tiles
    assert found.scores[found.labels < 4].min() >= 0.25 and found.scores.max() <= 1.0
