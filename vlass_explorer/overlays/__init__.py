"""What others know of a sky, laid over an image: region files of DS9 and CASA, and catalogues.

``read`` tells them apart by their names and their first words, and ``place`` puts them on the pixels of a cutout.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from .. import tabular
from ..schema import Cutout
from . import catalogue, outlines
from .shapes import Catalogue, Layer, OverlayError, Placed, Regions, Shape

__all__ = ["SUFFIXES", "Catalogue", "Layer", "OverlayError", "Placed", "Regions", "Shape", "place", "read"]

SUFFIXES = (".reg", ".ds9", ".crtf", ".crt", *tabular.SUFFIXES)
LARGEST = 64 << 20  # bytes of a file
FIRST_WORDS = re.compile(rb"^\s*(#\s*Region file format: DS9|#CRTF)", re.IGNORECASE)


def read(content: bytes, name: str) -> Layer:
    """Regions or a catalogue from the content of a file of this name; OverlayError or ArchiveError in one sentence."""
    if len(content) > LARGEST:
        raise OverlayError(f"{name} is larger than {LARGEST >> 20} MiB: cut it down to the field of the image.")
    suffix = PurePath(name).suffix.lower()
    if suffix in (".reg", ".ds9", ".crtf", ".crt") or FIRST_WORDS.match(content[:400]):
        return outlines.read(content, name)
    return catalogue.read(content, name)


def place(layer: Layer, cutout: Cutout) -> Placed:
    """Where a layer lies on the pixels of a cutout, at most 2000 shapes of it, with a sentence on what is left out."""
    return outlines.place(layer, cutout) if isinstance(layer, Regions) else catalogue.place(layer, cutout)
