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
def test_islands_of_pybdsf_without_wavelet_parts(data_dir: Path) -> None:
    """In all within 5 % of the catalogue's island fluxes (PyBDSF; unit Jy), and none of over 20 mJy 7 % off."""
    folder, stem = data_dir / "measured" / "pybdsf", "tbdsf_process_image.in_fits.pybdsf"
    cutout = cutouts.read(folder / f"{stem}.ch0_I.fits")
    area = measure.beam_pixels(cutout)
    assert area == pytest.approx(1.1330900354567985 * 54.0**2 / 21.09373**2, rel=1e-4)
    ranks = fits.getdata(folder / f"{stem}_pyrank.fits").squeeze()
    sources, gaussians = (fits.getdata(folder / f"{stem}.{kind}.FITS", 1) for kind in ("srl", "gaul"))
    ours, theirs = [], []
    for island in np.unique(sources["Isl_id"]):
        if (ranks == island).any() and not gaussians["Wave_id"][gaussians["Isl_id"] == island].any():
            ours.append(float(cutout.pixels[ranks == island].sum(dtype=float)) / area)  # type: ignore[operator]
            theirs.append(float(sources["Isl_Total_flux"][sources["Isl_id"] == island][0]))
    assert len(ours) > 25
    assert sum(ours) == pytest.approx(sum(theirs), rel=0.05)
    bright = np.array(theirs) > 0.02
    assert np.array(ours)[bright] == pytest.approx(np.array(theirs)[bright], rel=0.07)
