"""Several explanations of one cutout as one FITS cube on the cutout's own pixels, one plane a map."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from astropy.io import fits

from .. import __version__, preprocess
from ..schema import Cutout
from ..schema.columns import ascii_text
from .fits import has_tables, on_native_pixels, wcs_keywords
from .manifests import Item


def cube_bytes(items: Sequence[Item], cutout: Cutout) -> bytes:
    """A FITS cube, float32 (plane, ny, nx), with the WCS of the cutout: all maps of all explanations in their order.

    Maps of any grid and field of view go together: each native pixel takes the value of the map pixel that its centre
    lies in, and is NaN outside the field of view. ``MAPn`` names plane n, counted from 1.
    """
    planes, names = [], []
    for explanation, provenance in items:
        window = preprocess.window(cutout, provenance.card.input_spec)
        native = on_native_pixels(np.asarray(explanation.maps, np.float32), window)
        ny, nx = cutout.shape
        y0, y1, x0, x1 = max(window.y0, 0), min(window.y1, ny), max(window.x0, 0), min(window.x1, nx)
        for panel, title in zip(native, explanation.titles, strict=True):
            plane = np.full(cutout.shape, np.nan, np.float32)
            plane[y0:y1, x0:x1] = panel[y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0]
            planes.append(plane)
            names.append(f"{provenance.card.name}, {provenance.method}, {provenance.question}: {title}")
    header = fits.Header()
    if cutout.wcs is not None and not has_tables(cutout.wcs):
        header.update(wcs_keywords(cutout.wcs))
        header["WCSAXES"] = 3
    for key, value in (("CTYPE3", "MAP"), ("CRPIX3", 1.0), ("CRVAL3", 1.0), ("CDELT3", 1.0)):
        header[key] = value
    header["BUNIT"] = ("", "relevance has no unit")
    header["OBJECT"] = ascii_text(cutout.name)[:200]
    header["CREATOR"] = f"VLASS Explorer {__version__}"
    header["SRCHASH"] = cutout.file_sha256
    for number, name in enumerate(names, start=1):
        header[f"MAP{number}"] = ascii_text(name)
    for explanation, provenance in items:
        header.add_history(ascii_text(f"{provenance.card.name} {provenance.card.sha256} {provenance.method}"))
        header.add_history(ascii_text(explanation.caption))
        for key, option in provenance.options.items():
            header.add_history(ascii_text(f"option {key} = {option}"))
    buffer = io.BytesIO()
    fits.PrimaryHDU(np.stack(planes), header).writeto(buffer, checksum=True)
    return buffer.getvalue()
