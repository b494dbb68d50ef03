"""Right ascension and declination under the cursor, over any panel of a sky figure and at any zoom.

The figure holds no coordinates of its pixels, which would double what the browser loads: the page gets the sky position
of a coarse grid of points, between which it interpolates.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from vlass_explorer.figures.frame import frame, whole
from vlass_explorer.schema import Cutout

NODES = 33
"""Points a side; between them an image of a degree is interpolated to better than 0.05 arcsec."""
_HTML = "<div class='place' role='status' style='font-size: 0.8rem; opacity: 0.75; min-height: 1.2em'></div>"
_SCRIPT = """
export default function ({ parentElement, data }) {
  const line = parentElement.querySelector(".place")
  const pad = (value, digits, width) => value.toFixed(digits).padStart(width, "0")
  const split = (value, digits) => {  // into whole units, minutes and seconds, rounded once
    const unit = 10 ** digits, all = Math.round(value * 3600 * unit)
    const seconds = all % (60 * unit), minutes = Math.floor(all / (60 * unit))
    return [Math.floor(minutes / 60), minutes % 60, pad(seconds / unit, digits, digits ? 3 + digits : 2)]
  }
  const at = (y, x) => {
    const n = data.n, [y0, y1, x0, x1] = data.box
    const v = (y - y0) / (y1 - y0) * (n - 1), u = (x - x0) / (x1 - x0) * (n - 1)
    if (!(v >= 0 && v <= n - 1 && u >= 0 && u <= n - 1)) return null
    const i = Math.min(Math.floor(v), n - 2), j = Math.min(Math.floor(u), n - 2), b = v - i, a = u - j
    const mix = f => (1 - b) * ((1 - a) * f[i * n + j] + a * f[i * n + j + 1])
      + b * ((1 - a) * f[(i + 1) * n + j] + a * f[(i + 1) * n + j + 1])
    const ra = mix(data.ra), dec = mix(data.dec)
    return Number.isFinite(ra) && Number.isFinite(dec) ? [((ra % 360) + 360) % 360, dec] : null
  }
  const told = (ra, dec) => {
    const [h, m, s] = split(ra / 15, 2), [d, p, q] = split(Math.abs(dec), 1)
    const place = `${pad(h % 24, 0, 2)}:${pad(m, 0, 2)}:${s} ${dec < 0 ? "−" : "+"}${pad(d, 0, 2)}:${pad(p, 0, 2)}:${q}`
    return `${data.names}  ${place}  (${ra.toFixed(5)}°, ${dec.toFixed(5)}°)`
  }
  const move = event => {
    const plot = event.target.closest?.(data.charts.map(key => `.st-key-${key} .js-plotly-plot`).join())
    if (!plot?._fullLayout) return
    const box = plot.getBoundingClientRect(), layout = plot._fullLayout
    for (const name of Object.keys(layout).filter(key => /^xaxis\\d*$/.test(key))) {
      const xaxis = layout[name], yaxis = layout[name.replace("x", "y")]
      const x = event.clientX - box.x - xaxis._offset, y = event.clientY - box.y - yaxis._offset
      if (x < 0 || x > xaxis._length || y < 0 || y > yaxis._length) continue
      const place = at(yaxis.p2d(y), xaxis.p2d(x))
      line.textContent = place ? told(...place) : data.hint
      return
    }
  }
  line.textContent = data.hint
  document.addEventListener("mousemove", move)
  return () => document.removeEventListener("mousemove", move)
}
"""
_cursor = st.components.v2.component("vlass_explorer_cursor", html=_HTML, js=_SCRIPT)
HINT = "RA and Dec of the place under the cursor"


def draw(cutout: Cutout, charts: list[str]) -> None:
    """Draw the line that names the place under the cursor in the charts of these keys; nothing without coordinates."""
    nodes = positions(cutout)
    if nodes is None:
        return
    ra, dec = nodes
    box = frame(cutout).extent(whole(cutout))
    values = {"ra": ra.ravel().tolist(), "dec": dec.ravel().tolist(), "n": NODES, "box": list(box)}
    _cursor(key="sky_cursor", data={**values, "charts": charts, "names": "ICRS", "hint": HINT})


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
