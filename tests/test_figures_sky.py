"""The sky panels: what lies where, what is left out, and what the file cannot support."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest
from figure_cutouts import RMS, fits_cutout, noise_image, picture, sky_wcs

from vlass_explorer.figures import marks
from vlass_explorer.figures.colours import NO_DATA, SkyView
from vlass_explorer.figures.frame import frame
from vlass_explorer.figures.sky import Overlay, sky_panels
from vlass_explorer.schema import Beam, Explanation, Window

WINDOW = Window(10, 50, 20, 60)


def explained(signed=False, titles=("Rollout",)):
    maps = np.random.default_rng(2).random((len(titles), 4, 4)).astype(np.float32)
    return Explanation(maps - (0.5 if signed else 0.0), titles, signed, "caption")


def drawn(cutout=None, **more):
    given = {"window": WINDOW, "seen": np.eye(8, dtype=np.float32), "explanation": explained()} | more
    return sky_panels(
        cutout or fits_cutout(), more.pop("view", SkyView()), **{k: v for k, v in given.items() if k != "view"}
    )


def heatmaps(figure, axis="x"):
    return [trace for trace in figure.data if trace.type == "heatmap" and trace.xaxis == axis]


def texts(figure):
    return [note.text for note in figure.layout.annotations]


def test_the_array_is_drawn_as_stored():
    cutout = fits_cutout()
    sky = heatmaps(drawn(cutout))[0]
    assert sky.z.shape == cutout.shape
    row, column = np.unravel_index(np.argmax(sky.customdata), cutout.shape)
    assert (row, column) == np.unravel_index(np.argmax(cutout.pixels), cutout.shape)
    assert sky.dx < 0 < sky.dy  # east to the left by its axis, not by flipping


@pytest.mark.parametrize("contours", ["none", "explanation over sky", "sky over explanation"])
@pytest.mark.parametrize("signed", [False, True])
def test_plotly_finds_no_fault_and_the_browser_gets_the_same(contours, signed):
    blank = noise_image()
    blank[:9] = np.nan
    for cutout in (fits_cutout(), picture(), fits_cutout(blank)):
        figure = drawn(
            cutout,
            view=SkyView(contours=True, colour_map="gray_r"),
            seen=np.full((8, 8, 3), 0.5) if signed else np.eye(8),
            explanation=explained(signed),
            overlay=Overlay(0.5, contours),
            stamp="a < b",
        )
        checked = go.Figure(figure.to_plotly_json())
        assert json.loads(figure.to_json()) == json.loads(checked.to_json())


def test_hover_tells_value_and_signal_to_noise():
    cutout = fits_cutout()
    sky = heatmaps(drawn(cutout))[0]
    np.testing.assert_allclose(sky.customdata, cutout.pixels * 1e3, rtol=1e-6)
    np.testing.assert_allclose(sky.text, cutout.pixels / RMS, rtol=1e-5)
    assert "S/N" in sky.hovertemplate and "mJy/beam" in sky.hovertemplate
    assert sky.colorbar.title.text == "mJy/beam"


def test_no_data_stays_empty_and_has_a_colour_of_its_own():
    image = noise_image()
    image[:5] = np.nan
    figure = drawn(fits_cutout(image))
    assert np.isnan(heatmaps(figure)[0].z[:5]).all()
    assert figure.layout.plot_bgcolor == NO_DATA


def test_panels_share_their_axes():
    layout = drawn().layout
    assert (layout.xaxis2.matches, layout.xaxis3.matches) == ("x", "x")
    assert (layout.yaxis2.matches, layout.yaxis3.matches) == ("y", "y")
    assert layout.yaxis.scaleanchor == "x"


def test_model_input_and_explanation_fill_the_window():
    cutout = fits_cutout()
    figure = drawn(cutout)
    bottom, top, left, right = frame(cutout).extent(WINDOW)
    for trace, side in ((heatmaps(figure, "x2")[0], 8), (heatmaps(figure, "x3")[1], 4)):
        assert trace.x0 - trace.dx / 2 == pytest.approx(left)
        assert trace.x0 + trace.dx * (side - 0.5) == pytest.approx(right)
        assert trace.y0 - trace.dy / 2 == pytest.approx(bottom)
        assert trace.y0 + trace.dy * (side - 0.5) == pytest.approx(top)


def test_the_first_view_holds_the_window_or_the_cutout():
    cutout = fits_cutout()
    near, far = drawn(cutout).layout, drawn(cutout, whole_cutout=True).layout
    assert near.xaxis.range[0] - near.xaxis.range[1] == pytest.approx(42.0, abs=0.01)
    assert far.xaxis.range[0] - far.xaxis.range[1] == pytest.approx(80.0, abs=0.01)


def test_panels_without_content_are_left_out():
    figure = sky_panels(fits_cutout(), SkyView())
    assert len(figure.data) == 3  # heat map, scale bar, beam
    assert "xaxis2" not in figure.layout


def test_a_file_without_coordinates_gets_no_arrows_scale_or_beam():
    figure = sky_panels(picture(), SkyView(contours=True), window=WINDOW)
    assert [trace.type for trace in figure.data] == ["heatmap", "scatter"]  # image and outline of the field of view
    assert texts(figure)[:-1] == ["<b>Sky</b>"]
    assert "S/N" not in figure.data[0].hovertemplate
    assert figure.data[0].colorbar.title.text == "counts"


def test_a_picture_with_noise_gets_no_contours_in_rms():
    noisy = fits_cutout(kind="image", unit="count", wcs=None, beam=None)
    assert len(sky_panels(noisy, SkyView(contours=True)).data) == 1


def test_north_and_east_are_marked():
    assert {"N", "E"} <= set(texts(drawn()))


@pytest.mark.parametrize("rotation", [0.0, 40.0, 160.0])
def test_the_arrows_stand_in_the_corner_at_any_zoom(rotation):
    cutout = fits_cutout(wcs=sky_wcs((60, 80), scale=0.5, rotation=rotation))
    notes = [note for note in sky_panels(cutout, SkyView()).layout.annotations if note.xref == "x domain"]
    arrows = [note for note in notes if note.showarrow]
    corner = 1 - 0.03  # of the model's field, inside of its outline
    assert [(note.x, note.y) for note in arrows] == [(corner, corner)] * 2
    north, east = (-np.array([note.ax, -note.ay]) / marks.ARROW for note in arrows)  # right and up on the screen
    ra, dec = cutout.wcs.wcs_pix2world([[39.5, 29.5]], 0)[0]
    moved = np.diff(cutout.wcs.wcs_world2pix([[ra, dec], [ra, dec + 1e-3]], 0), axis=0)[0]
    assert north == pytest.approx(moved / np.hypot(*moved), abs=1e-3) and abs(north @ east) < 1e-2
    assert all(note.xshift < 0 and note.yshift < 0 for note in notes if note.text in ("N", "E"))


def test_contours_are_drawn_at_the_chosen_levels():
    chosen = SkyView(contours=True, levels=(4.0, 20.0), ink="#ff6b6b")
    line = next(trace for trace in sky_panels(fits_cutout(), chosen).data[1:] if trace.line.color == "#ff6b6b")
    assert line.line.dash == "solid"
    assert not [trace for trace in sky_panels(fits_cutout(), chosen).data[1:] if trace.line.dash == "dash"]


def test_an_assumed_beam_is_dotted():
    for assumed, dash in ((False, "solid"), (True, "dot")):
        figure = sky_panels(fits_cutout(beam=Beam(5.0, 3.0, 30.0, assumed=assumed)), SkyView())
        assert figure.data[-1].line.dash == dash


@pytest.mark.parametrize("rotation", [0.0, 40.0])
def test_the_beam_has_its_size_and_angle(rotation):
    cutout = fits_cutout(wcs=sky_wcs((60, 80), scale=0.5, rotation=rotation))
    axes = frame(cutout)
    trace = marks.beam(axes, cutout.beam, (-15.0, 15.0, 20.0, -20.0), "white")
    y, x = trace["y"] - trace["y"][:-1].mean(), trace["x"] - trace["x"][:-1].mean()
    radius = np.hypot(x, y)
    assert 2 * radius.max() == pytest.approx(5.0, rel=1e-3)
    assert 2 * radius.min() == pytest.approx(3.0, rel=1e-3)
    angle = np.radians(30.0)  # from north through east
    along = np.array(axes.offset(np.cos(angle), np.sin(angle)))
    i = int(radius.argmax())
    assert abs(along @ [y[i], x[i]]) == pytest.approx(radius[i], rel=1e-3)


def test_contours_lie_at_multiples_of_the_rms_and_negative_ones_are_dashed():
    y, x = np.mgrid[:40, :40].astype(float)
    image = (x - 20) * RMS  # a plane: contours are straight lines
    traces = marks.contours(image, np.arange(40.0), np.arange(40.0), marks.levels(RMS, 13 * RMS), "white")
    assert [trace["line"]["dash"] for trace in traces] == ["solid", "dash"]
    np.testing.assert_allclose(np.unique(traces[0]["x"][np.isfinite(traces[0]["x"])]), [23, 26, 32], atol=1e-5)
    np.testing.assert_allclose(np.unique(traces[1]["x"][np.isfinite(traces[1]["x"])]), [17], atol=1e-5)


def test_contour_levels_double_up_to_the_peak():
    assert marks.levels(1.0, 30.0) == [-3.0, 3.0, 6.0, 12.0, 24.0]


def test_contours_break_at_missing_data():
    image = np.tile(np.arange(10.0), (10, 1))
    image[4:6] = np.nan
    (trace,) = marks.contours(image, np.arange(10.0), np.arange(10.0), [4.5], "white")
    finite = trace["y"][np.isfinite(trace["y"])]
    assert not ((finite > 3) & (finite < 6)).any()
    assert {0.0, 3.0, 6.0, 9.0} <= set(finite.tolist())


def test_scale_bar_has_the_length_that_it_says():
    cutout = fits_cutout()
    trace, text = marks.scale_bar(frame(cutout), (-30.0, 30.0, 40.0, -40.0), "white")
    assert text == "20″"
    assert abs(np.diff(trace["x"])[0]) == pytest.approx(20.0)


def test_signed_maps_are_centred_on_zero_and_unsigned_flat_ones_look_flat():
    signed = heatmaps(drawn(explanation=explained(signed=True)), "x3")[1]
    assert signed.zmin == -signed.zmax
    flat = Explanation(np.linspace(0.99, 1.0, 16).reshape(1, 4, 4), ("Flat",), False, "")
    assert heatmaps(drawn(explanation=flat), "x3")[1].zmin == pytest.approx(0.5)


def test_opacity_and_contours_of_the_overlay():
    over = heatmaps(drawn(overlay=Overlay(0.3)), "x3")[1]
    assert over.opacity == pytest.approx(0.3)
    lines = drawn(overlay=Overlay(contours="explanation over sky"))
    assert heatmaps(lines, "x3")[1].opacity == 0.0
    assert any(trace.type == "scatter" and trace.xaxis == "x3" for trace in lines.data)
    sky_lines = drawn(overlay=Overlay(contours="sky over explanation"))
    assert any(trace.type == "scatter" and trace.xaxis == "x3" for trace in sky_lines.data)


def test_the_chosen_map_of_several_is_drawn():
    many = explained(titles=("one", "two"))
    figure = drawn(explanation=many, overlay=Overlay(panel=1))
    np.testing.assert_array_equal(heatmaps(figure, "x3")[1].z, many.maps[1])
    assert "<b>two</b>" in texts(figure)


def test_titles_are_text():
    figure = drawn(explanation=explained(titles=("<img src=x>",)), stamp="<a href='x'>y</a>")
    assert "<b>&lt;img src=x&gt;</b>" in texts(figure)
    assert "&lt;a href" in texts(figure)[-1]


def test_a_window_beyond_the_image_leaves_the_rest_empty():
    far = Window(200, 240, 200, 240)
    figure = drawn(window=far)
    assert len(heatmaps(figure, "x3")) == 1  # no sky below the explanation


def test_zoom_is_kept_until_cutout_or_window_changes():
    first, again = drawn().layout.uirevision, drawn(overlay=Overlay(0.1)).layout.uirevision
    assert first == again
    assert first != drawn(window=Window(0, 40, 0, 40)).layout.uirevision


def test_blink_buttons_change_the_explanation_alone():
    figure = drawn(overlay=Overlay(0.4), view=SkyView(contours=True))
    (menu,) = figure.layout.updatemenus
    for button, opacity in zip(menu.buttons, (0.0, 0.4, 1.0), strict=True):
        change, (number,) = button.args
        assert change == {"opacity": opacity}
        assert figure.data[number] is heatmaps(figure, "x3")[1]
    assert not drawn(explanation=None).layout.updatemenus


def test_the_stamp_is_drawn_last_and_names_the_colour_of_no_data():
    both, alone = drawn(stamp="abc"), sky_panels(fits_cutout(), SkyView(), stamp="abc")
    assert texts(both)[-1] == "grey: no data, or outside the model’s field<br>abc"
    assert texts(alone)[-1] == "grey: no data   abc"
    sides = [figure.layout.height - figure.layout.margin.t - figure.layout.margin.b for figure in (both, alone)]
    (menu,) = both.layout.updatemenus
    stands = [-figure.layout.annotations[-1].yshift for figure in (both, alone)]
    # Below the buttons, which plotly draws 33 pixels high, at the cost of no panel.
    assert stands[0] >= -menu.y * sides[0] + 33 and sides[0] == sides[1]
    assert stands[0] + 2 * 12 <= both.layout.margin.b and stands[1] + 12 <= alone.layout.margin.b


def test_what_a_model_of_colour_saw_has_no_colour_bar_and_says_why():
    seen = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    figure = drawn(seen=seen)
    (image,) = [trace for trace in figure.data if trace.type == "image"]
    assert np.array_equal(image.z, np.round(seen * 255).astype(np.uint8)) and image.xaxis == "x2"
    (grey,) = [trace for trace in drawn().data if trace.xaxis == "x2"]
    assert (image.x0, image.dx, image.y0, image.dy) == (grey.x0, grey.dx, grey.y0, grey.dy)
    assert "in colour, each channel 0 to 1: no scale" in texts(figure) and not any(
        "no scale" in t for t in texts(drawn())
    )
    assert len(heatmaps(figure, "x3")) == 2  # the explanation stays where it was
