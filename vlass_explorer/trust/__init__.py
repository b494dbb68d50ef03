"""How far a map may be trusted, measured: faithfulness, symmetry, emission, randomisation and complexity."""

from .complexity import entropy, sparseness
from .emission import emission_mask, emission_share
from .faithfulness import Faithfulness, Score, faithfulness
from .randomisation import Randomisation, randomisation
from .symmetry import Symmetry, symmetry

__all__ = [
    "Faithfulness",
    "Randomisation",
    "Score",
    "Symmetry",
    "emission_mask",
    "emission_share",
    "entropy",
    "faithfulness",
    "randomisation",
    "sparseness",
    "symmetry",
]
