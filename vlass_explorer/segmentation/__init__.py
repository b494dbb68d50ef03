"""Semantic segmentation: networks over any backbone of timm that has a pyramid, losses, and figures of a whole set.

``create`` builds a network whose logits (B, K, H, W) have the size of its images; ``losses`` compares them with masks
(B, H, W) of class indices, where ``IGNORE`` stands for pixels without a label; ``Score`` adds up what is predicted for
one image after the other, so that its figures are those of the set and not means of batches.
"""

from ..schema import IGNORE
from .losses import LOSSES, cross_entropy, dice, focal
from .networks import ENCODER, NETWORKS, create
from .score import Score

__all__ = ["ENCODER", "IGNORE", "LOSSES", "NETWORKS", "Score", "create", "cross_entropy", "dice", "focal"]
