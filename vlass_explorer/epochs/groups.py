"""Which of many images show one source, in the order of their time, and what each is called among the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..schema import Cutout
from .checks import Position, centre, name, place

EDGE = 4.0  # arcsec from the border within which a source is not seen


@dataclass(frozen=True, eq=False)
class Shown:
    """One image of the source."""

    cutout: Cutout
    name: str
    """Survey and VLASS epoch, unique among the images of the source."""

    @property
    def is_vlass(self) -> bool:
        """True for an epoch of VLASS."""
        return self.cutout.origin.survey == "VLASS" and self.cutout.origin.product in ("total intensity", "unknown")

    @property
    def is_radio(self) -> bool:
        """True for a total-intensity radio image, as far as it is known."""
        origin = self.cutout.origin
        return origin.product in ("total intensity", "unknown") and (
            origin.frequency_ghz is not None or self.cutout.beam is not None
        )


def at(cutouts: Sequence[Cutout], position: Position | None = None) -> list[Shown]:
    """The images that show a place, by default the centre of the first: VLASS epochs in order, then other surveys.

    Images without coordinates show no place. One file counts once. Of two of a name the later one gets a number.
    """
    if not cutouts:
        return []
    if position is None:
        if cutouts[0].wcs is None:
            return [Shown(cutouts[0], name(cutouts[0]))]
        position = centre(cutouts[0])
    different = {cutout.file_sha256: cutout for cutout in reversed(cutouts)}.values()
    found = sorted((cutout for cutout in different if _shows(cutout, position)), key=_order)
    counts: Counter[str] = Counter()
    shown = []
    for cutout in found:
        counts[title := name(cutout)] += 1
        shown.append(Shown(cutout, title if counts[title] == 1 else f"{title} ({counts[title]})"))
    return shown


def _shows(cutout: Cutout, position: Position) -> bool:
    if cutout.wcs is None or cutout.pixel_shape is None:
        return False
    found = place(cutout, position)
    if found is None:
        return False
    margin = np.minimum(np.array(found) + 0.5, np.array(cutout.shape) - 0.5 - np.array(found))
    return bool((margin * np.array(cutout.pixel_shape.scale) >= EDGE).all())


def _order(cutout: Cutout) -> tuple[bool, str, float, str]:
    """VLASS first, by epoch and date; others from high to low frequency, those without one last."""
    origin = cutout.origin
    when = f"{origin.vlass_epoch or ''} {origin.date or ''}"
    return (
        origin.survey != "VLASS",
        when if origin.survey == "VLASS" else "",
        -(origin.frequency_ghz or 0.0),
        cutout.name,
    )
