"""How many of some cutouts a checkpoint has trained on or validated itself on, by content and by place on the sky.

Only cutouts that are neither are a test. By content a copy is found whatever its name, folder and container; by place a
picture that was saved or cut again, and the same source in another survey.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .. import checkpoints
from ..datasets.identity import chord, directions
from ..schema import Checkpoint, CheckpointError, Cutouts, FloatArray, Overlap, Seen
from ..schema.reports import Status

RADIUS = 10.0  # arcsec
"""Places closer than this are one source.

Places in file names and tables are often rounded to 0.001 degrees, so that two roundings of one place lie up to 5.1
arcsec apart (3.6 in either coordinate), and catalogues take the core, the centroid or the host for it: of 676 sources
that MiraBest and the FIRST radio galaxies share, all but 3 agree to 8 arcsec. Two sources as dense as those of FIRST
(90 a square degree) come so close by chance in 2 of 1,000 cases; the FIRST radio galaxies have no pair below 60 arcsec.
"""
NOT_LISTED = "its card does not list what it was trained on"


def overlap(card: Checkpoint, part: Cutouts) -> Overlap:
    """How much of a part a checkpoint on the shelf has seen; unknown, with the reason, where its list cannot tell."""
    try:
        return count(checkpoints.seen(card), part)
    except CheckpointError as error:
        return count(None, part, reason=str(error).rstrip("."))


def count(seen: Seen | None, part: Cutouts, *, reason: str = NOT_LISTED) -> Overlap:
    """How many cutouts of a part were seen, each counted once: trained on, else validated on, else calibrated on.

    What is not found is unknown where there is no list (None, for that ``reason``), where the list leaves ancestors
    out, or where a cutout has neither content nor place to compare.
    """
    total = len(part)
    if seen is None:
        return Overlap(total, unknown=total, reason=reason, part=fingerprint(part))
    placed = np.asarray(np.isfinite(part.places).all(axis=1))
    lists = {"train": seen.train, "selected": seen.selected, "calibrated": seen.calibrated}
    found, by_place = marks(seen, part)
    counts = {name: int(mask.sum()) for name, mask in found.items()}
    left = ~np.any(list(found.values()), axis=0)
    bare = left & _bare(part)
    unknown = left if seen.unlisted else bare
    if seen.unlisted:
        reason = f"what these saw is not listed: {', '.join(seen.unlisted)}"
    elif bare.any():
        reason = "nothing is known of their content and place"
    elif seen.stated:
        reason = f"that these saw nothing else is stated, not checked: {', '.join(seen.stated)}"
    else:
        reason = ""
    return Overlap(
        total,
        trained=counts["train"],
        selected=counts["selected"],
        calibrated=counts["calibrated"],
        unknown=int(unknown.sum()),
        by_place=by_place,
        placed=int(placed.sum()) if any(_index(listed)[1] is not None for listed in lists.values()) else 0,
        reason=reason if left.any() else "",
        part=fingerprint(part),
    )


def each(seen: Seen | None, part: Cutouts) -> list[Status]:
    """What a checkpoint did with each cutout of a part, as the ``status`` of its ``count`` alone."""
    if seen is None:
        return ["unknown"] * len(part)
    found, _ = marks(seen, part)
    unknown = np.full(len(part), True) if seen.unlisted else _bare(part)
    known = [found["train"], found["selected"] | found["calibrated"], unknown]
    names: tuple[Status, ...] = ("trained", "selected", "unknown", "unseen")
    return [names[place] for place in np.select(known, [0, 1, 2], 3).tolist()]


def marks(seen: Seen, part: Cutouts) -> tuple[dict[str, NDArray[np.bool_]], int]:
    """Which cutouts (N,) of a part were trained on, else selected on, else calibrated on; how many by place alone."""
    placed = np.asarray(np.isfinite(part.places).all(axis=1))
    vectors, left = directions(part.places[placed]), np.ones(len(part), dtype=bool)
    masks, by_place = {}, 0
    for name, listed in (("train", seen.train), ("selected", seen.selected), ("calibrated", seen.calibrated)):
        contents, tree = _index(listed)
        same = np.fromiter((content in contents for content in part.content.tolist()), bool, len(part))
        found = left & (same | _near(vectors, placed, tree))
        masks[name], by_place = found, by_place + int((found & ~same).sum())
        left &= ~found
    return masks, by_place


def _bare(part: Cutouts) -> NDArray[np.bool_]:
    """Cutouts (N,) of which neither content nor place is known."""
    return np.asarray((part.content == "") & ~np.isfinite(part.places).all(axis=1))


def fingerprint(part: Cutouts) -> str:
    """16 hex digits that stand for the content of a part in any order; "" where the content of a cutout is unknown."""
    if not len(part) or (part.content == "").any():
        return ""
    return hashlib.sha256("\n".join(sorted(part.content.tolist())).encode()).hexdigest()[:16]


@lru_cache(maxsize=6)  # two checkpoints, asked about one cutout after the other
def _index(listed: Cutouts) -> tuple[frozenset[str], cKDTree | None]:
    """What is known of the content of a list, and its places as unit vectors."""
    known = listed.places[np.isfinite(listed.places).all(axis=1)]
    return frozenset(listed.content.tolist()) - {""}, cKDTree(directions(known)) if len(known) else None


def _near(vectors: FloatArray, placed: NDArray[np.bool_], tree: cKDTree | None) -> NDArray[np.bool_]:
    """Which of N places lie closer to one of the list than ``RADIUS``: ``vectors`` are those of the known ones."""
    found = np.zeros(len(placed), dtype=bool)
    if len(vectors) and tree is not None:
        found[placed] = tree.query(vectors)[0] <= chord(RADIUS)
    return found
