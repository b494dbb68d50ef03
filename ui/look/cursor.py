"""What follows the zoom of the sky panels: RA and Dec along the axes and under the cursor, beam and scale bar.

The figure holds no coordinates of its pixels, which would double what the browser loads: the page gets the sky position
of a coarse grid of points, between which it interpolates. The scripts stand in ``browser/``, one purpose a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st

from vlass_explorer.figures import marks
from vlass_explorer.figures.frame import frame, whole
from vlass_explorer.schema import Cutout

NODES = 33
"""Points a side; between them an image of a degree is interpolated to better than 0.05 arcsec."""
HINT = "RA and Dec of the place under the cursor · M blinks sky, model input and map"
WITHOUT_SKY = "Without sky coordinates: offsets in pixels · M blinks sky, model input and map"
FILES = ("place", "ticks", "corner", "blink", "main")
_HTML = "<div class='place' role='status' style='font-size: 0.8rem; opacity: 0.75; min-height: 1.2em'></div>"
Axes = Literal["sky", "offsets"]


def script() -> str:
    """The files of ``browser/`` as one module: those below ``main`` lose their imports and exports."""
    parts = [(Path(__file__).parent / "browser" / f"{name}.js").read_text() for name in FILES]
    alone = [re.sub(r"^export (?!default)", "", part, flags=re.MULTILINE) for part in parts]
    return re.sub(r"^import .*$", "", "\n".join(alone), flags=re.MULTILINE)


_over_the_sky = st.components.v2.component("vlass_explorer_sky", html=_HTML, js=script())


def draw(
    cutout: Cutout,
    charts: list[str],
    *,
    axes: Axes = "sky",
    ink: str = "#ffffff",
    shapes: Sequence[dict[str, Any]] = (),
    on_drawn: Callable[[], None] | None = None,
    on_picked: Callable[[], None] | None = None,
) -> None:
    """Draw the line that names the place under the cursor, and lay axes, beam and scale bar over these charts.

    ``shapes`` are those that the figure holds; ``on_drawn`` is called when somebody changed them with the mouse, and
    finds them in ``st.session_state["sky_cursor"]["drawn"]``; ``on_picked`` when somebody clicked a place, which it
    finds under "picked": file, x and y on the axes, and ``more`` where Shift was held.
    """
    layout = frame(cutout)
    values: dict[str, Any] = {"charts": charts, "names": "ICRS", "axes": axes, "ink": ink}
    values |= {"file": cutout.sha256[:16], "shapes": list(shapes), "arcsec": layout.arcsec, "hint": WITHOUT_SKY}
    if (nodes := positions(cutout)) is not None:
        ra, dec = (np.round(each, 7).ravel().tolist() for each in nodes)
        values |= {"ra": ra, "dec": dec, "n": NODES, "box": list(layout.extent(whole(cutout))), "hint": HINT}
    if cutout.beam is not None and layout.north is not None:
        y, x = marks.beam_outline(layout, cutout.beam)
        outline = np.round(np.stack([x, y], axis=1), 6).tolist()
        values |= {"beam": outline, "assumed": cutout.beam.assumed}
    values["clicks"] = on_picked is not None
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    _over_the_sky(
        key="sky_cursor", data=values, on_drawn_change=on_drawn or nothing, on_picked_change=on_picked or nothing
    )


def positions(cutout: Cutout) -> tuple[np.ndarray, np.ndarray] | None:
    """RA and Dec (NODES, NODES) in degrees, ICRS, from the lower left to the upper right edge; RA runs on over 360."""
    if cutout.wcs is None:
        return None
    ny, nx = cutout.shape
    y, x = np.meshgrid(np.linspace(-0.5, ny - 0.5, NODES), np.linspace(-0.5, nx - 0.5, NODES), indexing="ij")
    place = cutout.wcs.pixel_to_world(x, y).icrs
    ra, dec = place.ra.deg, place.dec.deg
    ra = (ra - ra[NODES // 2, NODES // 2] + 180.0) % 360.0 - 180.0 + ra[NODES // 2, NODES // 2]
    return (ra, dec) if np.isfinite(dec[NODES // 2, NODES // 2]) else None
