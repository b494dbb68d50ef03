"""Tiles, components and their fluxes: against direct computations, closed forms and simulated skies of known flux."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from vlass_explorer import measure, segmentation
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.datasets.items import array_cutout
from vlass_explorer.schema import IGNORE, Cutout, InputError, InputSpec
from vlass_explorer.segmentation import Pieces, Segmentation
from vlass_explorer.segmentation.fluxes import TOGETHER
from vlass_explorer.segmentation.tiling import starts

NAMES = ("background", "lobe", "jet", "artefact")
SPEC = InputSpec(stretch="linear", field_of_view_pixels=20, img_size=20, normalisation="none", mean=(0.1,), std=(2.0,))


def sky(shape: tuple[int, int], at: dict[tuple[int, int], float] | None = None) -> Cutout:
    pixels = np.random.default_rng(0).normal(size=shape)
    for place, value in (at or {}).items():
        pixels[place] = value
    return array_cutout("a", pixels)


class Levels(nn.Module):
    """Class of each pixel from its own value alone, so that tiles cannot change it."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Conv2d(1, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.levels(x)
        return found


@pytest.mark.parametrize("shape", [(20, 20), (13, 17), (75, 41), (20, 33), (64, 16)])
def test_tiles_give_what_one_look_gives(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model, cutout = Levels().eval(), sky(shape, at={(2, 3): np.nan, (3, 3): np.nan})
    found = segmentation.segment(model, SPEC, NAMES, cutout)
    x = torch.from_numpy((np.nan_to_num(cutout.pixels) - 0.1) / 2.0)[None, None]
    with torch.no_grad():
        scores = model(x).softmax(1)[0].numpy()
    valid = np.isfinite(cutout.pixels)
    # A cutout narrower than the field of view fills it from pixel (length - side) // 2 on.
    assert np.array_equal(found.labels[valid], scores.argmax(0)[valid]) and (found.labels[~valid] == IGNORE).all()
    assert found.scores[valid] == pytest.approx(scores.max(0)[valid], abs=1e-5) and (found.scores[~valid] == 0).all()


def test_tiles_cover_everything_and_overlap_by_half() -> None:
    for length in range(1, 90):
        first = starts(length, 20)
        covered = np.concatenate([np.arange(start, start + 20) for start in first])
        assert set(range(length)) <= set(covered.tolist())
        if length > 20:
            assert first[0] == 0 and first[-1] == length - 20 and max(np.diff(first)) <= 10


def hand(labels: np.ndarray) -> Segmentation:
    return Segmentation(labels.astype(np.uint8), np.ones(labels.shape, np.float32), NAMES, 1)


def drawn() -> tuple[Cutout, Pieces]:
    """Two lobes, one of which touches itself at a corner alone, a jet, stripes, and a speck."""
    labels = np.zeros((40, 40))
    labels[5:9, 5:9] = labels[9:12, 9:12] = 1
    labels[30:34, 30:34] = 1
    labels[20:22, 8:30] = 2
    labels[36:39, 2:6] = 3
    labels[1, 38] = 1
    labels[2, 2] = IGNORE
    cutout = sky(labels.shape, at={(31, 31): 30, (20, 9): 20, (6, 6): 10})
    return cutout, segmentation.find(cutout, hand(labels))


def test_components_are_connected_pieces_the_brightest_first() -> None:
    _, pieces = drawn()
    assert pieces.labels == {1: "lobe", 2: "jet", 3: "lobe", 4: "artefact"}
    assert [int((pieces.numbers == k).sum()) for k in pieces.labels] == [16, 44, 25, 12]
    assert pieces.left_out == {4} and pieces.dropped == 1 and pieces.numbers[1, 38] == 0


def test_joining_and_leaving_out_is_the_astronomers() -> None:
    _, pieces = drawn()
    joined = segmentation.decided(pieces, joined=[(3, 1, 2)], left_out=())
    assert joined.labels == {1: "lobe + jet", 4: "artefact"} and not joined.left_out
    assert (joined.numbers == 1).sum() == 85 and (pieces.numbers == 1).sum() == 16  # the first ones are as they were
    assert segmentation.decided(pieces, joined=[(1, 2)], left_out=(1, 2)).left_out == {1}
    assert segmentation.decided(pieces, joined=[(1, 2)], left_out=(2,)).left_out == frozenset()
    with pytest.raises(InputError, match="There is no component 9; they are 1 to 4"):
        segmentation.decided(pieces, left_out=(9,))
    with pytest.raises(InputError, match="joined with one group only"):
        segmentation.decided(pieces, joined=[(1, 2), (2, 3)])


def test_a_picture_has_components_without_fluxes() -> None:
    cutout, pieces = drawn()
    found = segmentation.fluxes(cutout, pieces)
    assert found.total is None and "beam" in found.off["beams"].lower() and found.off["flux"].endswith(".")
    one = found.components[0]
    assert (one.peak, one.peak_yx, one.flux, one.beams, one.ra) == (30.0, (31, 31), None, None, None)
    empty = segmentation.find(cutout, hand(np.zeros((40, 40))))
    assert segmentation.fluxes(cutout, empty).off == {"flux": "No component was found."}


def true_masks(index: int) -> tuple[Cutout, Segmentation, dict[str, float]]:
    item = pixel_labels.simulate(12, seed=11).items[index]
    cutout, mask = item.read(5)
    assert item.fluxes is not None
    return cutout, Segmentation(mask, np.ones(mask.shape, np.float32), pixel_labels.CLASSES, 1), dict(item.fluxes())


@pytest.mark.parametrize("index", [0, 2, 3, 6, 11])
def test_components_and_remainder_are_the_total(index: int) -> None:
    cutout, found, truth = true_masks(index)
    pieces = segmentation.find(cutout, found, least_beams=0.0)
    numbers = segmentation.fluxes(cutout, pieces)
    assert numbers.total is not None and numbers.remainder is not None
    counted = [one for one in numbers.components if one.counts]
    assert sum(one.flux or 0 for one in counted) + numbers.remainder.flux == pytest.approx(
        numbers.total.flux, rel=1e-12
    )
    assert sum(one.share or 0 for one in counted) + numbers.remainder.flux / numbers.total.flux == pytest.approx(1.0)
    area = measure.beam_pixels(cutout)
    assert area is not None
    for one in numbers.components:
        inside = pieces.numbers == one.number
        assert one.flux == pytest.approx(cutout.pixels[inside].astype(float).sum() / area, rel=1e-6)
        assert one.beams == pytest.approx(inside.sum() / area)
        assert cutout.wcs is not None
        x, y = cutout.wcs.world_to_pixel_values(one.ra, one.dec)
        assert (float(y), float(x)) == pytest.approx(one.centroid_yx, abs=1e-6)
    # The truth knows each class; stripes of artefacts lie over the source in some images and not in these sums.
    for name in ("compact core", "lobe", "jet"):
        own = [one for one in counted if one.label == name]
        if own:
            error = np.hypot.reduce([one.flux_error or 0 for one in own])
            assert abs(sum(one.flux or 0 for one in own) - truth[name]) < 4 * error + (index == 6) * 0.3 * truth[name]
    whole = sum(truth.values())
    if truth["background"] < 0.1 * whole:  # of a diffuse source half may lie below the noise
        assert abs(numbers.total.flux - whole) < 4 * numbers.total.flux_error + 0.02 * whole


def test_what_is_left_out_is_in_no_sum() -> None:
    cutout, found, _ = true_masks(3)
    pieces = segmentation.find(cutout, found)
    whole = segmentation.fluxes(cutout, pieces)
    counted = [one for one in whole.components if one.counts]
    assert len(counted) > 1 and whole.total is not None
    out = [one.number for one in whole.components if not one.counts]
    rest = segmentation.fluxes(cutout, segmentation.decided(pieces, left_out=[*out, counted[0].number]))
    assert rest.total is not None and rest.total.flux < whole.total.flux
    gone = next(one for one in rest.components if one.number == counted[0].number)
    assert gone.flux == pytest.approx(counted[0].flux) and gone.share is None and not gone.counts
    none = segmentation.fluxes(cutout, segmentation.decided(pieces, left_out=list(pieces.labels)))
    assert none.total is None and none.off["total"].startswith("No component counts")
    joined = segmentation.fluxes(cutout, segmentation.decided(pieces, joined=[[one.number for one in counted]]))
    assert joined.total is not None and joined.total.flux == pytest.approx(whole.total.flux)


def test_a_component_below_three_rms_is_measured_as_it_is() -> None:
    cutout, found, _ = true_masks(0)
    assert cutout.noise is not None
    labels = np.zeros(found.labels.shape)
    faint = np.argwhere(np.abs(cutout.pixels[20:40, 20:60]) < cutout.noise.rms)[:60] + 20
    labels[faint[:, 0], faint[:, 1]] = 1
    low = replace(found, labels=labels.astype(np.uint8))
    numbers = segmentation.fluxes(cutout, segmentation.find(cutout, low, least_beams=0.0))
    assert numbers.total is not None and numbers.remainder is not None
    assert abs(numbers.total.flux) < 5 * numbers.total.flux_error
    assert numbers.remainder.flux == pytest.approx(0.0, abs=1e-9)


def test_the_class_error_is_the_scatter_of_pixels_that_are_right_or_wrong_together() -> None:
    # A plateau of two classes, and a stripe between them whose pixels are of either with the score 0.7.
    cutout, found, _ = true_masks(0)
    labels, scores = np.zeros(cutout.shape, np.uint8), np.ones(cutout.shape, np.float32)
    labels[60:80, 40:60], labels[60:80, 60:90], scores[60:80, 60:64] = 2, 3, 0.7
    pixels = np.array(cutout.pixels)
    pixels[60:80, 40:90] = 0.01
    cutout = replace(cutout, pixels=pixels)
    pieces = segmentation.find(cutout, replace(found, labels=labels, scores=scores))
    lobe, jet = sorted(segmentation.fluxes(cutout, pieces).components, key=lambda one: -len(one.label))
    assert (lobe.label, jet.label) == ("lobe", "jet") and lobe.flux is not None and jet.flux is not None
    area = measure.beam_pixels(cutout)
    assert area is not None and lobe.class_error is not None and jet.class_error is not None
    # What the jet's flux is in many draws of the truth, in which the stripe is lobe in three of ten.
    is_jet = np.random.default_rng(0).random(20_000) < 0.7
    drawn = 0.01 * (20 * 26 + 20 * 4 * is_jet) / area
    assert jet.class_error == pytest.approx(TOGETHER * drawn.std(), rel=0.02)
    # Of the lobe's the part that is near enough: a pixel, in this beam.
    assert 0 < lobe.class_error < jet.class_error
    sure = segmentation.find(cutout, replace(found, labels=labels))
    assert {one.class_error for one in segmentation.fluxes(cutout, sure).components} == {0.0}
