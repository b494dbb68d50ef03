"""Curves of runs: what is drawn where, and what a panel without points looks like."""

from __future__ import annotations

from vlass_explorer.figures.curves import MACHINE, curves, overlaid

SERIES = {
    "train_loss": [(5.0, 2.0), (10.0, 1.5), (20.0, 1.0)],
    "val_loss": [(10.0, 1.4), (20.0, 1.2)],
    "val_macro_f1": [(10.0, 0.5), (20.0, 0.75)],
    "lr": [(5.0, 1e-3)],
}


def test_each_value_lies_at_its_epoch_in_its_panel() -> None:
    figure = curves(SERIES, steps_per_epoch=10, epochs=4)
    drawn = {(trace.name, trace.xaxis): (tuple(trace.x), tuple(trace.y)) for trace in figure.data if trace.name}
    assert drawn == {
        ("training", "x"): ((0.5, 1.0, 2.0), (2.0, 1.5, 1.0)),
        ("validation", "x"): ((1.0, 2.0), (1.4, 1.2)),
        ("validation", "x2"): ((1.0, 2.0), (0.5, 0.75)),
    }
    assert tuple(figure.layout.xaxis.range) == (0, 4) == tuple(figure.layout.xaxis2.range)
    assert tuple(figure.layout.yaxis2.range) == (0, 1) and figure.layout.yaxis.range is None
    assert [trace.name for trace in figure.data if trace.showlegend and trace.name] == ["training", "validation"]


def test_a_panel_without_points_keeps_its_axes() -> None:
    figure = curves({"train_loss": SERIES["train_loss"]}, steps_per_epoch=10)
    assert {trace.xaxis for trace in figure.data} == {"x", "x2"}
    figure = curves(SERIES, steps_per_epoch=10, panels=MACHINE)
    assert {trace.xaxis for trace in figure.data} == {"x", "x2", "x3"}
    assert not [trace for trace in figure.data if trace.name and trace.showlegend]


def test_several_runs_share_their_panels_each_with_its_own_epochs() -> None:
    figure = overlaid([("a <b>", SERIES, 10.0), ("slow", SERIES, 20.0)])
    drawn = {(trace.name, trace.xaxis): tuple(trace.x) for trace in figure.data}
    assert drawn["a &lt;b&gt;", "x2"] == (1.0, 2.0) and drawn["slow", "x2"] == (0.5, 1.0)
    assert len(figure.data) == 6 and sum(bool(trace.showlegend) for trace in figure.data) == 2
    colours = {trace.name: trace.line.color for trace in figure.data}
    assert len(set(colours.values())) == 2


def test_the_axis_of_a_long_run_grows_with_it() -> None:
    late = {"train_loss": [(10.0, 2.0), (93.0, 1.0)]}
    assert tuple(curves(SERIES, steps_per_epoch=10, epochs=400).layout.xaxis.range) == (0, 4)
    assert tuple(curves(late, steps_per_epoch=10, epochs=400).layout.xaxis.range) == (0, 16)
    assert tuple(curves(late, steps_per_epoch=10, epochs=10).layout.xaxis.range) == (0, 10)
