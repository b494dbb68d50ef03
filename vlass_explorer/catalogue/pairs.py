"""Which components of a list belong to one source: pairs that are nearer, brighter, better aligned than by chance.

As in Magliocchetti et al. (1998, MNRAS 300, 257), who join FIRST components up to a separation that grows with the root
of their flux, the limit is one of chance: the number of components at least as bright as the fainter of the pair that
lie as near at random. Here it is counted in the list itself, so that no unit of flux is needed. Lobes of one source are
at most ten times as bright as each other (van Velzen et al. 2015, MNRAS 446, 2985). Components that are elongated along
the line between them, and a third one between the two, make chance the less likely (Gordon et al. 2023, ApJS 267, 37).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measure.detection import LINKING
from ..schema import ArchiveError

SEARCH = 300.0  # arcsec; wider pairs are not looked for
RING = 240.0  # arcsec; pairs between this and SEARCH tell how dense the list is where it has components at all
AROUND = 3600.0  # arcsec; radius in which components are counted
CHANCE = 0.004  # components at random that a pair may be mistaken for
RATIO = 10.0  # of the fluxes of a pair
ALIGNED, RESOLVED = 30.0, 2.0  # degrees between an axis and the line; arcsec of the major axis from which it has one
BETWEEN, ASIDE = 0.25, 0.15  # of the separation: how far a core lies from either end at least, and aside at most
CORE_CHANCE = 0.05  # components at random where a core is looked for, up to which one there belongs to the pair
LEVEL = 1.5  # factor in flux between the levels at which components are counted
MOST_PAIRS = 20_000_000
SPARSEST = 0.3 / 3600.0**2  # components a square arcsec; no list tells that it has less
ARCSEC = float(np.degrees(1.0) * 3600.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Components:
    """Places and what is known of each; NaN for a flux, a size or an angle that is missing."""

    vectors: Floats
    """Unit vectors (n, 3)."""
    flux: Floats
    """Flux density (n) in any one unit."""
    major: Floats
    """Major axis without the beam (n) in arcsec."""
    pa: Floats
    """Its position angle (n) in degrees, north through east."""


def unit_vectors(ra: Floats, dec: Floats) -> Floats:
    """Unit vectors (n, 3) of right ascension and declination in degrees."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def chord(arcsec: Any) -> Any:
    """Distance between unit vectors at an angle in arcsec."""
    return 2.0 * np.sin(np.asarray(arcsec) / ARCSEC / 2.0)


def angle(chords: Floats) -> Floats:
    """Angle in arcsec of distances between unit vectors."""
    return 2.0 * np.arcsin(np.minimum(chords / 2.0, 1.0)) * ARCSEC


def position_angle(vectors: Floats, others: Floats) -> Floats:
    """Position angle (n) in degrees, north through east, from places to others (n, 3)."""
    east = np.stack([-vectors[:, 1], vectors[:, 0], np.zeros(len(vectors))], axis=1)
    north = np.cross(vectors, east)
    step = others - vectors
    return np.degrees(np.arctan2((step * east).sum(1), (step * north).sum(1))) % 360.0


def linked(found: Components) -> NDArray[np.int32]:
    """Number of the source (n) that each component belongs to, from 0; one alone is a source of its own.

    A pair is joined within 22 arcsec, where an image takes islands together, or where fewer than 0.004 components are
    expected there by chance; a core between the two is joined with them. Without fluxes every component counts as
    equally bright. Raises ArchiveError for a list with more than 20 million pairs within five arcmin.
    """
    # Here and not above: a prediction alone groups nothing.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = len(found.vectors)
    if count < 2:
        return np.zeros(count, np.int32)
    tree = cKDTree(found.vectors)
    reach = float(chord(SEARCH))
    if int(tree.count_neighbors(tree, reach)) - count > 2 * MOST_PAIRS:
        raise ArchiveError("The list is too crowded to be grouped: it has more than 20 million pairs within 5 arcmin.")
    one, other = tree.query_pairs(reach, output_type="ndarray").T
    apart = angle(np.linalg.norm(found.vectors[one] - found.vectors[other], axis=1))
    joined, cores = _joined(found, tree, one, other, apart)
    edges = np.concatenate([np.stack([one[joined], other[joined]], axis=1), cores])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def _joined(
    found: Components, tree: Any, one: NDArray[np.intp], other: NDArray[np.intp], apart: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which pairs (p) belong together, and links (k, 2) from a component to the core between it and its mate."""
    flux = np.where(np.isfinite(found.flux), found.flux, 0.0)
    faint, bright = np.minimum(flux[one], flux[other]), np.maximum(flux[one], flux[other])
    alike = (faint == 0.0) | (bright <= RATIO * faint)
    chance = np.pi * apart**2 * _density(found.vectors, flux, one, other, apart, faint)
    chance = chance * _alignment(found, one, other)
    joined = (apart <= LINKING) | (alike & (chance < CHANCE))
    # A core is looked for where it would decide, or would belong to a pair that is joined already.
    hopeful = np.flatnonzero((apart > LINKING) & alike & (chance < 1.0))
    cores: list[tuple[int, int]] = []
    if hopeful.size:
        everything = np.zeros(hopeful.size)
        around = _density(found.vectors, flux, one[hopeful], other[hopeful], apart[hopeful], everything)
        # Beside those of the list at large, the components that crowd this place count.
        expected = 1.0 - np.exp(-around * (1.0 - 2.0 * BETWEEN) * 2.0 * ASIDE * apart[hopeful] ** 2)
        middles = found.vectors[one[hopeful]] + found.vectors[other[hopeful]]
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
        near = tree.query_ball_point(middles, chord(apart[hopeful] * np.hypot(0.5 - BETWEEN, ASIDE)))
        for place, rivals, odds in zip(hopeful, near, expected, strict=True):
            i, j = int(one[place]), int(other[place])
            core = _between(found.vectors, i, j, [k for k in rivals if k not in (i, j)])
            if core is None or not (joined[place] or chance[place] * odds < CHANCE):
                continue
            if joined[place] and odds > CORE_CHANCE:
                continue
            joined[place] = True
            cores.append((i, core))
    return joined, np.array(cores, np.intp).reshape(-1, 2)


def _density(
    vectors: Floats,
    flux: Floats,
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    apart: Floats,
    faintest: Floats,
) -> Floats:
    """Components per square arcsec at least as bright as ``faintest`` (p) around pairs, from the list itself.

    The larger of two: the count between 5 arcmin and a degree around the pair, and that of the pairs of the whole list
    that are 4 to 5 arcmin apart, which a list of cones around targets has though nothing lies farther out.
    """
    from scipy.spatial import cKDTree

    near, wide = np.pi * SEARCH**2, np.pi * AROUND**2
    ring = np.pi * (SEARCH**2 - RING**2)
    density = np.empty(len(one))
    with np.errstate(divide="ignore"):
        levels = np.where(faintest > 0.0, np.floor(np.log(faintest) / np.log(LEVEL)), -np.inf)
    for level in np.unique(levels):
        least = LEVEL**level if np.isfinite(level) else 0.0
        bright, these = np.flatnonzero(flux >= least), np.flatnonzero(levels == level)
        tree = cKDTree(vectors[bright])
        places = vectors[one[these]]
        counts = [
            np.asarray(tree.query_ball_point(places, float(chord(radius)), return_length=True))
            for radius in (AROUND, SEARCH)
        ]
        beyond, area = counts[0] - counts[1], wide - near
        # Gamma prior of shape 1 whose mean is the density of the list: what one place has none of is not impossible.
        around = (beyond + 1.0) / (area + 1.0 / max(float(beyond.mean()) / area, SPARSEST))
        within = tree.count_neighbors(tree, chord([RING, SEARCH]))
        others = float(within[1] - within[0]) - 2.0 * (apart[these] > RING)  # a pair says nothing of itself
        density[these] = np.maximum(around, np.maximum(others, 0.0) / bright.size / ring)
    return density


def _alignment(found: Components, one: NDArray[np.intp], other: NDArray[np.intp]) -> Floats:
    """A third for each elongated component of a pair that points along the line between them, if all of them do."""
    factor = np.ones(len(one))
    bad = np.zeros(len(one), bool)
    for here, there in ((one, other), (other, one)):
        known = np.isfinite(found.pa[here]) & (found.major[here] >= RESOLVED)
        line = position_angle(found.vectors[here], found.vectors[there])
        off = np.abs((np.nan_to_num(found.pa[here]) - line + 90.0) % 180.0 - 90.0)
        factor[known & (off <= ALIGNED)] *= ALIGNED / 90.0
        bad |= known & (off > ALIGNED)
    return np.where(bad, 1.0, factor)


def _between(vectors: Floats, i: int, j: int, rivals: list[int]) -> int | None:
    """The component between two others that lies nearest to their middle; None where there is none."""
    if not rivals:
        return None
    line = vectors[j] - vectors[i]
    length = float(np.linalg.norm(line))
    offsets = vectors[rivals] - vectors[i]
    along = offsets @ line / length**2
    aside = np.linalg.norm(np.cross(offsets, line), axis=1) / length**2
    good = (along >= BETWEEN) & (along <= 1.0 - BETWEEN) & (aside <= ASIDE)
    if not good.any():
        return None
    return rivals[int(np.argmin(np.where(good, np.abs(along - 0.5), np.inf)))]
