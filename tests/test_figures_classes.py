"""Classes of pixels as pictures: every pixel where the sky has it, colours as named, rows the right way up."""

from __future__ import annotations

import numpy as np
from figure_cutouts import fits_cutout, sky_wcs

from vlass_explorer.figures import classes
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.sky import sky_panels
from vlass_explorer.schema import IGNORE


def test_classes_lie_on_the_pixels_of_the_sky():
    cutout = fits_cutout(wcs=sky_wcs((60, 80), rotation=25.0))
    labels = np.zeros(cutout.shape, np.uint8)
    labels[10:20, 30:50], labels[40, 60], labels[0] = 1, 3, IGNORE
    base = sky_panels(cutout, SkyView())
    figure = classes.filled(base, cutout, labels, 4)
    sky, drawn = base.data[0], figure.data[-1]
    assert len(base.data) + 1 == len(figure.data)
    assert [drawn[key] for key in ("x0", "dx", "y0", "dy")] == [sky[key] for key in ("x0", "dx", "y0", "dy")]
    np.testing.assert_array_equal(np.nan_to_num(drawn.z), np.where(labels == IGNORE, 0, labels))
    assert np.isnan(drawn.z[0]).all() and np.isnan(drawn.z[30, 5])
    scale = dict(reversed(drawn.colorscale))  # the first colour at each place
    assert drawn.zmin == 0.5 and drawn.zmax == 3.5
    assert scale[0.0] == "rgb(77,225,193)" and drawn.colorscale[-1] == (1.0, "rgb(255,143,200)")


def test_a_large_image_is_drawn_in_steps_over_the_same_sky():
    labels = np.zeros((1100, 1030), np.uint8)
    labels[500:, :] = 2
    cutout = fits_cutout(np.zeros((1100, 1030), np.float32))
    drawn = classes.filled(sky_panels(cutout, SkyView()), cutout, labels, 3).data[-1]
    rows = drawn.z.shape[0]
    assert max(drawn.z.shape) <= 512 and abs(drawn.dy) * rows >= 1100
    changes = int(np.flatnonzero(np.isfinite(drawn.z[:, 0]))[0])  # the first row of class 2
    assert abs(changes * 3 - 500) <= 3


def test_a_picture_shows_row_0_at_the_bottom_and_its_classes_in_colour():
    image, labels = np.full((2, 3), 0.5, np.float32), np.array([[0, 1, IGNORE], [0, 0, 2]], np.uint8)
    plain, made = classes.picture(image), classes.picture(image, labels)
    assert plain.shape == made.shape == (2, 3, 3)
    np.testing.assert_array_equal(made[1, 0], [128, 128, 128])  # background: as it is
    np.testing.assert_allclose(made[1, 1], 0.45 * 127.5 + 0.55 * np.array([77, 225, 193]), atol=1)
    np.testing.assert_allclose(made[0, 2], 0.45 * 127.5 + 0.55 * np.array([255, 179, 71]), atol=1)
    assert made[1, 2].max() < 50  # no class is known
    in_row = classes.row([image] * 2, [None, labels])
    assert in_row.shape == (2 * 60, 2 * 3 * 60 + 6, 3)


def test_the_part_that_is_shown_holds_every_label():
    truth, said = np.zeros((90, 120), np.uint8), np.zeros((90, 120), np.int64)
    assert classes.around(truth, said) == (slice(None), slice(None))
    truth[40:44, 50:60], said[70, 100], truth[0, 0] = 1, 2, IGNORE
    part = classes.around(truth, said)
    assert (truth[part] == 1).sum() == 40 and (said[part] == 2).sum() == 1 and truth[part].shape != truth.shape


def test_names_in_the_legend_are_text():
    told = classes.legend(("background", "<b>x</b>", "y"))
    assert "&lt;b&gt;x" in told and "<b>" not in told and "background" not in told
    assert classes.legend(("background", "a", "b"), [0, 2]).count("■") == 1
