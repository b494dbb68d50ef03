"""What is laid over an image: shapes on the sky or on pixels, and the same shapes placed on a cutout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from ..schema import ExplorerError

MOST = 2000
"""Shapes that are placed on one image; a browser draws more of them too slowly to zoom."""

Array = NDArray[np.float64]


class OverlayError(ExplorerError):
    """A file of regions cannot be drawn; the sentence says why."""


@dataclass(frozen=True, eq=False)
class Shape:
    """One region as it was read: an outline, or a point where it has one vertex."""

    sky: SkyCoord | None
    """Vertices (n) on the sky; None for a region in pixels."""
    xy: Array | None
    """Vertices (n, 2), x and y, in pixels from the centre of the first one; None for a region on the sky."""
    label: str = ""
    colour: str = ""
    """#rrggbb, or empty where the file names none."""
    excluded: bool = False

    @property
    def size(self) -> int:
        """How many vertices it has."""
        return len(self.sky if self.sky is not None else self.xy if self.xy is not None else ())


@dataclass(frozen=True, eq=False)
class Regions:
    """A region file."""

    name: str
    shapes: tuple[Shape, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Positions of a table in degrees (ICRS), each (n), with their names."""

    name: str
    ra: Array
    dec: Array
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()


Layer = Regions | Catalogue


@dataclass(frozen=True, eq=False)
class Drawn:
    """One shape on the pixels of a cutout: vertices (n) in pixels from the centre of the first one."""

    y: Array
    x: Array
    label: str
    colour: str
    excluded: bool = False
    bold: bool = False

    @property
    def is_point(self) -> bool:
        """True for a place without an extent."""
        return len(self.x) == 1


@dataclass(frozen=True, eq=False)
class Placed:
    """The shapes of a layer that lie on a cutout, nearest to its centre first, and what is to be said of the rest."""

    name: str
    shapes: tuple[Drawn, ...]
    sentence: str
    notes: tuple[str, ...] = ()


def nearest(y: Array, x: Array, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Indices of the places that are drawn on an image: the ``MOST`` nearest to its centre, in order of distance."""
    distance = np.hypot(y - (shape[0] - 1) / 2, x - (shape[1] - 1) / 2)
    return np.argsort(distance, kind="stable")[:MOST]


def sentence(name: str, what: str, given: int, within: int, drawn: int) -> str:
    """How many of a file's regions or sources are on the image, and how many of those are drawn."""
    if within == 0:
        return f"{name}: none of {given:,} {what} lies on this image."
    if drawn < within:
        return (
            f"{name}: {within:,} of {given:,} {what} lie on this image; the {drawn:,} nearest to its centre are drawn."
        )
    return f"{name}: {within:,} of {given:,} {what} on this image."
