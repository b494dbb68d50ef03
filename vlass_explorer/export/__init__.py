"""Explanations as files: FITS on the sky, PNG, and the JSON manifest that says how they were made.

``fits_bytes``, ``png_bytes`` and ``manifest_json`` are pure; ``write`` puts all three into a folder.
"""

from .files import safe_stem, unique_stem, write
from .fits import covering_wcs, fits_bytes
from .manifest import Provenance, manifest, manifest_json
from .png import png_bytes

__all__ = [
    "Provenance", "covering_wcs", "fits_bytes", "manifest", "manifest_json", "png_bytes", "safe_stem", "unique_stem",
    "write",
]  # fmt: skip
