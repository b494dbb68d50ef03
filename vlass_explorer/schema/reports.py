"""The evaluations on a checkpoint's card, and how much of what they were made on the checkpoint had seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Status = Literal["trained", "selected", "unknown", "unseen"]


@dataclass(frozen=True)
class Overlap:
    """How many of the cutouts of a part a checkpoint has seen, each counted once: trained on, else validated on."""

    count: int
    trained: int = 0
    selected: int = 0
    """Validated on: scores on them were in view while it was made, or chose its epoch or its parents."""
    calibrated: int = 0
    unknown: int = 0
    """Not found, where the list of what was seen is missing or not whole."""
    by_place: int = 0
    """Of those found, the ones told by their place on the sky alone, not by their pixels."""
    placed: int = 0
    """Cutouts whose place is known, so that a picture that was saved again is found, too."""
    reason: str = ""
    """Why anything is unknown, or what the rest rests on."""
    part: str = ""
    """16 hex digits that stand for these very cutouts in any order; "" where the content of one is unknown."""

    def __post_init__(self) -> None:
        found = (self.trained, self.selected, self.calibrated, self.unknown)
        if min(found) < 0 or sum(found) > self.count:
            raise ValueError("An overlap counts each cutout once.")

    @property
    def status(self) -> Status:
        """The worst that is true: only "unseen" is a test."""
        if self.trained:
            return "trained"
        return "selected" if self.selected or self.calibrated else "unknown" if self.unknown else "unseen"

    @property
    def sentence(self) -> str:
        """The overlap in one sentence."""
        of = f"of {self.count:,} cutouts"
        more = f", {self.selected:,} more validated it while it was made" if self.selected else ""
        rest = f"; {self.unknown:,} unknown ({self.reason})" if self.unknown else ""
        told = f" {self.by_place:,} {_were(self.by_place)} told by place on the sky alone." if self.by_place else ""
        if self.trained:
            return f"{self.trained:,} {of} {_were(self.trained)} trained on{more}: this is no test{rest}.{told}"
        if used := self.selected + self.calibrated:
            way = "validated it while it was made" if self.selected else "calibrated it"
            none = "" if self.unknown else ", none was trained on"
            return f"{used:,} {of} {way}{none}: a validation, not a test{rest}.{told}"
        if self.unknown:
            return f"Whether it has seen {self.unknown:,} {of} is unknown: {self.reason}."
        alone = "" if self.placed else ", by content alone (no places on the sky to compare)"
        rests = f"; {self.reason}" if self.reason else ""
        return f"None {of} was trained on or validated on{alone}{rests}."

    @property
    def label(self) -> str:
        """The overlap in the cell of a table."""
        shares = {"trained on": self.trained, "validated on": self.selected, "calibrated on": self.calibrated}
        said = [f"{word} {number:,} of {self.count:,}" for word, number in shares.items() if number]
        said += [f"unknown {self.unknown:,} of {self.count:,}"] if self.unknown else []
        return ", ".join(said) or f"unseen {self.count:,}"

    @classmethod
    def of(cls, table: Any) -> Overlap | None:
        """Overlap of a card's table, None where it is none."""
        if not isinstance(table, Mapping) or not {"count"} <= table.keys() <= {f.name for f in fields(cls)}:
            return None
        try:
            numbers = {key: int(value) for key, value in table.items() if key not in ("reason", "part")}
            return cls(**numbers, reason=str(table.get("reason", "")), part=str(table.get("part", "")))
        except (TypeError, ValueError):
            return None


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


@dataclass(frozen=True)
class Figures:
    """One evaluation on a card: its headline figures, None where the card does not say or says no number."""

    count: int | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    macro_f1_interval: tuple[float, float] | None = None
    macro_auroc: float | None = None
    auroc: Mapping[str, float | None] = field(default_factory=dict)
    """label -> AUROC against the rest."""
    seen: Overlap | None = None
    table: Mapping[str, Any] = field(default_factory=dict)
    """All that the card says of it; a whole report is read from it by ``evaluation.metrics.read``."""

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Figures:
        """Figures of a card's table."""
        count, interval, classes = (table.get(key) for key in ("count", "macro_f1_interval", "per_class"))
        edges = [_number(edge) for edge in interval] if isinstance(interval, (list, tuple)) else []
        return cls(
            count=count if isinstance(count, int) else None,
            accuracy=_number(table.get("accuracy")),
            macro_f1=_number(table.get("macro_f1")),
            macro_f1_interval=(edges[0], edges[1]) if len(edges) == 2 and None not in edges else None,  # type: ignore[arg-type]
            macro_auroc=_number(table.get("macro_auroc")),
            auroc={
                str(name): _number(row.get("auroc"))
                for name, row in (classes.items() if isinstance(classes, Mapping) else ())
                if isinstance(row, Mapping)
            },
            seen=Overlap.of(table.get("seen")),
            table=table,
        )


@dataclass(frozen=True)
class OtherData:
    """Files of another kind beside held-out cutouts of the training set: how well a checkpoint's features tell them."""

    kind: str
    asked: int
    outside: int
    """Files that ``validity`` refuses, and nothing is asked about."""
    auroc: Mapping[str, tuple[float, float, float]]
    """Measure -> AUROC against the held-out cutouts, with its 95 % interval: 0.5 where the kind looks like them."""

    @classmethod
    def of(cls, kind: str, table: Any) -> OtherData | None:
        """The row of a card's table, None where it is none."""
        if not isinstance(table, Mapping) or not all(isinstance(table.get(key), int) for key in ("asked", "outside")):
            return None
        found = {}
        for key, value in table.items():
            numbers = [_number(one) for one in value] if isinstance(value, (list, tuple)) else []
            if len(numbers) == 3 and None not in numbers:
                found[str(key)] = (numbers[0], numbers[1], numbers[2])
        return cls(kind, table["asked"], table["outside"], found)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Reports:
    """All evaluations on a card, as they are written there, and the figures of what is simpler on the same data."""

    table: Mapping[str, Any] = field(default_factory=dict)

    @property
    def evaluations(self) -> dict[str, Figures]:
        """Evaluations by name: those with a macro F1; one at the top of the table is the validation."""
        own = {"validation": Figures.of(self.table)} if "macro_f1" in self.table else {}
        nested = {key: value for key, value in self.table.items() if isinstance(value, Mapping) and "macro_f1" in value}
        return own | {str(key): Figures.of(value) for key, value in nested.items()}

    @property
    def segmentations(self) -> dict[str, Mapping[str, Any]]:
        """Evaluations of the classes of pixels by name, as ``MaskReport`` has them: those with a mean IoU."""
        found = {str(key): value for key, value in self.table.items() if isinstance(value, Mapping)}
        return {key: value for key, value in found.items() if _number(value.get("mean_iou")) is not None}

    @property
    def validation(self) -> Figures | None:
        """The evaluation on the part that was held out in training."""
        return self.evaluations.get("validation")

    @property
    def floors(self) -> dict[str, float | None]:
        """Description -> macro F1 of something simpler on the same fold."""
        found = self.table.get("floors")
        return {str(name): _number(value) for name, value in found.items()} if isinstance(found, Mapping) else {}

    @property
    def others(self) -> tuple[OtherData, ...]:
        """How unlike the training data files of other kinds were, as far as it was measured."""
        found = self.table.get("unlike_training")
        rows = found.items() if isinstance(found, Mapping) else ()
        return tuple(row for row in (OtherData.of(str(kind), value) for kind, value in rows) if row is not None)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None
