"""Explanations as files: FITS on the sky, PNG, DS9 regions, and the JSON manifest that says how they were made.

``*_bytes`` and ``*_json`` are pure; ``write`` puts the four files of one explanation into a folder. ``cube_bytes``,
``sheet_bytes`` and ``manifests_json`` take several explanations of one cutout. Each is loaded when it is first used:
tables alone need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cube import cube_bytes
    from .files import replace_file, safe_stem, unique_stem, write
    from .fits import covering_wcs, fits_bytes
    from .manifests import Item, Provenance, flips_json, flips_manifest, manifest, manifest_json, manifests_json
    from .measured import measured_regions, statistics_csv, statistics_rows
    from .png import png_bytes
    from .regions import has_regions, regions_bytes, top_patches
    from .sheet import sheet_bytes

__all__ = [
    "Item",
    "Provenance",
    "covering_wcs",
    "cube_bytes",
    "fits_bytes",
    "flips_json",
    "flips_manifest",
    "has_regions",
    "manifest",
    "manifest_json",
    "manifests_json",
    "measured_regions",
    "png_bytes",
    "regions_bytes",
    "replace_file",
    "safe_stem",
    "sheet_bytes",
    "statistics_csv",
    "statistics_rows",
    "top_patches",
    "unique_stem",
    "write",
]

_HOMES = {
    "cube": ("cube_bytes",),
    "files": ("replace_file", "safe_stem", "unique_stem", "write"),
    "fits": ("covering_wcs", "fits_bytes"),
    "manifests": ("Item", "Provenance", "flips_json", "flips_manifest", "manifest", "manifest_json", "manifests_json"),
    "measured": ("measured_regions", "statistics_csv", "statistics_rows"),
    "png": ("png_bytes",),
    "regions": ("has_regions", "regions_bytes", "top_patches"),
    "sheet": ("sheet_bytes",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
