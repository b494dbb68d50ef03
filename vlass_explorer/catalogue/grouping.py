"""A source, not a component: rows of a list that belong together become one target, placed where its source is.

list of targets → places, fluxes, axes → ``pairs.linked`` → one target a source, on its core or between its ends; then
``cautions`` says in the rows of the cutouts what was taken together, how far it reaches and what speaks against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..schema import Target
from . import pairs
from .pairs import ARCSEC, Components, Floats

CORE_ASIDE = 0.35  # of the extent: how far the core of a bent source may lie off the line between its ends
SAME = 0.01  # arcsec; rows nearer than this are one position given twice
MOST = 1000  # rows of one source between which the gaps are looked at
MANY = 10  # rows of one source from which it is called complex
Placed = Literal["asked", "core", "middle"]


@dataclass(frozen=True)
class Source:
    """Rows of a list that are one source; alone, a row is a source of one."""

    members: tuple[str, ...]
    """Identifiers of its rows in the order of the list."""
    placed: Placed
    """``asked``: where the one row lies; else on the core, or in the middle between the two ends."""
    offset: float
    """Distance in arcsec from the place of the row whose identifier the target has."""
    extent: float
    """Largest distance between two rows in arcsec, half the major axes of both added where they are known."""
    farthest: float
    nearest: float
    """Distance in arcsec from the place to the row farthest from it (half its major axis added) and nearest to it."""
    gap: float
    """Largest step in arcsec from a row to the next one along the chain that holds the source together."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grouping:
    """The targets of a list, one a source, and what each is made of by its identifier."""

    targets: tuple[Target, ...]
    sources: dict[str, Source]
    rows: int
    has_flux: bool
    has_axes: bool

    @property
    def joined(self) -> int:
        """Sources of more than one row."""
        return sum(len(source.members) > 1 for source in self.sources.values())

    @property
    def sentence(self) -> str:
        """What was done, and from what."""
        told = [name for name, has in (("fluxes", self.has_flux), ("axes", self.has_axes)) if has]
        by = " and ".join(["distances", *told]) if len(told) < 2 else "distances, fluxes and axes"
        missing = (
            "" if self.has_flux else "; the list gives no flux, so only what is close or aligned is taken together"
        )
        many = sum(len(source.members) for source in self.sources.values() if len(source.members) > 1)
        if not many:
            return f"No two of the {self.rows:,} positions are parts of one source, by {by}{missing}."
        one = "source" if self.joined == 1 else "sources"
        return (
            f"{many:,} of the {self.rows:,} positions are parts of {self.joined:,} {one}, by {by}{missing}: "
            f"{len(self.targets):,} targets."
        )


def group(targets: Sequence[Target]) -> Grouping:
    """One target a source, in the order in which the sources first appear; targets without a position stay as they are.

    The place is that of the core where a component lies between the two ends, else the middle between them: flux would
    pull it to the brighter lobe, and the other one out of the square. The identifier is that of the core, else of the
    brightest row, else of the first. A label stays where no two rows contradict each other.
    """
    placed = [place for place, target in enumerate(targets) if target.ra is not None and target.dec is not None]
    found = _components([targets[place] for place in placed])
    numbers = pairs.linked(found)
    groups: dict[int, list[int]] = {}
    for row, number in enumerate(numbers.tolist()):
        groups.setdefault(number, []).append(row)
    made: dict[int, tuple[Target, Source]] = {}
    for rows in groups.values():
        members = [targets[placed[row]] for row in rows]
        made[placed[rows[0]]] = _alone(members[0]) if len(rows) == 1 else _source(members, found, rows)
    told = [
        made.get(place) or (target, None)
        for place, target in enumerate(targets)
        if place in made or target.ra is None or target.dec is None
    ]
    return Grouping(
        tuple(target for target, _ in told),
        {target.id: source for target, source in told if source is not None},
        len(targets),
        bool(np.isfinite(found.flux).any()),
        bool((found.major >= pairs.RESOLVED).any() and np.isfinite(found.pa).any()),
    )


def _components(targets: Sequence[Target]) -> Components:
    ra, dec = (np.array([getattr(target, name) for target in targets], float) for name in ("ra", "dec"))
    values = {
        name: np.array([np.nan if (v := getattr(target, name)) is None else v for target in targets], float)
        for name in ("flux", "peak", "major", "pa")
    }
    flux = np.where(np.isfinite(values["flux"]), values["flux"], values["peak"])
    return Components(pairs.unit_vectors(ra, dec), flux, values["major"], values["pa"])


def _alone(target: Target) -> tuple[Target, Source]:
    half = (target.major or 0.0) / 2.0
    return target, Source((target.id,), "asked", 0.0, 2.0 * half, half, 0.0, 0.0)


def _source(members: list[Target], found: Components, rows: list[int]) -> tuple[Target, Source]:
    """The target and the source of several rows, measured on the plane that touches the sky between them."""
    centre = found.vectors[rows].mean(axis=0)
    centre /= np.linalg.norm(centre)
    east, north = _axes(centre)
    vectors = found.vectors[rows]
    offsets = np.stack([vectors @ east, vectors @ north], axis=1) / (vectors @ centre)[:, None] * ARCSEC
    half = np.nan_to_num(found.major[rows]) / 2.0
    first, last = _ends(offsets)
    middle = (offsets[first] + offsets[last]) / 2.0
    span = float(np.linalg.norm(offsets[last] - offsets[first]))
    core = _core(offsets, first, last)
    flux = found.flux[rows]
    named = core if core is not None else int(np.nanargmax(flux)) if np.isfinite(flux).any() else 0
    place = offsets[core] if core is not None else middle
    if core is not None:
        ra, dec = members[core].position
    else:
        vector = centre + (place[0] * east + place[1] * north) / ARCSEC
        vector /= np.linalg.norm(vector)
        ra = float(np.degrees(np.arctan2(vector[1], vector[0])) % 360.0)
        dec = float(np.degrees(np.arcsin(np.clip(vector[2], -1.0, 1.0))))
    away = np.linalg.norm(offsets - place, axis=1)
    labels = {target.label for target in members if target.label}
    notes = _notes(members, offsets, labels)
    source = Source(
        tuple(target.id for target in members),
        "core" if core is not None else "middle",
        float(away[named]),
        span + float(half[first] + half[last]),
        float((away + half).max()),
        float(away.min()),
        _gap(offsets),
        notes,
    )
    label = labels.pop() if len(labels) == 1 else ""
    return replace(members[named], ra=ra, dec=dec, label=label), source


def _axes(centre: Floats) -> tuple[Floats, Floats]:
    """East and north at a place; at a pole, which has neither, any two directions at right angles."""
    east = np.array([-centre[1], centre[0], 0.0])
    east = np.array([1.0, 0.0, 0.0]) if np.linalg.norm(east) < 1e-9 else east / np.linalg.norm(east)
    north = np.cross(centre, east)
    return east, north / np.linalg.norm(north)


def _ends(offsets: Floats) -> tuple[int, int]:
    """The two rows (n, 2) that lie farthest from each other, from the outermost ones in 360 directions."""
    angles = np.radians(np.arange(360.0))
    outer = np.unique(np.argmax(offsets @ np.array([np.sin(angles), np.cos(angles)]), axis=0))
    apart = np.linalg.norm(offsets[outer][:, None] - offsets[outer][None, :], axis=2)
    first, last = np.unravel_index(int(np.argmax(apart)), apart.shape)
    return int(outer[min(first, last)]), int(outer[max(first, last)])


def _core(offsets: Floats, first: int, last: int) -> int | None:
    """The row nearest to the middle between the ends, if it lies between them; None for no such row."""
    line = offsets[last] - offsets[first]
    length = float(np.linalg.norm(line))
    if length <= SAME:
        return None
    inner = offsets - offsets[first]
    along = inner @ line / length**2
    aside = np.abs(inner[:, 0] * line[1] - inner[:, 1] * line[0]) / length**2
    good = (along >= pairs.BETWEEN) & (along <= 1.0 - pairs.BETWEEN) & (aside <= CORE_ASIDE)
    return int(np.argmin(np.where(good, np.hypot(along - 0.5, aside), np.inf))) if good.any() else None


def _gap(offsets: Floats) -> float:
    """Longest edge in arcsec of the shortest tree that connects the rows (n, 2), of the first thousand places."""
    from scipy.sparse.csgraph import minimum_spanning_tree

    places = np.unique(np.round(offsets / SAME), axis=0)[:MOST] * SAME
    edges = minimum_spanning_tree(np.linalg.norm(places[:, None] - places[None, :], axis=2)).data
    return float(edges.max()) if edges.size else 0.0


def _notes(members: list[Target], offsets: Floats, labels: set[str]) -> tuple[str, ...]:
    notes = []
    same = len(members) - len(np.unique(np.round(offsets / SAME), axis=0))
    if same:
        notes.append(f"{same} of the {len(members)} positions of this source are there twice.")
    if len(members) - same >= MANY:
        notes.append(f"{len(members)} positions are one source: a complex one, a cluster of galaxies or artefacts.")
    if len(labels) > 1:
        notes.append(f"The positions of this source have different labels: {', '.join(sorted(labels))}.")
    return tuple(notes)
