"""Cutouts that are one source or one image: same place on the sky, same pixels, pixels alike.

A copy on both sides of a split makes a model look better than it is. Copies are looked for by position (closer than 5
arcsec, in whatever survey and VLASS epoch), by the very same stretched pixels, turned or mirrored or not, and by the
correlation of the fields of view, which also finds images that were saved again or cut anew. Compact sources on empty
sky are alike without being copies, so images whose positions are known and differ are not correlated, and of the other
pairs a person decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .items import DataSet
from .splits import Split, near_pairs
from .stretched import Stretched

PLACE = 5.0  # arcsec
ALIKE = 0.999  # correlation of two fields of view
SIDE = 32  # pixels of the fields that are correlated
MANY = 20_000  # items beyond which pixels are no longer correlated, each with each


class Pair(NamedTuple):
    """Two items of a data set that may be one: their indices, how they agree, and by how much."""

    one: int
    other: int
    kind: Literal["place", "pixels", "alike"]
    amount: float
    """Separation in arcsec for place, correlation for alike, 1 for pixels."""


def duplicates(data_set: DataSet, images: Stretched, split: Split | None = None, *, alike: float = ALIKE) -> list[Pair]:
    """Pairs that may be one, by kind and index; with a split those alone that lie in two of its parts.

    A pair is told once, as the first kind that finds it. Positions are those of the data set's table; pixels of more
    than 20,000 items are only compared for being the very same.
    """
    found: dict[tuple[int, int], Pair] = {}
    placed = [item.ra is not None and item.dec is not None for item in data_set.items]
    for pair in (*same_place(data_set), *same_pixels(images), *alike_pixels(images, alike)):
        if pair.kind != "alike" or not (placed[pair.one] and placed[pair.other]):
            found.setdefault((pair.one, pair.other), pair)
    pairs = list(found.values())
    if split is None:
        return pairs
    part = np.full(len(data_set), -1)
    for number, indices in enumerate(split):
        part[indices] = number
    return [pair for pair in pairs if part[pair.one] != part[pair.other] and min(part[[pair.one, pair.other]]) >= 0]


def same_place(data_set: DataSet, separation: float = PLACE) -> list[Pair]:
    """Pairs closer than ``separation`` arcsec, of the items whose position the data set's table gives."""
    placed = [(index, item.ra, item.dec) for index, item in enumerate(data_set.items)]
    known = [(index, ra, dec) for index, ra, dec in placed if ra is not None and dec is not None]
    if len(known) < 2:
        return []
    index, ra, dec = np.array(known).T
    pairs, apart = near_pairs(ra, dec, separation)
    return [
        Pair(int(index[one]), int(index[other]), "place", float(arcsec))
        for (one, other), arcsec in zip(pairs, apart, strict=True)
    ]


def same_pixels(images: Stretched) -> list[Pair]:
    """Pairs of the very same stretched pixels in any of the eight orientations; flat images are not compared."""
    first: dict[bytes, int] = {}
    pairs = []
    for index, field in _fields(images):
        if np.nanmin(field, initial=np.inf) >= np.nanmax(field, initial=-np.inf):
            continue
        turned = [np.rot90(view, turns, (1, 2)) for view in (field, field[:, ::-1]) for turns in range(4)]
        key = min(hashlib.sha256(repr(view.shape).encode() + view.tobytes()).digest() for view in turned)
        if key in first:
            pairs.append(Pair(first[key], index, "pixels", 1.0))
        first.setdefault(key, index)
    return pairs


def alike_pixels(images: Stretched, least: float = ALIKE) -> list[Pair]:
    """Pairs whose fields of view correlate by ``least`` or more when brought to 32 x 32 pixels."""
    if len(images.place) > MANY:
        return []
    indices, rows = [], []
    for index, field in _fields(images):
        whole = torch.from_numpy(np.nan_to_num(field.mean(axis=0)))[None, None]
        small = F.interpolate(whole, (SIDE, SIDE), mode="bilinear", antialias=True).flatten().double()
        small = small - small.mean()
        if (norm := float(small.norm())) > 0:
            indices.append(index)
            rows.append((small / norm).float())
    if not rows:
        return []
    table, pairs = torch.stack(rows), []
    for start in range(0, len(table), 1024):
        close = (table[start : start + 1024] @ table.T) >= least
        for one, other in close.nonzero().tolist():
            if start + one < other:
                correlation = float(table[start + one] @ table[other])
                pairs.append(Pair(indices[start + one], indices[other], "alike", min(correlation, 1.0)))
    return pairs


def _fields(images: Stretched) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Index and field of view (chan, h, w) of each readable item."""
    for index, (group, row) in enumerate(images.place.tolist()):
        if group >= 0:
            yield index, images.crops(group, [row], images.windows[group])[0]
