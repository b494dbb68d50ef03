"""Rows of a catalogue as pictures: how many of each label, their scores, S/N against score, and the whole sky.

Every figure says of how many rows it is. Clouds of points are thinned to ``MOST`` at random, always the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..schema import FloatArray
from .curves import COLOURS

VALIDITIES = {"ok": "#2f9e44", "caution": "#e8a33d", "outside": "#c25b5b"}
"""Colours of what may be asked about, what is untested and what is outside."""
FAILED = "no answer"
MOST = 5000
"""Points of a cloud at most."""
BINS = 25
LINE = "rgba(128, 136, 144, 0.45)"
Texts = NDArray[np.object_]


def label_counts(labels: Texts, validities: Texts, names: Sequence[str]) -> go.Figure:
    """Rows of each label, by validity; rows without one (an empty text) stand apart.

    ``labels`` and ``validities`` are (N,), ``names`` the classes in the order of the axis.
    """
    figure = go.Figure()
    for validity, colour in VALIDITIES.items():
        of = labels[validities == validity]
        counts = [int((of == name).sum()) for name in names]
        figure.add_bar(x=list(map(escape, names)), y=counts, name=validity, marker={"color": colour})
    if failed := int((labels == "").sum()):
        figure.add_bar(x=[FAILED], y=[failed], name=FAILED, marker={"color": LINE})
    figure.update_layout(barmode="stack", yaxis={"title": "rows"}, **_frame(f"{len(labels):,} rows"))
    return figure


def score_histograms(scores: FloatArray, labels: Texts, names: Sequence[str]) -> go.Figure:
    """Highest scores (N,) of the rows of each label, as steps over bins of one width."""
    edges = np.linspace(0.0, 1.0, BINS + 1)
    figure = go.Figure()
    for number, name in enumerate(names):
        values = scores[(labels == name) & np.isfinite(scores)]
        counts, _ = np.histogram(values, edges)
        figure.add_scatter(
            x=edges,
            y=[*counts.tolist(), 0],
            mode="lines",
            line={"shape": "hv", "color": colour(number), "width": 2},
            name=f"{escape(name)} ({len(values):,})",
        )
    figure.update_layout(
        xaxis={"title": "highest softmax score, not calibrated", "range": [0, 1]},
        yaxis={"title": "rows", "rangemode": "nonnegative"},
        **_frame(f"{int(np.isfinite(scores).sum()):,} rows with a score"),
    )
    return figure


def snr_score(snr: FloatArray, scores: FloatArray, labels: Texts, names: Sequence[str]) -> go.Figure:
    """S/N of the brightest pixel, on a logarithmic axis, against the highest score (N,) each."""
    known = np.isfinite(snr) & np.isfinite(scores) & (snr > 0)
    drawn = _thinned(known)
    figure = go.Figure()
    for number, name in enumerate(names):
        some = drawn[labels[drawn] == name]
        figure.add_trace(_points(snr[some], scores[some], name, number))
    figure.update_layout(
        xaxis={"title": "peak S/N", "type": "log", **ticks(snr[known])},
        yaxis={"title": "highest score", "range": [0, 1.03]},
        **_frame(_of(int(known.sum()), len(drawn), "rows with S/N and score")),
    )
    return figure


def ticks(values: FloatArray) -> dict[str, list[Any]]:
    """Marks of a logarithmic axis that holds values (N,) above zero: several also where they span no power of ten."""
    low, high = np.log10([values.min(), values.max()]) if len(values) else (0.0, 3.0)
    digits = (1,) if high - low > 2.5 else (1, 2, 5) if high - low > 1 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    found = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return {"tickvals": found, "ticktext": [f"{value:,.15g}" for value in found]}


def sky_map(ra: FloatArray, dec: FloatArray, labels: Texts, names: Sequence[str]) -> go.Figure:
    """Rows on the whole sky in the Aitoff projection, 12 h in the middle, right ascension growing to the left.

    ``ra`` and ``dec`` (N,) in degrees, ICRS; rows without a position are left out, those without a label are grey.
    """
    figure = go.Figure()
    for line in _graticule():
        figure.add_scatter(
            x=line[0], y=line[1], mode="lines", line={"color": LINE, "width": 0.7}, hoverinfo="skip", showlegend=False
        )
    known = np.isfinite(ra) & np.isfinite(dec)
    drawn = _thinned(known)
    x, y = aitoff(ra, dec)
    for number, name in enumerate([*names, ""]):
        some = drawn[labels[drawn] == name]
        if name or len(some):
            trace = _points(x[some], y[some], name or FAILED, number if name else None)
            trace.customdata = np.column_stack([ra[some] / 15, dec[some]])
            trace.hovertemplate = "%{customdata[0]:.3f} h, %{customdata[1]:.3f}°"
            figure.add_trace(trace)
    marks = [(hour * 15.0, 0.0, f"{hour} h") for hour in range(2, 24, 4)]
    marks += [(359.999, degrees, f"{degrees:+.0f}°") for degrees in (-60.0, -30.0, 30.0, 60.0)]
    for right, up, text in marks:
        at = aitoff(np.array([right]), np.array([up]))
        anchor = "right" if right > 359 else "center"
        figure.add_annotation(
            x=at[0][0], y=at[1][0], text=text, showarrow=False, font={"size": 10}, xanchor=anchor, yanchor="bottom"
        )
    hidden: dict[str, Any] = {"visible": False, "constrain": "domain"}
    figure.update_layout(
        xaxis={**hidden, "range": [-3.5, 3.3]},
        yaxis={**hidden, "range": [-1.65, 1.65], "scaleanchor": "x"},
        **_frame(_of(int(known.sum()), len(drawn), "rows with a position")),
    )
    return figure


def aitoff(ra: FloatArray, dec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates (N,) in the Aitoff projection of positions in degrees, in radians along its axes; NaN stays NaN.

    They end at pi and pi/2. Right ascension 180 is in the middle and grows to the left.
    """
    half = np.radians(180.0 - np.asarray(ra, np.float64)) / 2
    up = np.radians(np.asarray(dec, np.float64))
    apart = np.arccos(np.clip(np.cos(up) * np.cos(half), -1.0, 1.0))
    scale = np.sinc(apart / np.pi)
    return 2 * np.cos(up) * np.sin(half) / scale, np.sin(up) / scale


def colour(number: int) -> str:
    """#rrggbb of a class."""
    return COLOURS[number % len(COLOURS)]


def _graticule() -> list[tuple[FloatArray, FloatArray]]:
    fine = np.linspace(0.001, 359.999, 121)
    up = np.linspace(-90.0, 90.0, 61)
    lines = [aitoff(fine, np.full_like(fine, degrees)) for degrees in range(-60, 90, 30)]
    return lines + [aitoff(np.full_like(up, right), up) for right in (0.001, *range(60, 360, 60), 359.999)]


def _points(x: FloatArray, y: FloatArray, name: str, number: int | None) -> go.Scattergl:
    marker = {"size": 5, "opacity": 0.65, "color": LINE if number is None else colour(number)}
    return go.Scattergl(x=x, y=y, mode="markers", marker=marker, name=escape(name))


def _thinned(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    places = np.flatnonzero(known)
    if len(places) > MOST:
        places = np.sort(np.random.default_rng(0).choice(places, MOST, replace=False))
    return places


def _of(count: int, drawn: int, what: str) -> str:
    return f"{count:,} {what}" + (f", {drawn:,} of them drawn at random" if drawn < count else "")


def _frame(title: str) -> dict[str, Any]:
    return {
        "height": 330,
        "margin": {"l": 8, "r": 8, "t": 46, "b": 8},
        "title": {"text": title, "font": {"size": 13}},
        "legend": {"orientation": "h", "y": -0.22, "font": {"size": 11}},
        "hoverlabel": {"font": {"size": 12}},
    }
