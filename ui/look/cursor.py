"""What lies over the sky panels: RA and Dec along the axes and under the cursor, brightness, beam, arrows, scale bar.

The figure is drawn first and holds none of it, which would be most of its bytes: the brightness of the pixels comes
after it, as they are. Of the coordinates the page gets those of a coarse grid of points, between which it interpolates.
The scripts stand in ``browser/``, one purpose a file.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st

from vlass_explorer.figures import colours, marks, raster
from vlass_explorer.figures.frame import frame, whole
from vlass_explorer.schema import Cutout, FloatArray, Window

from .. import loaders

NODES = 33
"""Points a side; between them an image of a degree is interpolated to better than 0.05 arcsec."""
HINT = "RA and Dec of the place under the cursor · M blinks sky, model input and map"
WITHOUT_SKY = "Without sky coordinates: offsets in pixels · M blinks sky, model input and map"
FILES = ("place", "ticks", "corner", "blink", "brightness", "main")
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
    window: Window | None,
    charts: list[str],
    *,
    axes: Axes = "sky",
    ink: str = "#ffffff",
    shapes: Sequence[dict[str, Any]] = (),
    on_drawn: Callable[[], None] | None = None,
    on_picked: Callable[[], None] | None = None,
) -> None:
    """Draw the line that names the place under the cursor, and lay what follows the zoom over these charts.

    ``window`` is that of the figures, see ``raster.tiles``. ``shapes`` are those that the figure holds;
    ``on_drawn`` is called when somebody changed them with the mouse, and finds them in
    ``st.session_state["sky_cursor"]["drawn"]``; ``on_picked`` when somebody clicked a place, which it finds under
    "picked": file, x and y on the axes, and ``more`` where Shift was held.
    """
    values: dict[str, Any] = {"charts": charts, "names": "ICRS", "axes": axes, "ink": ink, **_where(cutout)}
    if "ra" in values:
        values |= {key: values[key].ravel().tolist() for key in ("ra", "dec")}
    values |= {"file": cutout.sha256[:16], "shapes": list(shapes), "clicks": on_picked is not None}
    values["brightness"] = _brightness(cutout, window)
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    _over_the_sky(
        key="sky_cursor", data=values, on_drawn_change=on_drawn or nothing, on_picked_change=on_picked or nothing
    )


def on_sky(cutout: Cutout) -> bool:
    """Has the cutout sky coordinates that hold at its centre?"""
    return frame(cutout).arcsec > 0


@loaders.MEMORY.cached
def _where(cutout: Cutout) -> dict[str, Any]:
    """Grid of positions, beam, and the ways north and east on the axes, each where the file has it."""
    layout = frame(cutout)
    values: dict[str, Any] = {"arcsec": layout.arcsec, "hint": WITHOUT_SKY}
    if layout.arcsec and (nodes := positions(cutout)) is not None:
        ra, dec = (np.round(each, 7) for each in nodes)
        values |= {"ra": ra, "dec": dec, "n": NODES, "box": list(layout.extent(whole(cutout))), "hint": HINT}
    if layout.north is None or layout.east is None:
        return values
    values["towards"] = {"N": layout.north[::-1], "E": layout.east[::-1]}
    if cutout.beam is not None:
        y, x = marks.beam_outline(layout, cutout.beam)
        outline = np.round(np.stack([x, y], axis=1), 6).tolist()
        values |= {"beam": outline, "assumed": cutout.beam.assumed}
    return values


def _brightness(cutout: Cutout, window: Window | None) -> dict[str, Any]:
    """Pixels as they are drawn, with their places, and the units and rms of what is said of them."""
    scale, unit = colours.display_unit(cutout.unit)
    rms = colours.sky_rms(cutout)
    tiles = [_whole(cutout), *(_tile(cutout, *each) for each in raster.sharp(cutout, window))]
    return {"tiles": tiles, "unit": unit, "rms": None if rms is None else rms * scale, "offsets": frame(cutout).unit}


@loaders.MEMORY.cached
def _whole(cutout: Cutout) -> dict[str, Any]:
    return _tile(cutout, *raster.whole(cutout))


def _tile(cutout: Cutout, image: FloatArray, place: Window) -> dict[str, Any]:
    """An image (ny, nx) as little-endian float32 in the unit that is shown, and its place on the axes."""
    shape, scale = (image.shape[0], image.shape[1]), np.float32(colours.display_unit(cutout.unit)[0])
    content = base64.b64encode((image * scale).astype("<f4").tobytes()).decode()
    return {"shape": shape, **frame(cutout).grid(place, shape), "content": content}


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
