"""Symmetry, emission, randomisation and complexity against Quantus, scikit-image and exact cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from astropy.wcs import WCS
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn

from vlass_explorer import checkpoints
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import Cutout, InputSpec, Noise
from vlass_explorer.trust import emission_mask, emission_share, entropy, randomisation, sparseness, symmetry
from vlass_explorer.trust.randomisation import spearman, ssim
from vlass_explorer.trust.symmetry import MOVES

RNG = np.random.default_rng(7)
QUIET = {"disable_warnings": True, "display_progressbar": False}


def quantus() -> Any:
    """Quantus, which pins another build of OpenCV and is therefore installed by itself, see requirements-oracles."""
    return pytest.importorskip("quantus", reason="Quantus is not installed: pip install --no-deps quantus==0.6.0")


def cnn() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 3),
    ).eval()


def saliency(model: nn.Module, x: torch.Tensor, target: int) -> np.ndarray:
    return EXPLAINERS["input_x_gradient"].explain(model, x, target).maps[0]


def test_an_explanation_that_turns_with_the_sky_is_stable() -> None:
    x = torch.rand(1, 1, 16, 16)
    exact = symmetry(lambda image: image[0, 0].numpy() ** 2, x)
    assert len(exact.correlations) == 7 and np.allclose(exact.correlations, 1.0, atol=1e-12)
    assert symmetry(lambda image: np.full((4, 4), float(image.mean())), torch.ones(1, 1, 8, 8)).mean == 1.0


def test_an_explanation_that_stays_is_compared_with_its_own_turns() -> None:
    fixed = RNG.standard_normal((6, 6))
    answer = symmetry(lambda image: fixed, torch.rand(1, 1, 12, 12))
    group = [np.rot90(side, k) for side in (fixed, fixed[:, ::-1]) for k in range(4)]
    expected = [np.corrcoef(fixed.ravel(), one.ravel())[0, 1] for one in group]
    assert sorted(answer.correlations) == pytest.approx(sorted(expected[1:]), abs=1e-12)
    assert answer.mean == pytest.approx(np.mean(expected[1:])) and len(MOVES) == 8


def test_a_map_that_is_known_is_not_made_again() -> None:
    model, x, made = cnn(), torch.rand(1, 1, 16, 16), []

    def explain(one: nn.Module, image: torch.Tensor) -> np.ndarray:
        made.append(saliency(one, image, 1))
        return made[-1]

    known = saliency(model, x, 1)
    answers = [
        (
            symmetry(lambda moved: explain(model, moved), x, known=given).correlations,
            randomisation(model, lambda one: explain(one, x), points=2, known=given).similarities,
        )
        for given in (None, known)
    ]
    assert answers[0] == answers[1] and len(made) == 8 + 3 + 7 + 2


@pytest.mark.parametrize(
    ("architecture", "method"),
    [("d4_resnet", "grad_cam"), ("vit_tiny_patch16_224", "attention_rollout"), ("vit_tiny_patch16_224", "layercam")],
)
def test_turns_explained_together_are_those_one_by_one(architecture: str, method: str) -> None:
    torch.manual_seed(0)
    options = {} if architecture == "d4_resnet" else {"img_size": 32, "depth": 2, "in_chans": 1}
    model, x = checkpoints.create(architecture, 3, options).eval(), torch.rand(1, 1, 32, 32)
    module, passes = EXPLAINERS[method], []

    def together(images: torch.Tensor) -> list[np.ndarray]:
        passes.append(len(images))
        return [found.maps[0] for found in module.explain_each(model, images, 1)]

    alone = symmetry(lambda image: module.explain(model, image, 1).maps[0], x)
    assert symmetry(lambda image: pytest.fail("alone"), x, together=together).correlations == pytest.approx(
        alone.correlations, abs=1e-5
    )
    assert passes == [8]
    large = torch.rand(1, 1, 32, 32 * 33)  # no two of these in one pass
    symmetry(lambda image: image[0, 0].numpy(), large, together=lambda images: pytest.fail("together"))


def test_oblong_images_keep_to_the_moves_that_fit() -> None:
    answer = symmetry(lambda image: image[0, 0].numpy(), torch.rand(1, 1, 8, 12))
    assert answer.correlations == pytest.approx((1.0, 1.0, 1.0))


def test_the_equivariant_backbone_has_an_equivariant_explanation() -> None:
    torch.manual_seed(0)
    model, x = checkpoints.create("d4_resnet", 3, {}).eval(), torch.rand(1, 1, 32, 32)
    answer = symmetry(lambda image: EXPLAINERS["hirescam"].explain(model, image, 1).maps[0], x)
    assert min(answer.correlations) > 0.9999
    plain = symmetry(lambda image: saliency(cnn(), image, 1), x)
    assert plain.mean < 0.99


@pytest.mark.parametrize("shape", [(8, 8), (3, 5)])
def test_complexity_is_that_of_quantus(shape: tuple[int, int]) -> None:
    values = RNG.standard_normal(shape)
    given = np.abs(values / np.abs(values).max())[None, None]
    ours = quantus()
    arguments = {"x_batch": given.copy(), "a_batch": given.copy()}
    assert entropy(values) == pytest.approx(float(ours.Complexity(**QUIET).evaluate_batch(**arguments)[0]), abs=1e-9)
    arguments["a_batch"] = given.copy()
    assert sparseness(values) == pytest.approx(float(ours.Sparseness(**QUIET).evaluate_batch(**arguments)[0]), abs=1e-9)


def test_complexity_of_exact_cases() -> None:
    one = np.zeros((4, 4))
    one[1, 2] = -3.0
    assert entropy(one) == pytest.approx(0.0, abs=1e-9) and sparseness(one) == pytest.approx(15 / 16, abs=1e-5)
    flat = np.full((4, 4), 0.5)
    assert entropy(flat) == pytest.approx(np.log(16)) and sparseness(flat) == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(entropy(flat * 0)) and np.isnan(sparseness(flat * 0))


def test_emission_share_is_the_relevance_mass_of_quantus() -> None:
    values, mask = RNG.random((9, 9)), RNG.random((9, 9)) > 0.7
    theirs = quantus().RelevanceMassAccuracy(**QUIET).evaluate_batch(a_batch=values[None, None], s_batch=mask[None])
    share, area = emission_share(values, mask)
    assert share == pytest.approx(float(theirs[0]), abs=1e-9) and area == pytest.approx(mask.mean())


def test_emission_share_spreads_relevance_over_the_cell() -> None:
    mask = np.zeros((6, 6), bool)
    mask[:3, :4] = True
    share, area = emission_share(np.array([[1.0, -1.0, 0.0], [2.0, 0.0, 0.0]]), mask)
    assert share == pytest.approx((1 + 1) / 4) and area == pytest.approx(12 / 36)
    share, _ = emission_share(np.array([[3.0, 1.0]]), mask)  # columns 0-2 and 3-5, half of the rows
    assert share == pytest.approx((3 * 0.5 + 1 * 0.5 / 3) / 4)
    assert np.isnan(emission_share(np.zeros((2, 2)), mask)[0])
    assert emission_share(np.ones((5, 7)), mask) == pytest.approx((1 / 3, 1 / 3))


def test_the_emission_mask_covers_the_field_of_the_model() -> None:
    pixels = np.zeros((40, 40), np.float32)
    pixels[18:22, 20] = 6.0
    pixels[19, 21], pixels[0, 0], pixels[17, 20] = 4.0, 9.0, np.nan
    wcs = WCS(naxis=2)
    wcs.wcs.cdelt = -1 / 3600, 1 / 3600
    wcs.wcs.ctype = "RA---SIN", "DEC--SIN"
    cutout = Cutout(name="made", pixels=pixels, unit="Jy/beam", wcs=wcs, noise=Noise(1.0, "given", 1600))
    mask = emission_mask(cutout, InputSpec(field_of_view=20.0))
    assert mask is not None and mask.shape == (20, 20) and mask.sum() == 4 and mask[8:12, 10].all()
    clipped = Cutout(name="made", pixels=pixels, unit="Jy/beam", wcs=wcs, noise=None)
    assert emission_mask(clipped, InputSpec()) is None


@pytest.mark.parametrize("shape", [(16, 16), (9, 12), (4, 6)])
def test_similarities_are_those_of_the_libraries(shape: tuple[int, int]) -> None:
    a, b = RNG.standard_normal(shape), RNG.standard_normal(shape)
    assert spearman(a, b) == pytest.approx(spearmanr(np.abs(a).ravel(), np.abs(b).ravel())[0], abs=1e-12)
    first, second = a / np.abs(a).max(), b / np.abs(b).max()
    spread = max(first.max(), second.max()) - min(first.min(), second.min())
    side = min(7, min(shape) - 1 + min(shape) % 2)
    assert ssim(a, b) == pytest.approx(
        structural_similarity(first, second, data_range=spread, win_size=side), abs=1e-10
    )
    assert ssim(a, a) == pytest.approx(1.0) and ssim(a * 0, a * 0) == 1.0
