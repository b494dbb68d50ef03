"""Curves of a run: what is drawn where, and how many points."""

from __future__ import annotations

import numpy as np

from vlass_explorer.figures.curves import LONGEST, curves, thinned

ROWS = [
    {"epoch": 1, "step": 5, "train_loss": 2.0},
    {"epoch": 1, "step": 10, "train_loss": 1.5, "val_loss": 1.4, "val_macro_f1": 0.5},
    {"epoch": 2, "step": 20, "train_loss": 1.0, "val_loss": 1.2, "val_macro_f1": 0.75},
]


def test_each_value_lies_at_its_epoch_in_its_panel() -> None:
    figure = curves(ROWS, steps_per_epoch=10, epochs=4)
    drawn = {(trace.name, trace.xaxis): (tuple(trace.x), tuple(trace.y)) for trace in figure.data if trace.name}
    assert drawn == {
        ("training", "x"): ((0.5, 1.0, 2.0), (2.0, 1.5, 1.0)),
        ("validation", "x"): ((1.0, 2.0), (1.4, 1.2)),
        ("validation", "x2"): ((1.0, 2.0), (0.5, 0.75)),
    }
    assert tuple(figure.layout.xaxis.range) == (0, 4)
    assert [trace.name for trace in figure.data if trace.showlegend] == ["training", "validation"]


def test_a_panel_without_points_keeps_its_axes() -> None:
    figure = curves(ROWS[:1], steps_per_epoch=10)
    assert {trace.xaxis for trace in figure.data} == {"x", "x2"}


def test_long_runs_are_thinned_but_end_at_their_last_point() -> None:
    points = [(float(i), float(i) ** 2) for i in range(10_007)]
    kept = thinned(points)
    assert len(kept) <= LONGEST + 1 and kept[0] == points[0] and kept[-1] == points[-1]
    assert np.all(np.diff([x for x, _ in kept]) > 0)
    assert thinned(points[:LONGEST]) == points[:LONGEST] and thinned([]) == []
