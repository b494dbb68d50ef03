"""What tells one cutout from another: a hash of its pixels, and its place on the sky."""

from __future__ import annotations

import hashlib

import numpy as np

from ..schema import Cutout, FloatArray

DIGITS = 16


def content(cutout: Cutout) -> str:
    """16 hex digits that stand for the pixels of a cutout as read: its shape and values, of all channels of a picture.

    A copy in another folder, under another name, in another container (FITS, compressed FITS, PNG, NPY) or with another
    header has the same, and so has one whose rows are read the other way up, because where row 0 lies is a matter of
    how a set is declared. It cannot see that a picture was saved again with loss, cut anew, scaled, turned, or that it
    shows the same source in another survey: the place on the sky is for that. 64 bits: among a million cutouts against
    a million others a chance agreement has a probability of 5e-8.
    """
    planes = cutout.pixels[None] if cutout.colour is None else cutout.colour
    values = planes.astype("<f4") + np.float32(0.0)  # no negative zero
    values[np.isnan(values)] = np.float32(np.nan)  # one of the many not-a-numbers
    shape = repr(values.shape).encode()
    ways = [hashlib.sha256(shape + np.ascontiguousarray(way).tobytes()) for way in (values, values[:, ::-1])]
    return min(way.hexdigest() for way in ways)[:DIGITS]


def centre(cutout: Cutout) -> tuple[float, float] | None:
    """ICRS right ascension and declination of a cutout's centre in degrees, None where it has no coordinates."""
    if cutout.wcs is None:
        return None
    middle = cutout.wcs.pixel_to_world((cutout.shape[1] - 1) / 2, (cutout.shape[0] - 1) / 2).icrs
    return float(middle.ra.deg), float(middle.dec.deg)


def directions(places: FloatArray) -> FloatArray:
    """Unit vectors (N, 3) of places (N, 2) in degrees, whose chords measure separations also near the poles."""
    ra, dec = np.radians(places).T
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def chord(arcsec: float) -> float:
    """Length of the chord between unit vectors that are so far apart."""
    return float(2.0 * np.sin(np.radians(arcsec / 3600.0) / 2.0))
