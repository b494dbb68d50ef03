"""Pixels of a large image as heat maps: in blocks in their place, sharp where the model looks."""

from __future__ import annotations

import numpy as np
import pytest
from figure_cutouts import RMS, fits_cutout

from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.frame import frame, whole
from vlass_explorer.figures.sky import sky_panels
from vlass_explorer.schema import Window


def heatmaps(figure):
    return [trace for trace in figure.data if trace.type == "heatmap"]


def test_large_images_are_drawn_reduced_in_their_place():
    cutout = fits_cutout(np.random.default_rng(0).normal(0, RMS, (600, 1100)))
    sky = heatmaps(sky_panels(cutout, SkyView()))[0]
    assert max(sky.z.shape) <= 512
    _, _, left, _ = frame(cutout).extent(whole(cutout))
    assert sky.x0 - sky.dx / 2 == pytest.approx(left)
    assert abs(sky.dx) == pytest.approx(3.0, rel=1e-4)


def test_the_models_field_of_a_large_image_is_drawn_at_its_own_resolution():
    pixels = np.random.default_rng(0).normal(0, RMS, (600, 1100))
    pixels[300:304, 500:504] = 40 * RMS
    cutout, window = fits_cutout(pixels), Window(280, 320, 480, 520)
    figure = sky_panels(cutout, SkyView(contours=True, levels=(20.0,)), window=window)
    coarse, sharp = heatmaps(figure)
    assert sharp.z.shape == (80, 80) and abs(coarse.dx) == pytest.approx(3 * abs(sharp.dx), rel=1e-4)
    bottom, _, left, _ = frame(cutout).extent(Window(260, 340, 460, 540))
    assert (sharp.y0 - sharp.dy / 2, sharp.x0 - sharp.dx / 2) == pytest.approx((bottom, left))
    assert np.allclose(sharp.customdata, 1e3 * pixels[260:340, 460:540], rtol=1e-5)
    assert sharp.showscale is False and coarse.colorbar.title.text == "mJy/beam"
    assert "farther out 3×3 pixels a point" in figure.layout.annotations[-1].text
    (line,) = [trace for trace in figure.data if trace.type == "scatter" and trace.line.color == "#d9f3ff"]
    low_y, high_y, high_x, low_x = frame(cutout).extent(Window(300, 304, 500, 504))  # x falls to the right
    edges = (np.nanmin(line.y), np.nanmax(line.y), np.nanmin(line.x), np.nanmax(line.x))
    assert edges == pytest.approx((low_y, high_y, low_x, high_x), abs=0.1)  # once, on the edge of the source
