"""What was found: the scores at each level of a change, and the first level at which the label is another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..quantities import angle, brightness
from ..schema import Beam, FloatArray

BAND = (16.0, 84.0)
"""Percentiles of the draws that the band of a curve spans."""
LOST = {"noise": "the source is below 5 rms", "shift": "a part of the source is outside the field of view"}
"""What ``Curve.limit`` means."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Softmax scores (level, draw, class) along one change; NaN where a draw could not be made.

    The first level is the cutout as it is. The label *flips* at the first level at which at least half of the draws
    have another one; it *wavers* from the first level at which one draw has.
    """

    kind: str
    """noise, smoothing, shift or rotation."""
    levels: FloatArray
    """Times the measured rms, times the beam, arcsec (pixels without a pixel scale), degrees."""
    scores: FloatArray
    label: int
    """Index of the label of the cutout as it is."""
    label_names: tuple[str, ...]
    unit: str | None = None
    """Of a noise curve: the brightness unit of ``rms``; of a shift: arcsec or pixels."""
    rms: float | None = None
    """Of a noise curve: the measured one, which level 1 stands for."""
    beam: Beam | None = None
    """Of a smoothing curve: that of the cutout."""
    limit: float | None = None
    """Level from which the source is not wholly there: below 5 rms (noise), partly outside the field (shift)."""
    seed: int | None = None

    @property
    def mean(self) -> FloatArray:
        """Mean score (level, class) of the draws."""
        return np.asarray(np.nanmean(self.scores, axis=1))

    @property
    def band(self) -> tuple[FloatArray, FloatArray]:
        """The scores (level, class) between which two thirds of the draws lie."""
        low, high = np.nanpercentile(self.scores, BAND, axis=1)
        return low, high

    @cached_property
    def kept(self) -> FloatArray:
        """Share (level) of the draws with the label of the cutout as it is."""
        made = np.isfinite(self.scores[..., 0])
        same = (self._labels == self.label) & made
        return np.asarray(same.sum(axis=1) / made.sum(axis=1))

    @property
    def flips(self) -> int | None:
        """Index of the first level at which at least half of the draws have another label; None where there is none."""
        return _first(self.kept <= 0.5)

    @property
    def wavers(self) -> int | None:
        """Index of the first level at which any draw has another label."""
        return _first(self.kept < 1.0)

    @property
    def other(self) -> str | None:
        """The label that most of those other draws have at the level of ``flips``."""
        if self.flips is None:
            return None
        row = self._labels[self.flips][np.isfinite(self.scores[self.flips, :, 0])]
        counts = np.bincount(row[row != self.label], minlength=len(self.label_names))
        return self.label_names[int(counts.argmax())]

    @property
    def is_hidden(self) -> bool:
        """True where the label flips only where the source is not wholly there any more."""
        return self.flips is not None and self.limit is not None and bool(self.levels[self.flips] >= self.limit)

    def amount(self, level: float) -> float | None:
        """A level in the unit of the sky: rms in ``unit``, major axis of the beam in arcsec, arcsec, degrees."""
        if self.kind == "noise":
            return None if self.rms is None or self.unit is None else level * self.rms
        if self.kind == "smoothing":
            return None if self.beam is None else level * self.beam.major
        return level

    def words(self, level: float) -> str:
        """A level as sentences name it: "3 times the noise (0.62 mJy/beam)"."""
        times = f"{level:g} times"
        if self.kind == "noise":
            known = self.rms is not None and self.unit is not None
            return f"{times} the noise" + (f" ({brightness(level * (self.rms or 0.0), self.unit)})" if known else "")
        if self.kind == "smoothing" and self.beam is not None:
            wider = Beam(level * self.beam.major, level * self.beam.minor, self.beam.pa)
            return f"{times} the beam ({wider})"
        if self.kind == "shift":
            return f"{angle(level)} off centre" if self.unit == "arcsec" else f"{level:g} pixels off centre"
        return f"a turn of {level:g}°" if level else "being mirrored"

    @property
    def sentence(self) -> str:
        """When the label flips, in words."""
        name, last = self.label_names[self.label], float(self.levels[-1])
        if self.flips is None:
            stays = f"{name} stays up to {self.words(last)}."
            if self.kind == "rotation":
                stays = f"{name} stays however it is turned or mirrored."
            return stays if self.wavers is None else f"{stays[:-1]} in most draws{self._wavering}."
        begins = self._wavering if self.wavers != self.flips else ""
        hidden = f", where {LOST[self.kind]}" if self.is_hidden else ""
        return f"{self.other} instead of {name} from {self.words(float(self.levels[self.flips]))}{hidden}{begins}."

    @property
    def _wavering(self) -> str:
        return "" if self.wavers is None else f", in single draws from {self.words(float(self.levels[self.wavers]))}"

    @property
    def _labels(self) -> FloatArray:
        return np.asarray(np.where(np.isnan(self.scores), -np.inf, self.scores).argmax(axis=-1))

    def record(self) -> dict[str, Any]:
        """The curve as JSON values, levels in their own terms and in the unit of the sky."""
        low, high = self.band
        at = {
            key: None if index is None else self._at(index)
            for key, index in (("flips", self.flips), ("wavers", self.wavers))
        }
        return {
            "sentence": self.sentence,
            **at,
            "instead": self.other,
            "source_lost_from": self.limit,
            "levels": self.levels.tolist(),
            "amounts": [self.amount(level) for level in self.levels.tolist()],
            "unit": self.amount_unit,
            "draws": self.scores.shape[1],
            "label_kept": self.kept.tolist(),
            "mean_scores": _by_label(self.label_names, self.mean),
            "band_low": _by_label(self.label_names, low),
            "band_high": _by_label(self.label_names, high),
        }

    @property
    def amount_unit(self) -> str | None:
        """Unit of ``amount``; None where there is none."""
        if self.kind in ("noise", "shift"):
            return self.unit
        return "arcsec" if self.kind == "smoothing" else "deg"

    def _at(self, index: int) -> dict[str, float | None]:
        level = float(self.levels[index])
        return {"level": level, "amount": self.amount(level), "label_kept": float(self.kept[index])}


@dataclass(frozen=True, eq=False)
class Flips:
    """The curves that a cutout supports, by kind, and why the others are off."""

    label: str
    curves: Mapping[str, Curve]
    off: Mapping[str, str]
    seed: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence a kind."""
        said = {kind: curve.sentence for kind, curve in self.curves.items()}
        said |= {kind: f"Off: {reason}" for kind, reason in self.off.items()}
        return tuple(f"{kind.capitalize()}: {text}" for kind, text in said.items())

    def record(self) -> dict[str, Any]:
        """All of it as JSON values."""
        curves = {kind: curve.record() for kind, curve in self.curves.items()}
        return {"label": self.label, "seed": self.seed, "curves": curves, "off": dict(self.off)}


def _first(is_true: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(is_true)) if is_true.any() else None


def _by_label(names: tuple[str, ...], values: FloatArray) -> dict[str, list[float]]:
    return {name: values[:, index].tolist() for index, name in enumerate(names)}
