"""Images with a class for every pixel: what segmentation is trained and scored on.

``read_folder`` reads images beside masks, ``read_coco`` COCO annotations (polygons and run lengths), ``simulate`` makes
radio galaxies whose noise-free flux in each mask is known. Class 0 is the background; ``IGNORE`` is no class. Masks lie
as the pixels of their cutout do: row 0 at the bottom.
"""

from .coco import read_coco
from .folders import read_folder
from .items import MaskedItem, MaskSet
from .simulated import CLASSES, simulate

__all__ = ["CLASSES", "MaskSet", "MaskedItem", "read_coco", "read_folder", "simulate"]
