"""What a spatial transformer does: taken apart into known parts, on the sky as its WCS says, as a backbone gets it."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from figure_cutouts import fits_cutout, picture, sky_wcs
from torch import Tensor, nn

from vlass_explorer import backbones, warp
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.frame import frame
from vlass_explorer.figures.sky import OUTLINE, sky_panels
from vlass_explorer.front import with_front
from vlass_explorer.schema import Explanation, UnsupportedError, Window

TURNED = np.array([[0.5, -0.2, 0.3], [0.2, 0.5, -0.4]])
"""A similarity: scale √0.29, a turn of 21.8° from x to y, and a shift."""


def models() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    backbones.register()
    plain = timm.create_model("resnet10t", num_classes=3, in_chans=1)
    vit = timm.create_model(
        "vit_tiny_patch16_224", num_classes=3, in_chans=1, img_size=32, patch_size=8, depth=2, embed_dim=48, num_heads=3
    )
    found = {
        "stn_cnn": timm.create_model("stn_cnn", num_classes=3, in_chans=1, img_size=32),
        "resnet": with_front(plain, "stn", 1),
        "vit": with_front(vit, "stn", 1),
    }
    for model in found.values():
        part = model.front if hasattr(model, "front") else model
        part.regressor[-1].bias.data = torch.from_numpy(TURNED.astype(np.float32)).flatten()
        part.regressor[-1].weight.data.normal_(0, 0.01)
        model.eval()
    return found


@pytest.mark.parametrize("turn", [-170.0, -30.0, 0.0, 75.0])
def test_scale_turn_and_shear_are_those_it_was_made_of(turn: float) -> None:
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    rotation = np.array([[c, -s], [s, c]])
    same = warp.of_matrix(0.7 * rotation, np.array([0.1, -0.2]))
    assert (same.scale, same.turn, same.shift) == (pytest.approx(0.7), pytest.approx(turn), (0.1, -0.2))
    assert same.is_similar and not same.is_mirrored
    stretched = warp.of_matrix(rotation @ np.diag([2.0, 0.5]), np.zeros(2))
    assert (stretched.longest, stretched.shortest) == (pytest.approx(2.0), pytest.approx(0.5))
    assert stretched.turn == pytest.approx(turn) and not stretched.is_similar
    mirrored = warp.of_matrix(rotation @ np.diag([1.0, -1.0]), np.zeros(2))
    assert mirrored.is_mirrored and mirrored.turn == pytest.approx(turn) and not mirrored.is_similar


def test_the_outline_and_the_weights_are_those_of_the_sampling() -> None:
    grid = F.affine_grid(torch.from_numpy(TURNED)[None], [1, 1, 2, 2], align_corners=True)[0].numpy()  # the corners
    np.testing.assert_allclose(warp.corners(TURNED)[:4, ::-1] * 2 - 1, grid.reshape(4, 2)[[0, 1, 3, 2]], atol=1e-6)
    identity = np.eye(2, 3)[None]
    np.testing.assert_allclose(warp.density(identity, 9), 1.0, atol=1e-6)
    image = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    sampled = F.grid_sample(
        image, F.affine_grid(torch.from_numpy(TURNED)[None], [1, 1, 16, 16], align_corners=False), align_corners=False
    )
    assert float((warp.density(TURNED[None], 16)[0] * image[0, 0].numpy()).sum()) == pytest.approx(float(sampled.sum()))


@pytest.mark.parametrize("rotation", [0.0, 35.0, 190.0])
def test_shift_and_turn_are_those_of_the_sky(rotation: float) -> None:
    cutout = fits_cutout(wcs=sky_wcs((60, 80), 1.5, rotation))
    window = Window(10, 50, 20, 60)
    found = warp.on_sky(TURNED, cutout, window)
    assert found is not None and found.scale == pytest.approx(np.hypot(0.5, 0.2))
    middle, half = np.array([39.5, 29.5]), 20.0  # (x, y)
    there = middle + half * TURNED[:, 2]
    begin, end = (cutout.wcs.pixel_to_world(*each) for each in (middle, there))
    east, north = begin.spherical_offsets_to(end)
    np.testing.assert_allclose(found.shift, [east.arcsec, north.arcsec], atol=0.01)
    # North in the result is sampled along a line whose position angle is the turn.
    north_of = begin.directional_offset_by(0 * u.deg, 1 * u.arcsec)
    x, y = cutout.wcs.world_to_pixel(north_of)
    direction = TURNED[:, :2] @ (np.array([x, y]) - middle)
    angle = begin.position_angle(cutout.wcs.pixel_to_world(*(middle + direction))).wrap_at(180 * u.deg).deg
    assert found.turn == pytest.approx(angle, abs=0.05)
    told = warp.in_words(TURNED, cutout, window)
    assert "of the centre, 0.54 times as wide as the field" in told and "from north through east" in told
    assert "similarity" not in told
    assert "Not a similarity: 1.00 times as wide one way and 0.50" in warp.in_words(
        np.array([[1.0, 0, 0], [0, 0.5, 0]]), cutout, window
    )


def test_without_sky_coordinates_the_shift_is_in_pixels() -> None:
    told = warp.in_words(TURNED, picture(), Window(0, 40, 0, 40))
    assert "+6.0 px along x, -8.0 px along y" in told and "turned by 21.8° from x to y" in told


@pytest.mark.parametrize("name", ["stn_cnn", "resnet", "vit"])
def test_what_was_made_is_what_the_backbone_gets(name: str) -> None:
    model = models()[name]
    x = torch.rand(2, 1, 32, 32)
    inner = model.body if hasattr(model, "body") else model.features
    got: list[Tensor] = []
    handle = inner.register_forward_pre_hook(lambda _, given: got.append(given[0]))
    with torch.no_grad():
        model(x)
    handle.remove()
    assert torch.equal(warp.made(model, x), got[0])
    given = EXPLAINERS["transformed_input"].explain(model, x[:1], 0)
    difference = got[0][0, 0] - x[0, 0]
    np.testing.assert_allclose(given.maps[1] - given.maps[0], difference.numpy(), atol=1e-6)
    told = EXPLAINERS["spatial_transformer"].explain(model, x[:1], 0)
    matrix = warp.theta(model, x[:1])[0]
    assert told.numbers["shift_x_pixels"] == pytest.approx(16 * matrix[0, 2])
    assert told.numbers["turn_degrees"] == pytest.approx(21.8, abs=4) and told.outline.shape == (5, 2)
    np.testing.assert_allclose(told.outline, warp.corners(matrix))


def test_other_models_have_none() -> None:
    plain = timm.create_model("resnet10t", num_classes=3, in_chans=1)
    with pytest.raises(UnsupportedError, match="front=stn"):
        warp.theta(plain, torch.zeros(1, 1, 32, 32))
    for name in ("spatial_transformer", "transformed_input"):
        assert EXPLAINERS[name].supports(plain) == (False, warp.NONE)


def test_the_outline_is_drawn_on_the_sky_and_in_the_picture() -> None:
    cutout, window = fits_cutout(), Window(10, 50, 20, 60)
    line = warp.corners(np.array([[0.5, 0.0, 0.5], [0.0, 0.5, -0.5]]))  # the lower right quarter
    found = Explanation(np.ones((1, 8, 8), np.float32), ("a",), False, "a.", outline=line)
    figure = sky_panels(cutout, SkyView(), window=window, explanation=found, show=("sky", "explanation"))
    drawn = [trace for trace in figure.data if trace.type == "scatter" and trace.line.color == OUTLINE]
    assert [trace.xaxis for trace in drawn] == ["x", "x2"]
    axes = frame(cutout)
    bottom, top, left, right = axes.extent(Window(10, 30, 40, 60))
    assert (drawn[0].y.min(), drawn[0].y.max()) == (pytest.approx(bottom), pytest.approx(top))
    assert sorted((drawn[0].x.min(), drawn[0].x.max())) == pytest.approx(sorted((left, right)))
