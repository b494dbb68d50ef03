"""Semantic segmentation: networks over any backbone of timm that has a pyramid, losses, and figures of a whole set.

``create`` builds a network whose logits (B, K, H, W) have the size of its images; ``losses`` compares them with masks
(B, H, W) of class indices, where ``IGNORE`` stands for pixels without a label; ``Score`` adds up what is predicted for
one image after the other, so that its figures are those of the set and not means of batches. ``segment`` gives a class
to each pixel of a cutout, ``find`` and ``decided`` say which of them are one component, ``fluxes`` measures these.
"""

from ..orientations import EightViews
from ..schema import IGNORE
from .components import Pieces, decided, find
from .fluxes import Component, Fluxes, Sum, fluxes
from .losses import LOSSES, cross_entropy, dice, focal
from .networks import ENCODER, NETWORKS, create
from .score import Score
from .segmenting import Plan, Segmentation, pace, plan, segment

__all__ = [
    "ENCODER",
    "IGNORE",
    "LOSSES",
    "NETWORKS",
    "Component",
    "EightViews",
    "Fluxes",
    "Pieces",
    "Plan",
    "Score",
    "Segmentation",
    "Sum",
    "create",
    "cross_entropy",
    "decided",
    "dice",
    "find",
    "fluxes",
    "focal",
    "pace",
    "plan",
    "segment",
]
