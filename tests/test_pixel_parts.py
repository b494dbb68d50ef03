"""Which part of a source a pixel is said to belong to: against Gaussians whose peaks, dips and areas are known."""

from __future__ import annotations

import numpy as np
import pytest

from vlass_explorer.datasets.pixel_labels.parts import told_apart

BEAM = 6.9  # pixels of a beam of 2.7 by 2.25
Y, X = np.mgrid[:60, :60]


def blob(y: float, x: float, peak: float, fwhm: float = 2.5) -> np.ndarray:
    """Brightness (ny, nx) of a round Gaussian."""
    return peak * np.exp(-4 * np.log(2) * ((Y - y) ** 2 + (X - x) ** 2) / fwhm**2)


def shares(**classes: np.ndarray) -> np.ndarray:
    """Brightness of each class (5, ny, nx), the others 0."""
    names = ("background", "core", "lobe", "jet", "artefact")
    return np.stack([classes.get(name, np.zeros(Y.shape)) for name in names])


@pytest.mark.parametrize(("apart", "label"), [(1.0, 1), (2.0, 1), (4.0, 2), (12.0, 2)])
def test_lobes_are_lobes_where_a_dip_is_seen_between_them(apart: float, label: int) -> None:
    image = blob(30, 30 - apart / 2, 20.0) + blob(30, 30 + apart / 2, 20.0)
    found = told_apart(shares(lobe=image), 3.0, BEAM)
    assert np.array_equal(found > 0, image > 3.0) and set(np.unique(found)) == {0, label}


def test_a_dip_of_the_noise_is_none() -> None:
    # Two peaks of 5 with a floor of 3.5 between them: 1.5 below, within the noise.
    image = np.where((abs(Y - 30) < 3) & (abs(X - 30) < 12), 3.5, 0.0)
    image[29:32, 20:23] = image[29:32, 38:41] = 5.0
    assert set(np.unique(told_apart(shares(lobe=image), 3.0, BEAM))) == {0, 1}
    image[29:32, 20:23] = image[29:32, 38:41] = 8.0
    assert set(np.unique(told_apart(shares(lobe=image), 3.0, BEAM))) == {0, 2}


def test_less_than_half_a_beam_belongs_to_what_is_beside_it() -> None:
    jet = np.where((abs(Y - 30) < 3) & (abs(X - 30) < 15), 10.0, 0.0)
    core = np.zeros(Y.shape)
    core[30, 30:33] = 20.0  # three pixels; half a beam is 3.45
    alone = np.zeros(Y.shape)
    alone[5, 5:8] = 4.0
    found = told_apart(shares(core=core, jet=jet + alone), 3.0, BEAM)
    assert (found[jet > 0] == 3).all() and (found[alone > 0] == 0).all()
    core[31, 30] = 20.0
    found = told_apart(shares(core=core, jet=jet), 3.0, BEAM)
    assert np.array_equal(found == 1, core > 0) and np.array_equal(found == 3, (jet > 0) & (core == 0))
