"""Regions, catalogues and measured shapes in a figure: where their pixels are, in few traces, labels as text."""

from __future__ import annotations

import numpy as np
import pytest
from figure_cutouts import fits_cutout, sky_wcs

from vlass_explorer import overlays
from vlass_explorer.figures import overlays as figures
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.frame import frame
from vlass_explorer.figures.sky import sky_panels
from vlass_explorer.overlays.shapes import Drawn, Placed


def test_shapes_are_drawn_on_the_axes_of_the_sky_panel():
    cutout = fits_cutout(wcs=sky_wcs((60, 80), rotation=25.0))
    text = b'icrs\ncircle(150.001,30.001,5") # text={<b>one</b>}\n-box(150,30,8",4",0)\npoint(150,30)\n'
    placed = overlays.place(overlays.read(text, "a.reg"), cutout)
    base = sky_panels(cutout, SkyView())
    figure = figures.over_the_sky(base, cutout, [placed])
    assert len(base.data) == 3 and len(figure.data) == 7  # line, dashed line, ring and label
    circle = next(trace for trace in figure.data[3:] if trace.mode == "lines" and trace.line.dash == "solid")
    y, x = figures._axes(frame(cutout), placed.shapes[[s.label != "" for s in placed.shapes].index(True)])
    np.testing.assert_allclose(circle.x[:-1], x, atol=1e-4)
    sky = base.data[0]  # the heat map: a pixel's cell is at its offset
    drawn = next(shape for shape in placed.shapes if shape.is_point)
    point = next(trace for trace in figure.data[3:] if trace.mode == "markers")
    assert point.x[0] == pytest.approx(sky.x0 + sky.dx * drawn.x[0], abs=1e-4)
    assert point.y[0] == pytest.approx(sky.y0 + sky.dy * drawn.y[0], abs=1e-4)
    label = next(trace for trace in figure.data[3:] if trace.mode == "text")
    assert label.text == ("&lt;b&gt;one&lt;/b&gt;",)
    assert any(trace.mode == "lines" and trace.line.dash == "dash" for trace in figure.data[3:])


def test_many_sources_are_one_trace_without_labels():
    rng = np.random.default_rng(0)
    shapes = tuple(Drawn(rng.uniform(0, 60, 1), rng.uniform(0, 80, 1), f"s{i}", "") for i in range(500))
    figure = figures.over_the_sky(sky_panels(fits_cutout(), SkyView()), fits_cutout(), [Placed("a", shapes, "")])
    assert len(figure.data) == 4 and len(figure.data[-1].x) == 500


def test_measured_shapes_can_be_moved():
    shape = {"type": "rect", "x0": -3.0, "x1": 4.0, "y0": 0.0, "y1": 5.0}
    (drawn,) = figures.measured(sky_panels(fits_cutout(), SkyView()), [shape]).layout.shapes
    assert drawn.editable and (drawn.x0, drawn.y1, drawn.xref) == (-3.0, 5.0, "x")


def test_a_page_can_draw_the_corners_itself():
    figure = sky_panels(fits_cutout(), SkyView(), corners=False)
    (sky,) = figure.data
    assert figure.layout.meta == {"panels": ["sky"]}
    assert [note.text for note in figure.layout.annotations] == ["<b>Sky</b>", "grey: no data"]
    assert sky.hoverinfo == "skip" and sky.customdata is None and sky.text is None and sky.hovertemplate is None


def test_a_page_can_write_along_the_axes_itself():
    given, bare = (sky_panels(fits_cutout(), SkyView(), labelled=labelled).layout for labelled in (True, False))
    assert given.xaxis.title.text == "ΔRA (″)" and given.xaxis.showticklabels is None
    for axis, other in ((bare.xaxis, given.xaxis), (bare.yaxis, given.yaxis)):
        assert axis.title.text is None and axis.showticklabels is False and axis.ticks == ""
        assert (axis.range, axis.domain) == (other.range, other.domain)
    assert bare.margin == given.margin


def test_chosen_shapes_are_bold_and_places_on_the_axes_are_pixels():
    cutout = fits_cutout(wcs=sky_wcs((60, 80), rotation=0.0))
    ring = np.array([10.0, 20.0, 20.0, 10.0])
    shapes = tuple(Drawn(ring, ring[::-1] + 5 * i, "", "#112233", False, bool(i)) for i in range(2))
    figure = figures.over_the_sky(sky_panels(cutout, SkyView()), cutout, [Placed("a", shapes, "")])
    assert [trace.line.width for trace in figure.data[-2:]] == [1.4, 3.4]
    sky = figure.data[0]
    for y, x in ((0, 0), (59, 79), (17, 42)):
        assert figures.pixel(cutout, sky.y0 + sky.dy * y, sky.x0 + sky.dx * x) == (y, x)
