"""Sums over masks that others drew, against what they measured: Radio Galaxy Zoo contours, PyBDSF islands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from vlass_explorer import cutouts, measure


def test_pixels_above_the_lowest_contours_of_radio_galaxy_zoo(data_dir: Path) -> None:
    folder = data_dir / "measured" / "rg-contours"
    cutout = cutouts.read(next(folder.glob("*.fits")))
    contours = json.loads(next(folder.glob("*.json")).read_text())["contours"]
    area = measure.beam_pixels(cutout)
    assert area is not None and cutout.pixel_scale is not None
    lowest = min(level["level"] for component in contours for level in component)
    islands, count = ndimage.label(cutout.pixels > lowest)
    sums = np.array([cutout.pixels[islands == n].sum(dtype=float) for n in range(1, count + 1)]) / area
    sizes = np.bincount(islands.ravel())[1:] * np.prod(cutout.pixel_scale)
    first, second = np.argsort(sums)[::-1][:2]
    assert 1e3 * sums[[first, second]] == pytest.approx([36.49, 34.29], rel=3e-3)
    assert sizes[[first, second]] == pytest.approx([268.5, 228.8], rel=3e-3)
    # The source as a whole is both lobes, and what lies below the lowest contour.
    assert 70.78e-3 < measure.measure(cutout).flux < 1.1 * 70.78e-3  # type: ignore[operator]


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
def test_every_island_of_pybdsf_without_wavelet_parts(data_dir: Path) -> None:
    """The catalogue's island flux (in Jy) over the pixels that it was summed on, and the Gaussians over the island.

    Until 2026 PyBDSF summed ``Isl_Total_flux`` over the box around an island, one pixel wider on each side, without
    the mask (its pull request 295 mends it): the sums over the masks alone differ by up to 54 %, as what lies beside an
    island does. Islands of a number above 32 come from a later step and have no mask.
    """
    folder, stem = data_dir / "measured" / "pybdsf", "tbdsf_process_image.in_fits.pybdsf"
    cutout = cutouts.read(folder / f"{stem}.ch0_I.fits")
    area = measure.beam_pixels(cutout)
    assert area == pytest.approx(1.1330900354567985 * 54.0**2 / 21.09373**2, rel=1e-4)
    ranks, mean, model = (
        fits.getdata(folder / f"{stem}{kind}.fits").squeeze() for kind in ("_pyrank", ".mean_I", ".model")
    )
    sources, gaussians = (fits.getdata(folder / f"{stem}.{kind}.FITS", 1) for kind in ("srl", "gaul"))
    with_wavelets = set(gaussians["Isl_id"][gaussians["Wave_id"] > 0])
    islands = [number for number in np.unique(ranks[ranks >= 0]) if number not in with_wavelets]
    assert islands == [*range(1, 3), *range(4, 28), *range(29, 31), 32]
    for island in islands:
        mask = ranks == island
        theirs = float(sources["Isl_Total_flux"][sources["Isl_id"] == island][0])
        rows, columns = ndimage.find_objects(mask.astype(np.uint8))[0]
        box = np.s_[max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1]
        around = float(cutout.pixels[box][~mask[box]].sum(dtype=float)) / area  # type: ignore[operator]
        ours = float(cutout.pixels[mask].sum(dtype=float)) / area  # type: ignore[operator]
        assert ours + around == pytest.approx(theirs, rel=1e-4), island
        if theirs > 0.02:  # so bright that the Gaussians describe it
            fitted = float((model + mean)[mask].sum(dtype=float)) / area  # type: ignore[operator]
            assert ours == pytest.approx(fitted, rel=0.02), island
