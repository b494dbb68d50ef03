"""Figures of a page under test, as the browser gets them."""

from __future__ import annotations

import base64
import json

import numpy as np
from streamlit.testing.v1 import AppTest


def figure(page: AppTest, key: str) -> dict[str, object]:
    """The plotly figure with this key, as the browser gets it."""
    for chart in page.get("plotly_chart"):
        if chart.proto.id.endswith(f"-{key}"):
            return json.loads(chart.proto.spec)
    raise AssertionError(f"no chart {key}")


def values(trace: dict[str, object], key: str = "z") -> np.ndarray:
    """The numbers of a trace: of a heat map (ny, nx), or of another key."""
    given = trace[key]
    if isinstance(given, dict):
        flat = np.frombuffer(base64.b64decode(given["bdata"]), np.dtype(given["dtype"]))
        return flat.reshape([int(n) for n in str(given.get("shape", flat.size)).split(",")])
    return np.asarray(given)


def drawn_map(page: AppTest, key: str) -> tuple[np.ndarray, dict[str, object]]:
    """Values and trace of the only heat map with a colour bar in the figure with this key."""
    [trace] = [t for t in figure(page, key)["data"] if t["type"] == "heatmap" and "colorbar" in t]
    return values(trace), trace
