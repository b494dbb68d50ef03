"""A figure that goes to the browser as it was made: plotly copies and looks through one several times on that way."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio

KINDS = {"int8": "i1", "uint8": "u1", "int16": "i2", "int32": "i4", "float32": "f4", "float64": "f8"}
"""numpy's and plotly's names of the numbers that are sent as bytes."""


class Ready(go.Figure):
    """A figure for ``st.plotly_chart``, which asks it for ``to_dict`` alone; ``go.Figure(ready)`` can be changed.

    ``spec`` holds data and layout as plain dictionaries, with arrays as the values of traces; it is not changed.
    """

    _grid_str = _grid_ref = None  # what plotly (7.1) asks of a figure that it copies

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec

    @property
    def data(self) -> Any:
        """The traces, as dictionaries."""
        return self._spec["data"]

    @property
    def layout(self) -> Any:
        """The layout, as a dictionary."""
        return self._spec["layout"]

    @property
    def frames(self) -> Any:
        """None of them."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """The same as of ``go.Figure(spec)``, which this does not check."""
        traces = [{key: _sent(value) for key, value in trace.items()} for trace in self._spec["data"]]
        return {"data": traces, "layout": {"template": _template(str(pio.templates.default)), **self._spec["layout"]}}


def _sent(value: Any) -> Any:
    """An array (n) or (ny, nx) of a kind that the browser knows as its bytes; anything else as it is."""
    if not isinstance(value, np.ndarray) or value.dtype.name not in KINDS:
        return value
    spec = {"dtype": KINDS[value.dtype.name], "bdata": base64.b64encode(value.tobytes()).decode()}
    return spec if value.ndim == 1 else spec | {"shape": ", ".join(map(str, value.shape))}


def _template(name: str) -> dict[str, Any]:
    known = TEMPLATES.get(name)
    if known is None:
        known = TEMPLATES[name] = pio.templates[name].to_plotly_json()
    return known


TEMPLATES: dict[str, dict[str, Any]] = {}
"""Of plotly's templates those that were asked for, as they are sent."""
