"""What a format reader hands back, before the checks and the noise that all formats share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from ..schema import Beam, NoSuchPlane, Origin, PixelShape, Row0
from .notes import Notes


@dataclass
class Raw:
    """Pixels (ny, nx) of one plane with what the file says about them."""

    pixels: NDArray[Any]
    kind: Literal["fits", "image", "array"]
    notes: Notes
    unit: str | None = None
    wcs: WCS | None = None
    beam: Beam | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    row0: Row0 = "unknown"
    colour: NDArray[np.float32] | None = None
    """Channels (ny, nx, 3) where they differ, rows as in ``pixels``."""
    planes: int = 1
    """How many planes the file offers, of which ``pixels`` is one."""
    pixel: PixelShape | None = None
    """What ``Cutout.pixel_shape`` will find, where it is known already."""


@dataclass(frozen=True)
class Cut:
    """The part of an image that is asked for: a square on the sky or a pixel box; nothing means the whole."""

    position: tuple[float, float] | None = None
    box: tuple[int, int, int, int] | None = None
    size_arcsec: float | None = None

    def __bool__(self) -> bool:
        return self.position is not None or self.box is not None


def plane_index(lead: tuple[int, ...], plane: int, notes: list[str]) -> tuple[int, ...]:
    """Index of a plane along the leading axes of a cube, counted in C order, with a note on what was left out."""
    count = prod(lead)
    if not 0 <= plane < count:
        raise NoSuchPlane(plane, count)
    if count > 1:
        notes.append(f"A cube of {count} planes: plane {plane} is shown.")
    return tuple(int(i) for i in np.unravel_index(plane, lead)) if lead else ()
