"""What was fitted to the scores of a checkpoint, on which cutouts, and what that reached on others of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np

from .. import checkpoints
from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError, FloatArray, Seen
from .binned import Covered, CoveredBin
from .conformal import Sets
from .temperature import Temperature

View = Literal["as it is", "matched"]
"""Cutouts as they are, or brought to the beam and pixels of the checkpoint's training data."""


@dataclass(frozen=True)
class Errors:
    """Calibration of scores on cutouts that were not fitted to."""

    equal_mass: float
    """Expected calibration error in 15 bins of as many cutouts; ``equal_width`` in bins of equal width."""
    equal_width: float
    null: float
    """What 95 of 100 draws of exactly calibrated scores stay below, equal mass: the estimator's floor."""
    brier: float
    loss: float


@dataclass(frozen=True)
class Calibration:
    """One calibration of one checkpoint: temperature, sets, and what fitting to parts of the cutouts reached."""

    view: View
    survey: str | None
    """Survey of the cutouts."""
    data: str
    """Data set and part, in words."""
    how: str
    """Who scored the cutouts: the checkpoint itself, or models of other folds."""
    label_names: tuple[str, ...]
    counts: tuple[int, ...]
    """Cutouts of each class."""
    temperature: Temperature
    sets: Sets
    before: Errors
    after: Errors
    covered: Mapping[str, Covered]
    """By class, and of "all"."""
    conditions: Mapping[str, float]
    """Reason that validity gave, digits left out -> share of the cutouts that had it."""
    notes: tuple[str, ...] = ()
    binned: Mapping[str, tuple[CoveredBin, ...]] = field(default_factory=dict)
    """By angular size and S/N, where they are known of enough cutouts."""

    @property
    def count(self) -> int:
        """Cutouts fitted to."""
        return sum(self.counts)

    @property
    def fractions(self) -> FloatArray:
        """Class fractions (K,) of the cutouts: those at which the calibrated scores hold."""
        return np.array(self.counts) / self.count

    @property
    def words(self) -> str:
        """On what, in a line."""
        way = "" if self.view == "as it is" else ", at the training data's beam"
        return f"{self.count:,} cutouts of {self.data}{way}"

    @property
    def shares(self) -> dict[str, Covered]:
        """How often sets hold the class: of all, by class, and by angular size and S/N; by kind in words."""
        return {**self.covered, **{one.words(name): one for name, bins in self.binned.items() for one in bins}}

    def table(self) -> dict[str, Any]:
        """As plain values; what is infinite is None."""
        found = asdict(self)
        for one in (one for bins in found["binned"].values() for one in bins):
            one["high"] = None if math.isinf(one["high"]) else one["high"]
        found["sets"]["thresholds"] = [None if math.isinf(one) else one for one in self.sets.thresholds]
        return found

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Calibration:
        """The calibration of such a table; KeyError, TypeError or ValueError for another one."""
        known = {f.name: table[f.name] for f in fields(cls) if f.name != "binned"}
        some = table.get("binned", {}).items()  # not in files of earlier versions
        known["binned"] = {name: tuple(_bin(one) for one in bins) for name, bins in some}
        temperature = {key: _tuples(value) for key, value in known["temperature"].items()}
        sets = {key: _tuples(value) for key, value in known["sets"].items()}
        sets["thresholds"] = tuple(math.inf if one is None else float(one) for one in sets["thresholds"])
        known |= {"temperature": Temperature(**temperature), "sets": Sets(**sets)}
        known |= {"before": Errors(**known["before"]), "after": Errors(**known["after"])}
        known["covered"] = {name: Covered(**one) for name, one in known["covered"].items()}
        found = cls(**{key: _tuples(value) for key, value in known.items()})
        sizes = {len(found.label_names), len(found.counts), len(found.sets.thresholds), len(found.temperature.bias)}
        if len(sizes) != 1 or not 0 < found.temperature.temperature < math.inf or not found.count:
            raise ValueError("its numbers do not belong to its classes")
        return found


def read(card: Checkpoint) -> tuple[Calibration, ...]:
    """What was fitted to a checkpoint on the shelf; CheckpointError where its file is damaged or of other weights."""
    with mapped(lambda error: CheckpointError(f"The calibration of {card.name} cannot be read ({reason(error)}).")):
        found = tuple(Calibration.of(table) for table in checkpoints.calibrations(card))
        if any(one.label_names != card.label_names for one in found):
            raise ValueError("it is of other classes")
    return found


def keep(card: Checkpoint, found: Calibration, seen: Seen) -> Checkpoint:
    """Put a calibration beside the weights, in place of one of the same view, survey and data; the others stay.

    The latest one that holds for a cutout is asked first, see ``choose``.
    """
    others = [one for one in read(card) if (one.view, one.survey, one.data) != (found.view, found.survey, found.data)]
    words = "; ".join(one.words for one in (*others, found))
    return checkpoints.keep_calibrations(card, [one.table() for one in (*others, found)], seen, words)


def _bin(table: Mapping[str, Any]) -> CoveredBin:
    return CoveredBin(**{**table, "high": math.inf if table["high"] is None else table["high"]})


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
