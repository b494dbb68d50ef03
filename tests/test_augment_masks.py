"""Masks move as their images do: the same draw, no label mixed with another, nothing from beyond the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vlass_explorer.augment import augment, augment_masks
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.schema import InputSpec, RunConfig, Window
from vlass_explorer.segmentation import IGNORE

SPEC = InputSpec(stretch="linear", beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
WINDOW = Window(20, 84, 30, 94)
OFF = RunConfig(rotate=False, flip=0.0, shift=0.0, zoom=0.0)


@pytest.fixture(scope="module")
def masks() -> torch.Tensor:
    found = pixel_labels.simulate(6, seed=1, size=110)
    return torch.from_numpy(np.stack([item.mask(5) for item in found.items]))


@pytest.mark.parametrize("epoch", range(3))
def test_each_label_moves_as_an_image_of_it(masks: torch.Tensor, epoch: int) -> None:
    config = RunConfig(shift=8.0, zoom=0.3, flip=0.5)
    indices = range(len(masks))
    moved = augment_masks(masks, WINDOW, config, epoch=epoch, indices=indices, outside=IGNORE)
    assert moved.shape == (6, 64, 64) and moved.dtype == torch.uint8
    for label in range(5):
        image = (masks == label).float()[:, None]
        share = augment(image, WINDOW, SPEC, config, epoch=epoch, indices=indices)[:, 0]
        # Of four neighbours the nearest has at least a quarter: where it weighs more than three, all agree.
        assert bool((moved[share > 0.75] == label).all())
        assert bool((moved[share < 0.25] != label).all())
        beyond = share.isnan()
        assert bool((moved[beyond] == IGNORE).float().mean() > 0.95) if bool(beyond.any()) else True
    assert set(moved.unique().tolist()) <= {*masks.unique().tolist(), IGNORE}


def test_still_masks_are_the_crop_and_beyond_the_image_is_no_label(masks: torch.Tensor) -> None:
    still = augment_masks(masks, WINDOW, OFF, epoch=0, indices=range(6), outside=IGNORE)
    assert torch.equal(still, masks[:, 20:84, 30:94])
    over = augment_masks(masks, Window(-10, 54, 60, 124), OFF, epoch=0, indices=range(6), outside=IGNORE)
    assert bool((over[:, :10] == IGNORE).all()) and bool((over[:, :, 50:] == IGNORE).all())
    assert torch.equal(over[:, 10:, :50], masks[:, :54, 60:])
