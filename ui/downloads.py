"""Downloads of an explanation; each file is made only when its button is clicked."""

from __future__ import annotations

from functools import partial

import streamlit as st

from vlass_explorer import export
from vlass_explorer.schema import Cutout, Explanation

HELP = {
    "png": "What the model saw and the maps, as a picture",
    "fits": "The maps with the coordinates of the cutout, where it has any: opens in DS9 and CARTA",
    "json": "Manifest: hashes of cutout and checkpoint, method, options, versions",
}


def draw(explanation: Explanation, cutout: Cutout, provenance: export.Provenance) -> None:
    """Draw the buttons for PNG, FITS with the cutout's WCS and the JSON manifest, in a row."""
    stem = f"{export.safe_stem(cutout.name)}.{provenance.method}"
    kinds = {
        "PNG": ("png", "image/png", export.png_bytes),
        "FITS": ("fits", "application/fits", export.fits_bytes),
        "JSON": ("json", "application/json", export.manifest_json),
    }
    with st.container(horizontal=True, gap="xsmall", width="content", wrap=False):
        for label, (suffix, mime, make) in kinds.items():
            st.download_button(
                label, partial(make, explanation, cutout, provenance), f"{stem}.{suffix}", mime, on_click="ignore",
                icon=":material/download:", help=HELP[suffix], key=f"get_{suffix}",
            )  # fmt: skip
