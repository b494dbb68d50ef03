"""The strongest patches of a map as a DS9 region file, which CARTA and astropy's regions read too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import __version__, preprocess
from ..cutouts import places
from ..schema import Cutout, Explanation, FloatArray, Window
from ..schema.columns import ascii_text
from .manifests import Provenance

COUNT = 10
FINEST = 16
"""Maps finer than this a side are summed in blocks first: ten single pixels would show nothing."""
POSITIVE, NEGATIVE = "cyan", "red"


@dataclass(frozen=True)
class Patch:
    """One patch of a map: its share of the field of view as edges in native pixels, and its value."""

    y0: float
    y1: float
    x0: float
    x1: float
    value: float


def top_patches(relevance: FloatArray, window: Window, count: int = COUNT) -> list[Patch]:
    """The ``count`` patches of a map (gy, gx) with the largest magnitude, the strongest first; zeros are left out.

    A map of more than 16 cells a side is summed in blocks, NaN counting as 0.
    """
    values = np.nan_to_num(np.asarray(relevance, np.float64))
    starts = [np.unique(np.linspace(0, side, min(side, FINEST) + 1).round().astype(int)) for side in values.shape]
    blocks = np.add.reduceat(np.add.reduceat(values, starts[0][:-1], axis=0), starts[1][:-1], axis=1)
    y, x = (
        first + size * edges / side
        for first, size, edges, side in zip((window.y0, window.x0), window.shape, starts, values.shape, strict=True)
    )
    order = np.argsort(-np.abs(blocks), axis=None, kind="stable")[:count]
    found = []
    for row, column in zip(*np.unravel_index(order, blocks.shape), strict=True):
        if blocks[row, column]:
            y0, y1, x0, x1, value = map(float, (*y[row : row + 2], *x[column : column + 2], blocks[row, column]))
            found.append(Patch(y0, y1, x0, x1, value))
    return found


def has_regions(explanation: Explanation) -> bool:
    """True where a region file would hold anything: a map on the sky that is not zero everywhere."""
    return explanation.on_sky and bool(np.nan_to_num(explanation.maps).any())


def regions_bytes(explanation: Explanation, cutout: Cutout, provenance: Provenance, *, count: int = COUNT) -> bytes:
    """A DS9 region file: the strongest patches of each map as polygons in ICRS, or in image pixels without a WCS.

    The text of a region is its rank and value; patches that argue against the label are red.
    """
    window = preprocess.window(cutout, provenance.card.input_spec)
    lines = [
        "# Region file format: DS9 version 4.1",
        f"# VLASS Explorer {__version__}: {provenance.card.name}, {provenance.method}, {provenance.question}",
    ]
    shapes, system = [], "icrs"
    for title, panel in zip(explanation.titles, explanation.maps, strict=True):
        for rank, patch in enumerate(top_patches(panel, window, count), start=1):
            corners = np.array([(patch.x0, patch.y0), (patch.x1, patch.y0), (patch.x1, patch.y1), (patch.x0, patch.y1)])
            shapes.append((corners, rank, patch.value, title))
    sky = [places.corners(cutout, corners - 0.5) for corners, *_ in shapes]
    if any(found is None for found in sky):
        system = "image"
    lines.append(system)
    for (corners, rank, value, title), on_sky in zip(shapes, sky, strict=True):
        # Edges in a Window lie half a pixel below the centres that DS9 counts from 1.
        points = corners + 0.5 if system == "image" or on_sky is None else on_sky
        numbers = ",".join(f"{number:.8f}" for number in points.ravel())
        colour = POSITIVE if value >= 0 else NEGATIVE
        lines.append(f"polygon({numbers}) # color={colour} text={_braced(f'{rank}: {value:.3g}')} tag={_braced(title)}")
    return ("\n".join(map(ascii_text, lines)) + "\n").encode("ascii")


def _braced(text: str) -> str:
    """A text in braces without those that would end it, and without the semicolons that end a region for readers."""
    return "{" + ascii_text(text).replace("{", "(").replace("}", ")").replace(";", ",") + "}"
