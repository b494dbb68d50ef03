"""How far scores may be taken for probabilities: temperature, prediction sets, class fractions, calibration errors.

All of it is plain arrays: logits or scores (N, K) and label indices (N,) of cutouts that decided nothing about the
model. Who may be asked for them is ``evaluation.unseen``'s to say.
"""

from .conformal import Sets, coverage_bounds, randomness
from .errors import BrierParts, brier_parts, calibration_error, classwise, null_band
from .prior import Counts, counts, fractions, reweighted
from .temperature import ENOUGH, Temperature, fit

__all__ = [
    "ENOUGH", "BrierParts", "Counts", "Sets", "Temperature", "brier_parts", "calibration_error", "classwise", "counts",
    "coverage_bounds", "fit", "fractions", "null_band", "randomness", "reweighted",
]  # fmt: skip
