"""Curves of a training run: loss and macro F1 against epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

LONGEST = 1000
TRAINING, VALIDATION = "#1c7ed6", "#e8590c"
PANELS = (
    ("Loss", (("train_loss", "training", TRAINING), ("val_loss", "validation", VALIDATION))),
    ("Macro F1", (("val_macro_f1", "validation", VALIDATION),)),
)


def thinned(points: Sequence[tuple[float, float]], longest: int = LONGEST) -> Sequence[tuple[float, float]]:
    """Keep at most ``longest`` points, evenly spaced and always the last one."""
    stride = -(-len(points) // longest) if points else 1
    return points if stride == 1 else [*points[:-1:stride], points[-1]]


def curves(
    rows: Sequence[Mapping[str, float]], *, steps_per_epoch: float, epochs: int | None = None, height: int = 290
) -> go.Figure:
    """Draw loss and macro F1 side by side against epochs, from rows of metrics that each have ``step``.

    ``epochs`` fixes the right end of the axis, so that curves grow into it while the run goes on.
    """
    figure = make_subplots(cols=len(PANELS), subplot_titles=[title for title, _ in PANELS], horizontal_spacing=0.1)
    named: set[str] = set()
    for column, (_, series) in enumerate(PANELS, start=1):
        for key, name, colour in series:
            points = thinned([(row["step"] / steps_per_epoch, float(row[key])) for row in rows if key in row])
            if not points:
                continue
            x, y = zip(*points, strict=True)
            figure.add_scatter(
                x=x, y=y, name=name, legendgroup=name, showlegend=name not in named, row=1, col=column,
                mode="lines+markers" if len(points) < 60 else "lines", line={"color": colour, "width": 2},
                marker={"size": 5}, hovertemplate=f"{name} %{{y:.4g}}<br>epoch %{{x:.4g}}<extra></extra>",
            )  # fmt: skip
            named.add(name)
        figure.add_scatter(x=[], y=[], showlegend=False, row=1, col=column)  # an empty panel keeps its axes
    figure.update_xaxes(title_text="epoch", range=[0, epochs] if epochs else None, rangemode="tozero")
    figure.update_yaxes(range=[0, 1], col=2)
    figure.update_yaxes(rangemode="tozero", col=1)
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 28, "b": 8}, hovermode="x",
        legend={"orientation": "h", "y": -0.3, "x": 1, "xanchor": "right", "yanchor": "top"},
    )  # fmt: skip
    return figure
