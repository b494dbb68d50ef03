"""Where a checkpoint comes from and which cutouts it has seen: what its card says, typed, and nothing lost of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from .attention import FloatArray


@dataclass(frozen=True, eq=False)
class Cutouts:
    """What tells cutouts apart: their content (N,) and their place on the sky (N, 2).

    ``content`` is 16 hex digits of a hash of the pixels as read (``datasets.identity``), "" where nobody knows;
    ``places`` are ICRS right ascension and declination in degrees, NaN where nobody knows.
    """

    content: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, "U16"))
    places: FloatArray = field(default_factory=lambda: np.empty((0, 2)))

    def __post_init__(self) -> None:
        if self.places.shape != (len(self.content), 2):
            raise ValueError("Cutouts need one place (ra, dec) a content hash.")

    def __len__(self) -> int:
        return len(self.content)


@dataclass(frozen=True, eq=False)
class Seen:
    """The cutouts that decided a checkpoint's weights, its ancestors' and teachers' among them."""

    train: Cutouts = field(default_factory=Cutouts)
    """Trained on: weights were fitted to them."""
    selected: Cutouts = field(default_factory=Cutouts)
    """Validated on: scores on them were in view while it was made, or chose its epoch or its parents."""
    calibrated: Cutouts = field(default_factory=Cutouts)
    """Calibrated on: a temperature or a threshold was fitted to them."""
    unlisted: tuple[str, ...] = ()
    """Ancestors and teachers whose cutouts nobody listed: a cutout that is not listed here may still be theirs."""
    stated: tuple[str, ...] = ()
    """Such of whom somebody states, and nobody can check, that they saw nothing that is not listed here."""


@dataclass(frozen=True)
class SeenList:
    """What a card says of the list of cutouts that lies beside it."""

    sha256: str
    """Hash of the list, so that no other list is taken for it."""
    train: int = 0
    selected: int = 0
    calibrated: int = 0
    unlisted: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    """Both as in ``Seen``."""


@dataclass(frozen=True)
class Ancestor:
    """Another checkpoint that weights were averaged from or learnt from, by name and hash of its weights."""

    name: str
    sha256: str = ""


@dataclass(frozen=True)
class Provenance:
    """Everything that is known of where weights come from; None where the card does not say.

    Field names are the keys of the card. ``other`` keeps what else a card says, and values of a kind that is not
    expected, so that cards of other versions and of other people are written as they were read.
    """

    data: str | None = None
    """Title of the data set; survey, frequency and beam are those of the ``InputSpec``."""
    dataset: str | None = None
    """Its reader on the shelf."""
    data_licence: str | None = None
    citation: str | None = None
    simulated: bool | None = None
    split: str | None = None
    fold: int | None = None
    split_seed: int | None = None
    train_count: int | None = None
    validation_count: int | None = None
    test_count: int | None = None
    unreadable_count: int | None = None
    class_fractions: Mapping[str, float] | None = None
    """label -> share of the training cutouts."""
    recipe: str | None = None
    seed: int | None = None
    epochs: int | None = None
    weights: str | None = None
    """Where training started: none, imagenet, a file or a checkpoint."""
    teacher: str | None = None
    run: str | None = None
    created: str | None = None
    versions: Mapping[str, str] | None = None
    configuration: str | None = None
    """YAML of the run's options that differ from the defaults."""
    started_from: str | None = None
    started_from_sha256: str | None = None
    teachers: tuple[Ancestor, ...] | None = None
    saw_validation: str | None = None
    """Sentence, where the validation fold is not unseen."""
    averaged: str | None = None
    parents: tuple[Ancestor, ...] | None = None
    left_out: tuple[Ancestor, ...] | None = None
    statistics_count: int | None = None
    """Training cutouts that batch norms were estimated on again."""
    selected_on: str | None = None
    """What the weights were chosen on, and how."""
    calibrated_on: str | None = None
    seen: SeenList | None = None
    """None on cards that do not say: what they have seen is unknown, not nothing."""
    licence_of_the_weights: str | None = None
    """Where the licence of the data asks for one of what was made from them."""
    classes: str | None = None
    """What the classes mean, where their names do not say."""
    seen_as: str | None = None
    """How the cutouts were shown, where the input description does not say."""
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def licence(self) -> str | None:
        """Licence of the data, which foreign cards have under this name."""
        named = self.other.get("licence")
        return self.data_licence or (named if isinstance(named, str) else None)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Provenance:
        """Provenance of a card's table; what is not as expected is kept in ``other``."""
        known: dict[str, Any] = {}
        other: dict[str, Any] = {}
        for key, value in table.items():
            typed = _typed(_KINDS[key], value) if key in _KINDS else None
            (other if typed is None else known)[str(key)] = value if typed is None else typed
        return cls(**known, other=other)

    def table(self) -> dict[str, Any]:
        """The table of a card: what is known, then what else it said."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "other"}
        known = {key: value for key, value in own.items() if value is not None}
        return {**{key: _plain(value) for key, value in known.items()}, **self.other}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, SeenList):
        return {key: item for key, item in asdict(value).items() if item != ()}
    return asdict(value) if isinstance(value, Ancestor) else value


def _typed(kind: Any, value: Any) -> Any:
    """The value as its field wants it, None where it is of another kind."""
    if kind in (str, bool, int):
        return value if isinstance(value, kind) and isinstance(value, bool) == (kind is bool) else None
    if kind is SeenList:
        return _seen_list(value)
    if kind == tuple[Ancestor, ...]:
        found = [_ancestor(item) for item in value] if isinstance(value, (list, tuple)) else [None]
        return None if None in found else tuple(found)
    wanted = (int, float) if get_args(kind)[1] is float else str
    right = isinstance(value, Mapping) and all(
        isinstance(item, wanted) and not isinstance(item, bool) for item in value.values()
    )
    return dict(value) if right else None


def _ancestor(value: Any) -> Ancestor | None:
    if isinstance(value, Ancestor):
        return value
    if not isinstance(value, Mapping) or value.keys() != {"name", "sha256"}:
        return None
    return Ancestor(**value) if all(isinstance(text, str) for text in value.values()) else None


def _seen_list(value: Any) -> SeenList | None:
    if isinstance(value, SeenList):
        return value
    names = {f.name for f in fields(SeenList)}
    if not isinstance(value, Mapping) or not isinstance(value.get("sha256"), str) or not value.keys() <= names:
        return None
    unlisted, stated = value.get("unlisted", ()), value.get("stated", ())
    counts = {key: value.get(key, 0) for key in ("train", "selected", "calibrated")}
    if (
        not _are_names(unlisted)
        or not _are_names(stated)
        or any(not isinstance(count, int) or isinstance(count, bool) or count < 0 for count in counts.values())
    ):
        return None
    return SeenList(value["sha256"], **counts, unlisted=tuple(unlisted), stated=tuple(stated))


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)


_KINDS = {
    name: get_args(hint)[0] for name, hint in get_type_hints(Provenance).items() if name != "other"
}  # every field is a kind or None
