"""How a file is read, where it leaves a choice: one value that can be kept and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..schema import Row0


@dataclass(frozen=True)
class Reading:
    """How a file is read, where it leaves a choice; see ``cutouts.read``."""

    plane: int = 0
    row0: Row0 | None = None
    position: tuple[float, float] | None = None
    box: tuple[int, int, int, int] | None = None
    size_arcsec: float | None = None
    keep_zeros: bool = False
    pixel_scale: float | None = None
    """Arcsec a pixel of a picture or array."""
    beam: tuple[float, float, float] | None = None
    """Axes in arcsec and position angle in degrees of a picture or array."""
    stretch: str | None = None
    """Of a picture or array, as ``cutouts.declared`` writes it."""
    clip: tuple[float, float] | None = None
    """Brightness of its black and white in mJy/beam."""
    survey: str | None = None

    @property
    def is_part(self) -> bool:
        """True where only a part of the image is read."""
        return self.position is not None or self.box is not None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Reading:
        """What ``dataclasses.asdict`` gave, after JSON made lists of its tuples."""
        known: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
        return cls(**known)
