"""The shipped checkpoint for pixels, on simulated images that it has not seen and whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vlass_explorer import checkpoints, segmentation
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.evaluation import unseen
from vlass_explorer.schema import Cutouts
from vlass_explorer.segmentation import Fluxes

SHELF = Path(__file__).resolve().parents[1] / "checkpoints"
CARD = checkpoints.find("sim-panoptic-fpn", SHELF)
SEED, COUNT = 4711, 24


@pytest.fixture(scope="module")
def looked() -> list[tuple[np.ndarray, np.ndarray, dict[str, float], Fluxes]]:
    """Of each image the true mask, the model's, the true fluxes and those measured with the model's mask."""
    model = checkpoints.load(CARD)
    found = []
    for item in pixel_labels.simulate(COUNT, seed=SEED).items:
        cutout, mask = item.read(len(pixel_labels.CLASSES))
        seen = segmentation.segment(model, CARD.input_spec, CARD.label_names, cutout)
        assert item.fluxes is not None
        pieces = segmentation.find(cutout, seen, least_beams=0.0)
        found.append((mask, seen.labels, dict(item.fluxes()), segmentation.fluxes(cutout, pieces)))
    return found


def test_it_is_small_and_says_what_it_is() -> None:
    assert CARD.task == "segmentation" and CARD.label_names == pixel_labels.CLASSES and CARD.provenance.simulated
    model = checkpoints.load(CARD)
    assert sum(parameter.numel() for parameter in model.parameters()) <= 3_000_000
    known = unseen.overlap(CARD, Cutouts(np.array(["0" * 16]), np.full((1, 2), np.nan)))
    assert known.trained == known.selected == 0


def test_masks_are_about_as_good_as_the_card_says(looked: list) -> None:
    score = segmentation.Score(len(CARD.label_names))
    for mask, labels, _, _ in looked:
        score.add(mask, labels)
    said = CARD.reports.segmentations["test"]
    # Of 24 images instead of 200: within what so few scatter.
    assert score.mean_iou > said["mean_iou"] - 0.12 and score.pixel_accuracy > said["pixel_accuracy"] - 0.01


def test_the_error_of_the_class_covers_what_the_error_of_the_noise_does_not(looked: list) -> None:
    alone, both = [], []
    for _, _, truth, measured in looked:
        for name in ("compact core", "lobe", "jet"):
            own = [one for one in measured.components if one.label == name]
            if not own:
                continue
            off = sum(one.flux for one in own) - truth[name]
            noise = np.hypot.reduce([one.flux_error for one in own])
            doubt = np.hypot.reduce([one.class_error for one in own])
            alone.append(abs(off) / noise)
            both.append(abs(off) / np.hypot(noise, doubt))
    assert len(both) > 15
    # Two errors hold 95 % of Gaussian scatter; a class that is wrong without doubt is in no error.
    assert np.mean(np.array(both) < 2) > 0.75 and np.mean(np.array(alone) < 2) < np.mean(np.array(both) < 2) - 0.1
