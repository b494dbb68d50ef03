"""What speaks against the source of a row: wider than its square, in parts measured apart, beside a bright one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..measure import sidelobes
from ..measure.detection import LINKING, SEARCH
from ..quantities import angle
from ..schema import Found, Target
from . import pairs
from .grouping import Grouping, Source

LARGEST = 0.8  # of the side of the square: what reaches farther may lie outside, as ``validity`` says of a source


def annotated(rows: Iterable[Found], grouping: Grouping) -> Iterator[Found]:
    """The rows of a grouped list with what was taken together, how far it reaches, and cautions."""
    for row in rows:
        source = grouping.sources.get(row.id)
        if source is None:
            yield row
            continue
        size = row.size or np.inf
        yield replace(
            row,
            components=len(source.members),
            component_ids=" | ".join(source.members),
            placed_on=source.placed,
            offset=source.offset,
            extent=source.extent,
            cautions=(*row.cautions, *_reach(source, size)),
            notes=(*row.notes, *source.notes),
        )


def _reach(source: Source, size: float) -> Iterator[str]:
    """What of the source a square of ``size`` arcsec around its place does not show, or measurements do not take."""
    if 2.0 * source.farthest > LARGEST * size:
        yield (
            f"The source reaches {angle(round(source.farthest))} from its place and the square "
            f"{angle(round(size / 2))}: parts of it may lie outside."
        )
    if source.nearest > SEARCH:
        yield (
            f"No part of the source lies within {angle(SEARCH)} of its place, where a source is looked for: nothing "
            "will be measured."
        )
    if source.gap > LINKING and len(source.members) > 1:
        yield (
            f"Parts of the source lie {angle(round(source.gap))} from the next one, more than the {angle(LINKING)} "
            "that an image's islands are taken together over: what is measured is the part nearest to its place."
        )


def near_bright(rows: Sequence[Found], targets: Sequence[Target], grouping: Grouping | None = None) -> Iterator[Found]:
    """The rows, with a caution where VLASS may show an artefact of a bright row of the list beside them.

    ``targets`` are the rows of the list as given. Peaks are compared, or fluxes where there are none; rows without
    either are left alone.
    """
    worst = dict(_neighbours(targets, grouping))
    for row in rows:
        if row.survey != "VLASS" or row.id not in worst:
            yield row
            continue
        quick_look = row.kind != "Single Epoch"
        told = [pair for pair in worst[row.id] if pair[0] > sidelobes.dynamic_range(pair[1], quick_look=quick_look)]
        if not told:
            yield row
            continue
        ratio, away = max(told, key=lambda pair: pair[0] / float(sidelobes.dynamic_range(pair[1], quick_look=True)))
        yield replace(row, cautions=(*row.cautions, sidelobes.sentence(ratio, away, quick_look=quick_look)))


def _neighbours(
    targets: Sequence[Target], grouping: Grouping | None
) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Identifier of a source, and ratio and distance (arcsec) of each row of other sources that outshines it."""
    from scipy.spatial import cKDTree

    known = [target for target in targets if target.ra is not None and (target.peak or target.flux)]
    if len(known) < 2:
        return
    source_of = {} if grouping is None else {m: name for name, s in grouping.sources.items() for m in s.members}
    names = [source_of.get(target.id, target.id) for target in known]
    has_peaks = all(target.peak for target in known)
    peaks = np.array([(target.peak if has_peaks else target.flux or target.peak) for target in known], float)
    brightest: dict[str, float] = {}
    for name, peak in zip(names, peaks.tolist(), strict=True):
        brightest[name] = max(peak, brightest.get(name, 0.0))
    vectors = pairs.unit_vectors(*(np.array([getattr(target, axis) for target in known]) for axis in ("ra", "dec")))
    least = float(sidelobes.dynamic_range(0.0, quick_look=True))
    bright = np.flatnonzero(peaks > least * peaks.min())
    if not bright.size:
        return
    found: dict[str, list[tuple[float, float]]] = {}
    tree, reach = cKDTree(vectors), float(pairs.chord(sidelobes.REACH))
    if int(tree.count_neighbors(cKDTree(vectors[bright]), reach)) > pairs.MOST_PAIRS:
        return  # no list of sources is that crowded
    near = tree.query_ball_point(vectors[bright], reach)
    for place, others in zip(bright.tolist(), near, strict=True):
        for other in others:
            ratio = float(peaks[place]) / brightest[names[other]]
            if names[other] == names[place] or ratio < least:
                continue
            away = float(pairs.angle(np.array([np.linalg.norm(vectors[place] - vectors[other])]))[0])
            found.setdefault(names[other], []).append((ratio, away))
    yield from found.items()
