"""Tiles against one look at the whole image, and mosaics that are mapped against the same held in memory."""

from __future__ import annotations

import importlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_masks
import torch
from astropy.io import fits
from scipy import ndimage
from torch import nn

from vlass_explorer import checkpoints, cutouts, segmentation
from vlass_explorer.cli import main
from vlass_explorer.cutouts import bounds, mosaics
from vlass_explorer.datasets import simulated
from vlass_explorer.datasets.items import array_cutout
from vlass_explorer.export import segmented
from vlass_explorer.schema import Cutout, InputError, InputSpec
from vlass_explorer.segmentation import Segmentation, tiling

NAMES = ("background", "lobe", "jet")
SPEC = InputSpec(stretch="linear", field_of_view_pixels=32, img_size=64, normalisation="none")


def net() -> nn.Sequential:
    """Looks 14 input pixels far, at two strides."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, len(NAMES), 3, 1, 1),
        nn.Upsample(scale_factor=4, mode="bilinear"),
    )


def sky(side: int) -> Cutout:
    """Noise of one with round and long sources."""
    random = np.random.default_rng(0)
    pixels = ndimage.gaussian_filter(random.normal(size=(side, side)), 1.0)
    pixels /= pixels.std()
    y, x = np.mgrid[:side, :side]
    for number in range(max(side * side // 6000, 1)):
        cy, cx = random.integers(side, size=2)
        wide = 5.0 if number % 2 else 1.5
        pixels = pixels + 30 * np.exp(-((y - cy) ** 2 / wide**2 + (x - cx) ** 2 / 25) / 2)
    return array_cutout("a", pixels)


def looks(model: nn.Module, cutout: Cutout, fields: int) -> tuple[Segmentation, Segmentation]:
    """By tiles and in one look at the same scale."""
    side = cutout.shape[0]
    whole = replace(SPEC, field_of_view_pixels=side, img_size=2 * side)
    return (
        segmentation.segment(model, SPEC, NAMES, cutout, fields=fields),
        segmentation.segment(model, whole, NAMES, cutout),
    )


@pytest.mark.parametrize("fields", [2, 3])
def test_frozen_statistics_give_what_one_look_gives(fields: int) -> None:
    model = net()
    for module in model:
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    cutout = sky(352)
    tiles, whole = looks(model.eval(), cutout, fields)
    assert tiles.tiles > 40 > whole.tiles == 1
    inner = (slice(32, -32),) * 2
    assert np.abs(tiles.scores - whole.scores)[inner].max() <= 1e-5
    assert (tiles.labels == whole.labels)[inner].mean() > 0.9999 and len(np.unique(whole.labels)) == 3


def test_weights_of_tiles_add_up_to_one_and_leave_margins_out() -> None:
    side = 64
    weight = tiling.weights((side, side))
    total = np.zeros((4 * side, 4 * side))
    for y in tiling.starts(4 * side, side):
        for x in tiling.starts(4 * side, side):
            total[y : y + side, x : x + side] += weight
    assert total[32:-32, 32:-32] == pytest.approx(1.0, abs=1e-4)
    assert weight[8, 32] > 1e-3 > weight[7, 32] == pytest.approx(tiling.LEAST) and weight[32, 32] == 1.0


def test_tiles_begin_where_strides_fall_on_the_same_pixels() -> None:
    assert tiling.alignment(128, replace(SPEC, img_size=256)) == 16
    assert tiling.alignment(100, replace(SPEC, img_size=64)) == 50 and tiling.alignment(33, SPEC) == 1
    assert tiling.starts(333, 100, 32) == [*range(0, 233, 32), 233]
    assert tiling.starts(40, 20, 64) == [0, 10, 20]  # half a tile is shorter


def test_a_tile_is_no_larger_than_the_image() -> None:
    cutout = sky(70)
    assert segmentation.plan(cutout, SPEC, 9).spec.img_size == 128
    with pytest.raises(InputError, match="at least one field of view"):
        segmentation.plan(cutout, SPEC, 0)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mosaics begin at 4,000 pixels, in strips of 11 rows or so."""
    for module in (mosaics, bounds):
        monkeypatch.setattr(module, "MAX_PIXELS", 4000)
    monkeypatch.setattr("vlass_explorer.cutouts.fits.MAX_PIXELS", 4000)
    monkeypatch.setattr(mosaics, "STRIP", 900)


def test_a_mapped_mosaic_gives_what_the_same_image_in_memory_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    simulated.write_fits(tmp_path / "a.fits", "Double Lobes", 3, 0, 80)
    tiny_masks.save(tmp_path / "pixels")
    card = checkpoints.read(tmp_path / "pixels")
    model = checkpoints.load(card)
    found = []
    for is_mapped in (False, True):
        if is_mapped:
            request.getfixturevalue("small_limits")
        cutout = cutouts.read(tmp_path / "a.fits", most_pixels=10_000)
        assert mosaics.is_mapped(cutout.pixels) is is_mapped
        labels = segmentation.segment(model, card.input_spec, card.label_names, cutout)
        pieces = segmentation.find(cutout, labels, least_beams=0.2)
        buffer = io.BytesIO()
        segmented.write_mask(buffer, cutout, labels, pieces, card)
        found.append((cutout, labels, pieces, buffer.getvalue(), segmented.regions_bytes(cutout, pieces)))
    (one, labels, pieces, file, regions), (other, mapped, parts, written, drawn) = found
    assert np.array_equal(one.pixels, other.pixels) and one.noise == other.noise
    assert np.array_equal(labels.labels, mapped.labels) and labels.scores == pytest.approx(mapped.scores, abs=1e-6)
    assert np.array_equal(pieces.numbers, parts.numbers) and len(pieces.labels) > 1
    assert (pieces.labels, pieces.dropped, pieces.boxes) == (parts.labels, parts.dropped, parts.boxes)
    assert regions == drawn
    with fits.open(io.BytesIO(file), checksum=True) as these, fits.open(io.BytesIO(written)) as those:
        assert [hdu.name for hdu in these] == [hdu.name for hdu in those] and len(written) % 2880 == 0
        for a, b in zip(these, those, strict=True):
            assert a.data == pytest.approx(b.data, abs=1e-6)


def test_pieces_that_wind_through_strips_are_one(small_limits: None) -> None:
    labels = np.zeros((90, 90), np.uint8)
    labels[5:80, 10], labels[5:80, 30], labels[79, 10:31] = 1, 1, 1  # a U, whose arms meet in a late strip
    labels[np.arange(40), 50 + np.arange(40)] = 2  # touches itself at corners
    labels[11:33, 85] = 1
    pixels = np.zeros((90, 90))
    pixels[20, 30], pixels[30, 85] = 9.0, 5.0
    cutout = array_cutout("a", pixels + np.random.default_rng(0).normal(size=pixels.shape) / 100)
    pieces = segmentation.find(cutout, Segmentation(labels, np.ones(labels.shape, np.float32), NAMES, 1))
    assert pieces.labels == {1: "lobe", 2: "lobe", 3: "jet"} and pieces.dropped == 0
    expected = np.where(labels == 2, 3, np.where((labels == 1) & (np.arange(90) < 60), 1, labels * 2))
    assert np.array_equal(pieces.numbers, expected)
    assert pieces.boxes[1] == (slice(5, 80), slice(10, 31)) and pieces.mask(3).sum() == 40


def test_components_of_a_mosaic_have_the_fluxes_of_their_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.write_fits(tmp_path / "a.fits", "Double Lobes", 3, 0, 150)
    cutout = cutouts.read(tmp_path / "a.fits")
    assert cutout.noise is not None
    labels = np.where(cutout.pixels > 4 * cutout.noise.rms, 1, 0).astype(np.uint8)
    pieces = segmentation.find(cutout, Segmentation(labels, np.ones(labels.shape, np.float32), NAMES, 1))
    whole = segmentation.fluxes(cutout, pieces)
    monkeypatch.setattr(importlib.import_module("vlass_explorer.segmentation.fluxes"), "LARGEST", 140)
    alone = segmentation.fluxes(cutout, pieces)
    assert alone.total is None and "has no total" in alone.off["total"]
    for a, b in zip(whole.components, alone.components, strict=True):
        assert b.flux == pytest.approx(a.flux, rel=1e-6) and b.flux_error == pytest.approx(a.flux_error, rel=0.3)
        assert (a.ra, a.dec, a.pixels) == (b.ra, b.dec, b.pixels)


def test_the_command_says_how_many_tiles_and_refuses_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    tiny_masks.save(tmp_path / "shelf" / "pixels")
    simulated.write_fits(tmp_path / "a.fits", "Double Lobes", 1, 0, 300)
    words = ["segment", str(tmp_path / "a.fits"), "--checkpoint", "pixels", "--out", str(tmp_path / "out")]
    assert main([*words, "--most-tiles", "3", "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert "This image takes" in said and "raise --most-tiles" in said and not (tmp_path / "out").exists()
    monkeypatch.setattr("vlass_explorer.cli.segment.MANY_TILES", 4)
    monkeypatch.setattr("vlass_explorer.segmentation.pace", lambda *_, **__: 60.0)
    assert main([*words, "--device", "cpu"]) == 0
    assert "minutes on cpu." in capsys.readouterr().err


def test_a_mosaic_beyond_the_limit_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    tiny_masks.save(tmp_path / "shelf" / "pixels")
    simulated.write_fits(tmp_path / "a.fits", "Double Lobes", 1, 0, 80)
    monkeypatch.setattr(cutouts, "MOSAIC_PIXELS", 1000)
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path / "a.fits"), "--checkpoint", "pixels", "--out", str(out)]) == 2
    assert "80 × 80 pixels: give a position (RA, Dec)" in capsys.readouterr().err and not out.exists()
