"""Downloads of explanations; each file is made only when its button is clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from vlass_explorer import export
from vlass_explorer.schema import Cutout, Explanation

HELP = {
    "png": "What the model saw and the maps, as a picture",
    "fits": "The maps with the coordinates of the cutout, where it has any: opens in DS9 and CARTA",
    "reg": "The strongest patches as regions for DS9 and CARTA",
    "json": "Manifest: hashes of cutout and checkpoint, method, options, numbers, versions",
    "cube": "All maps as the planes of one cube on the pixels and coordinates of the cutout",
}
MIME = {"png": "image/png", "fits": "application/fits", "reg": "text/plain", "json": "application/json"}


def draw(explanation: Explanation, cutout: Cutout, provenance: export.Provenance, *, key: str = "get") -> None:
    """Draw the buttons of one explanation in a row: PNG, FITS with the cutout's WCS, DS9 regions, JSON manifest."""
    makers: dict[str, Callable[..., bytes]] = {
        "PNG": export.png_bytes,
        "FITS": export.fits_bytes,
        **({"REG": export.regions_bytes} if export.has_regions(explanation) else {}),
        "JSON": export.manifest_json,
    }
    stem = f"{export.safe_stem(cutout.name)}.{provenance.method}"
    with st.container(horizontal=True, gap="xsmall", width="content"):
        for label, make in makers.items():
            suffix = label.lower()
            _button(label, partial(make, explanation, cutout, provenance), stem, suffix, HELP[suffix], key)


def draw_all(items: Sequence[export.Item], cutout: Cutout, *, key: str = "get_all") -> None:
    """Draw the buttons of several explanations of one cutout: one picture, one FITS cube, one manifest."""
    stem = f"{export.safe_stem(cutout.name)}.maps"
    with st.container(horizontal=True, gap="xsmall", width="content"):
        _button("PNG of all", partial(export.sheet_bytes, items, cutout), stem, "png", HELP["png"], key)
        _button("FITS cube", partial(export.cube_bytes, items, cutout), stem, "fits", HELP["cube"], key)
        _button("JSON of all", partial(export.manifests_json, items, cutout), stem, "json", HELP["json"], key)


def _button(label: str, make: Callable[[], bytes], stem: str, suffix: str, text: str, key: str) -> None:
    st.download_button(
        label,
        make,
        f"{stem}.{suffix}",
        MIME[suffix],
        on_click="ignore",
        icon=":material/download:",
        help=text,
        key=f"{key}_{suffix}",
    )
