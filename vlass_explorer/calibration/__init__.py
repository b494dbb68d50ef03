"""How far scores may be taken for probabilities: temperature, prediction sets, class fractions, calibration errors.

Fitted is to labelled cutouts that decided nothing about the model (``held_out``, ``out_of_fold``). What is fitted is
kept beside the weights (``read``), and holds for cutouts that could be one of those (``choose``).
"""

from .applying import Calibrated, apply, choose
from .asked import held_out, out_of_fold
from .asking import asking
from .binned import Covered, CoveredBin
from .conformal import Sets, coverage_bounds, randomness
from .errors import BrierParts, brier_parts, calibration_error, classwise, null_band, wilson
from .fitting import Answers, calibrate
from .prior import fractions, reweighted
from .record import Calibration, View, keep, read
from .reference import Neighbour, Reference, Unlike, features, read_reference, reference, to_tensors
from .sure import Sure, sure
from .temperature import ENOUGH, Temperature, fit

__all__ = [
    "ENOUGH", "Answers", "BrierParts", "Calibrated", "Calibration", "Covered", "CoveredBin", "Neighbour", "Reference",
    "Sets", "Sure", "Temperature", "Unlike", "View", "apply", "asking", "brier_parts", "calibrate", "calibration_error",
    "choose", "classwise", "coverage_bounds", "features", "fit", "fractions", "held_out", "keep", "null_band",
    "out_of_fold", "randomness", "read", "read_reference", "reference", "reweighted", "sure", "to_tensors", "wilson",
]  # fmt: skip
