"""Islands of emission against labels of the whole image, and what of a mask touches its outside."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from vlass_explorer.measure.geometry import box_around, places, rim
from vlass_explorer.measure.islands import MARGIN, bright_islands

LOW, HIGH = 3.0, 5.0


def noise(seed: int) -> NDArray[np.float32]:
    image = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, (120, 130)), 1.0)
    return (image / image.std()).astype(np.float32)


def of_whole_image(image: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    labels, count = ndimage.label(image > LOW, structure=np.ones((3, 3)))
    tops = ndimage.maximum(image, labels, np.arange(1, count + 1))
    return np.isin(labels, 1 + np.flatnonzero(np.asarray(tops) >= level))


def tail(image: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """One bright pixel with a faint tail to the right and up, corner by corner."""
    image[60, 50 : 50 + length], image[60, 50] = 4.0, 9.0
    for step in range(length):
        image[60 - step, 50 - step] = max(image[60 - step, 50 - step], 4.0)
    return image


@pytest.mark.parametrize("length", [1, MARGIN - 1, MARGIN, MARGIN + 1, MARGIN + 2, 45])
@pytest.mark.parametrize("seed", [1, 2])
def test_islands_are_those_of_the_whole_image_however_far_they_go(seed: int, length: int) -> None:
    image = tail(noise(seed), length)
    found = bright_islands(image, LOW, HIGH)
    np.testing.assert_array_equal(found.mask(image.shape), of_whole_image(image, HIGH))
    np.testing.assert_array_equal(found.reaching(image, 8.0).mask(image.shape), of_whole_image(image, 8.0))
    np.testing.assert_array_equal(np.stack([found.ys, found.xs]), np.nonzero(found.mask(image.shape)))


def test_pixels_of_one_island_share_its_number() -> None:
    image = tail(noise(3), 30)
    image[10:13, 100:103] = 6.0
    found = bright_islands(image, LOW, HIGH)
    labels, _ = ndimage.label(found.mask(image.shape), structure=np.ones((3, 3)))
    pairs = set(zip(labels[found.ys, found.xs].tolist(), found.numbers.tolist(), strict=True))
    assert len(pairs) == labels.max() == len(set(found.numbers.tolist())) >= 2


def test_islands_at_the_edge_and_beside_missing_data() -> None:
    image = np.full((40, 40), np.nan, np.float32)
    image[:, :20] = 0.0
    image[0, 0], image[39, 19], image[20, 18:20] = 6.0, 6.0, [4.0, 5.0]
    found = bright_islands(image, LOW, HIGH)
    assert set(zip(found.ys.tolist(), found.xs.tolist(), strict=True)) == {(0, 0), (39, 19), (20, 18), (20, 19)}


def test_nothing_bright_holds_no_islands() -> None:
    found = bright_islands(np.full((9, 9), 4.0, np.float32), LOW, HIGH)
    assert found.ys.size == 0 and not found.mask((9, 9)).any()
    assert found.reaching(np.zeros((9, 9)), 1.0).ys.size == 0


@pytest.mark.parametrize("shape", [(1, 7), (2, 5), (6, 1), (30, 31)])
def test_rim_places_and_box_of_a_mask(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(5).random(shape) < 0.7
    np.testing.assert_array_equal(rim(mask), mask & ~ndimage.binary_erosion(mask))
    np.testing.assert_array_equal(places(mask), np.nonzero(mask))
    assert box_around(mask) == ndimage.find_objects(mask.astype(np.uint8))[0]
