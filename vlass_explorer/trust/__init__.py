"""How far a map may be trusted, measured: faithfulness, symmetry, emission, randomisation and complexity."""

from .complexity import entropy, sparseness
from .emission import emission_mask, emission_share
from .faithfulness import Faithfulness, Score, faithfulness
from .randomisation import POINTS, Randomisation, randomisation
from .symmetry import Symmetry, images_a_pass, symmetry

__all__ = [
    "POINTS",
    "Faithfulness",
    "Randomisation",
    "Score",
    "Symmetry",
    "emission_mask",
    "emission_share",
    "entropy",
    "faithfulness",
    "images_a_pass",
    "randomisation",
    "sparseness",
    "symmetry",
]
