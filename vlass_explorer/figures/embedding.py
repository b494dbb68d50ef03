"""A map of cutouts by their features: WebGL points, coloured by a word or a number, a density where there are many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from ..schema import FloatArray, IndexArray
from .batch import LINE, colour, ticks
from .colours import UNSIGNED_MAP, scale

MOST = 100_000
"""Points of a layer that are drawn one by one."""
DRAWN = 5_000
"""Of a new layer that is a density, points that are drawn all the same."""
BINS = 200
OUTLINED = 2_000
"""Points of a new layer that are drawn large and with an outline: more would lie over each other and draw slowly."""
LARGEST_NAMED = 20_000
"""Points of a layer whose names the browser is given, and which are not drawn smaller."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Cutouts of one origin: where they lie and what colours them; grey with neither words nor numbers."""

    name: str
    """How they are called together, for people."""
    positions: FloatArray
    """(N, 2), NaN for those without features."""
    texts: Sequence[str]
    """(N,), what is shown of each under the pointer."""
    words: Sequence[str] | None = None
    """(N,), empty where not known."""
    numbers: FloatArray | None = None
    """(N,), NaN where not known."""
    new: bool = False
    """Drawn large and on top, and chosen from."""


def cloud(
    layers: Sequence[Layer],
    axes: tuple[str, str],
    *,
    names: Sequence[str] = (),
    colours: Mapping[str, str] | None = None,
    bar: str = "",
    log: bool = False,
    nameless: str = "not known",
    height: int = 560,
) -> go.Figure:
    """Draw the layers over each other, and say how many cutouts that is.

    ``names``: order of the words, for their colours, unless ``colours`` gives these; ``bar`` is the title of the
    numbers' colours, ``log`` for powers of ten; ``nameless`` are those without a word or number, in grey. The
    customdata of a point of a new layer is its row, of others -1.
    """
    figure = go.Figure()
    told: list[str] = []
    words = dict.fromkeys([*names, *(word for layer in layers for word in sorted(set(layer.words or ())) if word)])
    table = {word: (colours or {}).get(word, colour(number)) for number, word in enumerate(words)}
    for layer in layers:
        known: NDArray[np.bool_] = np.asarray(np.isfinite(layer.positions).all(axis=1))
        count = int(known.sum())
        left = f" ({int((~known).sum()):,} without features left out)" if not known.all() else ""
        told.append(f"{count:,} {layer.name}{left}" + (", as a density" if count > MOST else ""))
        if count > MOST:
            figure.add_trace(_density(layer.positions[known], layer.name))
            if layer.new:  # without points there is nothing for the browser to choose from
                some = np.random.default_rng(0).choice(np.flatnonzero(known), DRAWN, replace=False)
                figure.add_trace(_points(layer, np.sort(some), "", {"color": LINE, "size": 3}))
        elif layer.words is not None:
            own = np.array(layer.words, dtype=object)
            for word in [*table, ""]:
                if (some := np.flatnonzero(known & (own == word))).size:
                    marker = {"color": table[word] if word else LINE}
                    figure.add_trace(_points(layer, some, word or nameless, marker))
        elif layer.numbers is not None:
            _numbered(figure, layer, known, log, nameless)
        elif count:
            figure.add_trace(_points(layer, np.flatnonzero(known), "", {"color": LINE}))
    if any(layer.numbers is not None for layer in layers):
        figure.update_layout(coloraxis=_bar(bar, layers, log))
    axis = {"zeroline": False, "showgrid": False, "showticklabels": False}
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 46, "b": 8},
        title={"text": escape(" and ".join(told)), "font": {"size": 13}},
        legend={"orientation": "h", "y": -0.08, "font": {"size": 11}},
        hoverlabel={"font": {"size": 12}},
        hovermode="closest",
        dragmode="lasso" if any(layer.new for layer in layers) else "zoom",
        xaxis={"title": axes[0], **axis},
        yaxis={"title": axes[1], **axis},
    )
    return figure


def chosen(layer: Layer, selection: Mapping[str, Any]) -> IndexArray:
    """Rows of a new layer that a selection of the page holds: its points, of a density all inside of its outlines."""
    if int(np.isfinite(layer.positions).all(axis=1).sum()) <= MOST:
        rows = [int(np.ravel(point["customdata"])[0]) for point in selection.get("points", ()) if "customdata" in point]
        return np.array(sorted({row for row in rows if 0 <= row < len(layer.positions)}), np.int64)
    inside: NDArray[np.bool_] = np.zeros(len(layer.positions), bool)
    for outline in selection.get("lasso", ()):
        inside |= Outline(np.column_stack([outline["x"], outline["y"]])).contains_points(layer.positions)
    for box in selection.get("box", ()):
        edges = np.sort([box["x"], box["y"]], axis=1)  # (2, 2): lower and upper of each axis
        inside |= ((layer.positions >= edges[:, 0]) & (layer.positions <= edges[:, 1])).all(axis=1)
    return np.flatnonzero(inside)


def _points(layer: Layer, some: IndexArray, word: str, marker: dict[str, Any]) -> go.Scattergl:
    """Some rows of a layer in the colours of ``marker``, a trace that the legend names."""
    symbol: dict[str, Any] = {"size": 5 if len(layer.positions) <= LARGEST_NAMED else 3, "opacity": 0.55}
    if layer.new and len(layer.positions) <= OUTLINED:
        symbol = {"size": 9, "symbol": "diamond", "line": {"width": 1, "color": "#11151a"}}
    texts = [escape(layer.texts[row]) for row in some.tolist()] if len(layer.positions) <= LARGEST_NAMED else None
    title = f"{escape(word)} ({len(some):,})" if word else escape(layer.name)
    return go.Scattergl(
        x=layer.positions[some, 0].astype(np.float32),
        y=layer.positions[some, 1].astype(np.float32),
        customdata=some.astype(np.int32) if layer.new else np.full(len(some), -1, np.int32),
        mode="markers",
        marker={**symbol, **marker},
        name=title,
        text=texts,
        hovertemplate=("%{text}" if texts is not None else title) + "<extra></extra>",
        legendgroup=layer.name,
        legendgrouptitle={"text": escape(layer.name)},
    )


def _numbered(figure: go.Figure, layer: Layer, known: NDArray[np.bool_], log: bool, nameless: str) -> None:
    values = _values(layer, log)
    some = np.flatnonzero(known & np.isfinite(values))
    others = np.flatnonzero(known & ~np.isfinite(values))
    if others.size:
        figure.add_trace(_points(layer, others, nameless, {"color": LINE}))
    if some.size:
        figure.add_trace(_points(layer, some, "", {"color": values[some].astype(np.float32), "coloraxis": "coloraxis"}))


def _values(layer: Layer, log: bool) -> FloatArray:
    numbers = np.asarray(layer.numbers, np.float64)
    if not log:
        return numbers
    return np.log10(np.where(numbers > 0, numbers, np.nan))


def _bar(title: str, layers: Sequence[Layer], log: bool) -> dict[str, Any]:
    bar: dict[str, Any] = {"title": {"text": title, "side": "right"}, "thickness": 10, "outlinewidth": 0}
    if log:
        values = np.concatenate([_values(layer, log) for layer in layers if layer.numbers is not None])
        marks = ticks(10.0 ** values[np.isfinite(values)])
        bar |= {"tickvals": np.log10(marks["tickvals"]).tolist(), "ticktext": marks["ticktext"]}
    return {"colorscale": scale(UNSIGNED_MAP), "colorbar": bar}


def _density(positions: FloatArray, name: str) -> go.Heatmap:
    """Cutouts in each of 200 x 200 bins, on a logarithmic scale; nothing is drawn where there is none."""
    counts, x, y = np.histogram2d(positions[:, 0], positions[:, 1], BINS)
    with np.errstate(divide="ignore"):
        logs = np.where(counts > 0, np.log10(counts), np.nan).T
    return go.Heatmap(
        x=(x[1:] + x[:-1]) / 2,
        y=(y[1:] + y[:-1]) / 2,
        z=logs.astype(np.float32),
        customdata=counts.T.astype(np.int32),
        colorscale=[(0, "rgba(124,135,148,0.25)"), (1, "rgba(124,135,148,1)")],
        showscale=False,
        name=escape(name),
        hovertemplate=f"%{{customdata:,}} {escape(name)}<extra></extra>",
    )
