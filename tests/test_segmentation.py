"""Losses and figures of segmentation against other libraries, brute force and values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.segmentation import DiceScore
from torchvision.ops import sigmoid_focal_loss

from vlass_explorer.segmentation import IGNORE, LOSSES, Score, cross_entropy, dice, focal
from vlass_explorer.segmentation.score import edge


def batch(classes: int = 4, ignored: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    masks = torch.randint(classes, (3, 12, 15), generator=generator)
    masks[torch.rand(masks.shape, generator=generator) < ignored] = IGNORE
    return torch.randn(3, classes, 12, 15, generator=generator), masks


def test_cross_entropy_is_the_mean_over_labelled_pixels() -> None:
    logits, masks = batch()
    x, t = logits.double().numpy(), masks.numpy()
    shares = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    found = [-math.log(shares[n, t[n, y, c], y, c]) for n, y, c in np.argwhere(t != IGNORE)]
    assert float(cross_entropy(logits, masks)) == pytest.approx(np.mean(found), rel=1e-5)
    weight = torch.tensor([1.0, 2.0, 0.5, 4.0])
    theirs = torch.nn.functional.cross_entropy(logits, masks, weight=weight, ignore_index=IGNORE)
    assert float(cross_entropy(logits, masks, weight=weight)) == pytest.approx(float(theirs), rel=1e-5)


def test_dice_of_certain_scores_is_that_of_torchmetrics() -> None:
    _, masks = batch(ignored=0.0)
    predicted = torch.randint(4, masks.shape, generator=torch.Generator().manual_seed(2))
    logits = 200.0 * torch.nn.functional.one_hot(predicted, 4).movedim(-1, 1)
    theirs = DiceScore(4, average="macro", input_format="index", aggregation_level="global")
    assert float(dice(logits, masks)) == pytest.approx(1 - float(theirs(predicted, masks)), abs=1e-5)


def test_dice_by_hand() -> None:
    # Two pixels: scores (0.8, 0.2) of class 0, (0.4, 0.6) of class 1. Class 2 has no pixel and no part.
    scores = torch.tensor([[0.8, 0.2, 1e-9], [0.4, 0.6, 1e-9]])
    logits, masks = scores.log().T.reshape(1, 3, 1, 2), torch.tensor([[[0, 1]]])
    expected = 1 - (2 * 0.8 / (1.2 + 1) + 2 * 0.6 / (0.8 + 1)) / 2
    assert float(dice(logits, masks)) == pytest.approx(expected, abs=1e-6)
    wider = torch.cat([logits, torch.full((1, 3, 1, 3), 7.0)], 3)
    assert float(dice(wider, torch.tensor([[[0, 1, IGNORE, IGNORE, IGNORE]]]))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 3.5])
def test_focal_of_two_classes_is_that_of_torchvision(gamma: float) -> None:
    logits, masks = batch(2, ignored=0.0)
    difference = logits[:, 1] - logits[:, 0]  # the sigmoid of it is the softmax of class 1
    theirs = sigmoid_focal_loss(difference, masks.float(), alpha=-1, gamma=gamma, reduction="mean")
    assert float(focal(logits, masks, gamma=gamma)) == pytest.approx(float(theirs), rel=1e-5)
    masks[0] = IGNORE
    rest = sigmoid_focal_loss(difference[1:], masks[1:].float(), alpha=-1, gamma=gamma, reduction="mean")
    assert float(focal(logits, masks, gamma=gamma)) == pytest.approx(float(rest), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_pulls_at_labelled_pixels_only_and_is_zero_without_any(name: str) -> None:
    logits, masks = batch()
    logits.requires_grad_()
    LOSSES[name](logits, masks).backward()
    strength = logits.grad.abs().sum(1)
    assert bool((strength[masks == IGNORE] == 0).all()) and float(strength[masks != IGNORE].min()) > 0
    empty = LOSSES[name](logits, torch.full_like(masks, IGNORE))
    assert float(empty.detach()) == 0.0
    logits.grad = None
    empty.backward()
    assert bool((logits.grad == 0).all())
    better = torch.nn.functional.one_hot(masks.where(masks != IGNORE, 0), 4).movedim(-1, 1) * 9.0
    assert float(LOSSES[name](better, masks)) < 0.01 < float(LOSSES[name](-better, masks))


def images() -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction of images of two sizes, one of which lacks classes; of five classes one never occurs."""
    random = np.random.default_rng(1)
    found = []
    for side, classes in ((20, 4), (31, 2), (9, 4)):
        truth = random.integers(classes, size=(side, side + 3))
        predicted = np.where(random.random(truth.shape) < 0.6, truth, random.integers(classes, size=truth.shape))
        truth[random.random(truth.shape) < 0.1] = IGNORE
        found.append((truth.astype(np.uint8), predicted))
    return found


def test_iou_and_accuracy_are_those_of_the_whole_set() -> None:
    score = Score(5)
    for truth, predicted in images():
        score.add(truth, predicted)
    truth, predicted = (np.concatenate([pair[side].ravel() for pair in images()]) for side in (0, 1))
    valid = truth != IGNORE
    expected = jaccard_score(truth[valid], predicted[valid], labels=range(4), average=None)
    assert score.iou[:4] == pytest.approx(expected) and math.isnan(score.iou[4])
    assert score.mean_iou == pytest.approx(expected.mean())
    assert score.pixel_accuracy == pytest.approx(accuracy_score(truth[valid], predicted[valid]))
    theirs = MulticlassJaccardIndex(4, average="none", ignore_index=IGNORE)
    assert score.iou[:4] == pytest.approx(theirs(torch.tensor(predicted), torch.tensor(truth)).numpy(), abs=1e-6)
    # Not the mean of the images' own.
    each = []
    for pair in images():
        one = Score(5)
        one.add(*pair)
        each.append(one.mean_iou)
    assert abs(np.mean(each) - score.mean_iou) > 0.01


def brute_force(truth: np.ndarray, predicted: np.ndarray, label: int, tolerance: float) -> tuple[int, int, int, int]:
    """Boundary pixels of both and those met by the other, pixel by pixel."""

    def boundary(mask: np.ndarray) -> list[tuple[int, int]]:
        found = []
        for y, x in np.argwhere((mask == label) & (truth != IGNORE)):
            beside = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
            inside = [(a, b) for a, b in beside if 0 <= a < mask.shape[0] and 0 <= b < mask.shape[1]]
            if any(mask[place] != label and truth[place] != IGNORE for place in inside):
                found.append((int(y), int(x)))
        return found

    def near(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
        return sum(any(math.dist(one, other) <= tolerance for other in others) for one in some)

    true, said = boundary(truth), boundary(predicted)
    return len(said), near(said, true), len(true), near(true, said)


@pytest.mark.parametrize("tolerance", [1.0, 2.5])
def test_boundaries_are_those_of_brute_force(tolerance: float) -> None:
    y, x = np.mgrid[:40, :40]
    truth = np.where(np.hypot(y - 18, x - 20) < 10, 1, 0) + np.where(np.hypot(y - 20, x - 34) < 8, 2, 0)
    truth = np.minimum(truth, 2).astype(np.uint8)
    predicted = np.where(np.hypot(y - 20, x - 19) < 11, 1, 0)
    truth[:4, 15:25] = IGNORE
    score = Score(4)
    for pair in ((truth, predicted), (predicted.astype(np.uint8), truth * (truth != IGNORE))):
        score.add(*pair, tolerance=tolerance)
    other = (predicted.astype(np.uint8), truth * (truth != IGNORE))
    counts = np.array(
        [[brute_force(*pair, label, tolerance) for label in range(4)] for pair in ((truth, predicted), other)]
    ).sum(0)
    assert np.array_equal(score.boundary, counts) and counts[1].min() > 0
    precision, recall = counts[1, 1] / counts[1, 0], counts[1, 3] / counts[1, 2]
    assert score.boundary_f1[1] == pytest.approx(2 * precision * recall / (precision + recall))
    assert math.isnan(score.boundary_f1[3])
    assert score.mean_boundary_f1 == pytest.approx(np.nanmean(score.boundary_f1))


def test_a_boundary_off_by_less_than_a_beam_is_found_and_one_off_by_more_is_not() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[10:20, 10:20] = 1
    for shift, expected in ((0, 1.0), (2, 1.0), (8, 0.0)):
        score = Score(2)
        score.add(truth, np.roll(truth, (shift, shift), (0, 1)), tolerance=3.0)
        assert score.boundary_f1[1] == pytest.approx(expected, abs=0.35 if shift == 8 else 0)
    missed = Score(2)
    missed.add(truth, np.zeros_like(truth), tolerance=3.0)
    assert missed.boundary_f1.tolist() == [0.0, 0.0] and missed.mean_boundary_f1 == 0.0


def test_what_reaches_the_edge_of_the_image_has_no_boundary_there() -> None:
    mask = np.zeros((6, 6), bool)
    mask[:3] = True
    assert edge(mask, np.ones_like(mask)).sum() == 6 and edge(mask, np.ones_like(mask))[2].all()
    assert not edge(np.ones_like(mask), np.ones_like(mask)).any()


def test_an_empty_set_has_no_figures() -> None:
    score = Score(3)
    score.add(np.full((4, 4), IGNORE, np.uint8), np.zeros((4, 4), int), tolerance=1.0)
    assert math.isnan(score.mean_iou) and math.isnan(score.pixel_accuracy) and math.isnan(score.mean_boundary_f1)


@pytest.mark.parametrize(
    ("truth", "predicted", "options", "said"),
    [
        (np.zeros((4, 4), int), np.zeros((4, 5), int), {}, "shapes"),
        (np.zeros((4, 4, 1), int), np.zeros((4, 4, 1), int), {}, "shapes"),
        (np.full((4, 4), 3), np.zeros((4, 4), int), {}, "not below 3"),
        (np.zeros((4, 4), int), np.full((4, 4), -1), {}, "not below 3"),
        (np.zeros((4, 4), int), np.zeros((4, 4), int), {"tolerance": math.nan}, "positive"),
    ],
)
def test_impossible_masks_are_refused(
    truth: np.ndarray, predicted: np.ndarray, options: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Score(3).add(truth, predicted, **options)
