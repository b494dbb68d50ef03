"""One scale for several maps, the layer player, attention distance and the curves of trust."""

from __future__ import annotations

import numpy as np
import pytest
from test_export import cutout, explanation
from tiny_checkpoint import SPEC

from vlass_explorer import preprocess
from vlass_explorer.figures import distance, scale
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.layers import layer_player
from vlass_explorer.figures.sky import Overlay, sky_panels
from vlass_explorer.figures.trust import faithfulness_curves, randomisation_curve
from vlass_explorer.trust import Faithfulness, Randomisation


def test_relative_maps_reach_one_and_keep_their_sign() -> None:
    maps = np.array([[[-4.0, 1.0], [0.0, 2.0]]])
    found = scale.relative(explanation(maps, signed=True))
    assert np.allclose(found.maps, maps / 4.0)
    empty = explanation(np.zeros((1, 2, 2)))
    assert np.array_equal(scale.relative(empty).maps, empty.maps)
    assert scale.largest(explanation(np.full((1, 2, 2), np.nan))) == 0.0


def test_the_common_scale_keeps_signed_and_unsigned_apart() -> None:
    some = [explanation(np.full((1, 2, 2), v), signed=s) for v, s in ((-3.0, True), (2.0, True), (5.0, False))]
    assert (scale.common(some, True), scale.common(some, False)) == (3.0, 5.0)
    assert scale.common([], True) is None


@pytest.mark.parametrize("signed", [True, False])
def test_an_overlay_with_a_top_fixes_the_scale_and_names_it(signed: bool) -> None:
    source = cutout()
    figure = sky_panels(
        source,
        SkyView(),
        window=preprocess.window(source, SPEC),
        show=("explanation",),
        explanation=explanation(np.full((1, 4, 4), 0.25), signed=signed),
        overlay=Overlay(top=2.0, unit="a < b"),
    )
    trace = figure.data[-1]
    assert (trace.zmin, trace.zmax) == (-2.0 if signed else 0.0, 2.0)
    assert trace.colorbar.title.text == "a &lt; b"


def test_the_player_has_one_frame_a_layer_on_one_scale() -> None:
    source, maps = cutout(), np.random.default_rng(0).random((3, 4, 4))
    figure = layer_player(source, preprocess.window(source, SPEC), explanation(maps), Overlay(top=1.0))
    assert len(figure.frames) == 3
    for frame, panel in zip(figure.frames, maps, strict=True):
        (number,) = frame.traces
        assert figure.data[number].colorbar.title.text is not None  # the relevance, not the sky below it
        assert np.allclose(frame.data[0].z, panel, atol=1e-6)
    assert [frame.layout.annotations[0].text for frame in figure.frames] == [f"<b>layer {i}</b>" for i in range(3)]
    assert [button.label for button in figure.layout.updatemenus[0].buttons] == ["Play", "Pause"]
    assert [step.args[0] for step in figure.layout.sliders[0].steps] == [("1",), ("2",), ("3",)]


def test_distances_are_points_by_layer_in_the_unit_of_the_sky() -> None:
    found = [np.array([1.0, 2.0], np.float32), np.array([3.0, np.nan, 5.0], np.float32)]
    figure = distance.distance_plot(found, arcsec=2.0, chosen=(1, 2))
    heads, mean = figure.data
    assert list(heads.x) == [1, 1, 2, 2, 2]
    np.testing.assert_array_equal(heads.y, [2.0, 4.0, 6.0, np.nan, 10.0])
    assert list(heads.marker.line.width) == [0, 0, 0, 0, 2.5]
    assert mean.y[0] == 3.0 and "″" in figure.layout.yaxis.title.text
    assert "pixels" in distance.distance_plot(found).layout.yaxis.title.text
    barred = distance.distance_plot(found, spread=[np.array([0.5, 0.25]), np.array([1.0, np.nan, 0.0])], arcsec=2.0)
    np.testing.assert_array_equal(barred.data[0].error_y.array, [1.0, 0.5, 2.0, np.nan, 0.0])
    assert list(np.round(barred.data[0].x)) == [1, 1, 2, 2, 2] and len(set(barred.data[0].x)) == 5


def test_curves_of_trust_show_their_areas_and_chance() -> None:
    fractions = np.linspace(0, 1, 5)
    found = Faithfulness(
        fractions, 1 - fractions, fractions, 0.5, 0.625, (0.4, 0.5), (0.3, 0.6), "5 steps, <b>softmax</b>."
    )
    figure = faithfulness_curves(found, unit="<i>")
    assert [trace.name for trace in figure.data] == ["deletion 0.50", "insertion 0.62", "random 0.45"]
    assert list(figure.data[0].x) == [0, 25, 50, 75, 100] and figure.layout.yaxis.title.text == "&lt;i&gt;"
    curve = randomisation_curve(Randomisation(("head", "blocks.0<"), (0.5, -0.2), "spearman"))
    assert list(curve.data[0].y) == [1.0, 0.5, -0.2] and curve.data[0].text[2] == "blocks.0&lt;"
    assert curve.layout.yaxis.range[0] == -0.2
