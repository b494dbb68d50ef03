"""Augmentations that respect the sky: rotation by any angle and mirroring before the crop, small shifts and zooms.

A radio source has no preferred orientation, but its angular size and brightness profile tell its class: so rotation
and mirroring are free, zoom stays small, and brightness is never scaled but as a wider beam or more noise change it.
What each sample gets depends on the seed, the training epoch and its index in the data set alone, not on batches, order
or loader processes.
"""

from .brightness import beam_noise
from .draws import Draw, draw
from .geometry import reach, within
from .pipeline import Prepared, augment, augment_masks, prepare, preview

__all__ = [
    "Draw",
    "Prepared",
    "augment",
    "augment_masks",
    "beam_noise",
    "draw",
    "prepare",
    "preview",
    "reach",
    "within",
]
