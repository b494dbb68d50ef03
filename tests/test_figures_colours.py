"""Display limits, stretches and colour bar ticks."""

import numpy as np
import pytest
from figure_cutouts import RMS, fits_cutout, picture

from vlass_explorer.figures import colours
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.schema import Window


@pytest.mark.parametrize("stretch", colours.STRETCHES)
def test_stretches_rise_from_0_to_1_and_keep_nan(stretch):
    values = np.array([-2.0, -1.0, 0.0, 0.5, 3.0, 10.0, 20.0, np.nan])
    scaled = colours.stretched(values, -1.0, 10.0, stretch, 0.5)
    assert scaled[0] == scaled[1] == pytest.approx(0.0, abs=1e-6)  # clipped below
    assert scaled[5] == pytest.approx(1.0) and scaled[6] == pytest.approx(1.0)
    assert np.isnan(scaled[7])
    assert (np.diff(scaled[1:6]) > 0).all()


def test_asinh_is_the_function_of_its_name():
    low, high, soft = -1.0, 10.0, 0.5
    values = np.array([0.0, 0.3, 4.0])
    expected = (np.arcsinh(values / soft) - np.arcsinh(low / soft)) / (np.arcsinh(high / soft) - np.arcsinh(low / soft))
    np.testing.assert_allclose(colours.stretched(values, low, high, "asinh", soft), expected, rtol=1e-5)


def test_an_unknown_stretch_is_an_error():
    with pytest.raises(ValueError, match="asinh, linear, sqrt, log"):
        colours.stretched(np.zeros(2), 0, 1, "magic", 1.0)


def test_limits_are_minus_2_rms_and_the_percentile():
    cutout = fits_cutout()
    low, high = colours.limits(cutout, SkyView(percentile=99.5))
    assert low == pytest.approx(-2 * RMS)
    assert high == pytest.approx(np.percentile(cutout.pixels, 99.5), rel=1e-6)


def test_limits_by_hand_are_in_display_units():
    assert colours.limits(fits_cutout(), SkyView(limits=(-1.0, 5.0))) == pytest.approx((-1e-3, 5e-3))
    assert colours.limits(fits_cutout(), SkyView(limits=(5.0, 5.0))) == colours.limits(fits_cutout(), SkyView())


def test_limits_of_a_clipped_picture_follow_its_source():
    cutout = picture()  # 40 of 1600 pixels are not zero: the 95th percentile of all would be 0
    low, high = colours.limits(cutout, SkyView(percentile=95.0))
    assert low == 0.0
    assert high == pytest.approx(np.percentile(cutout.pixels[cutout.pixels > 0], 95.0))


def test_ticks_are_round_and_where_their_value_is():
    low, high, soft = -4e-4, 2e-2, 6e-4
    positions, texts = colours.colour_bar_ticks(low, high, "asinh", soft, 1e3)
    assert "0" in texts and len(texts) >= 4
    values = np.array([float(text) for text in texts]) / 1e3
    np.testing.assert_allclose(colours.stretched(values, low, high, "asinh", soft), positions, atol=1e-5)
    assert np.diff(positions).min() > 0.1
    assert all(text.lstrip("-0.").rstrip("0.") in ("", "1", "2", "5") for text in texts)


def test_display_units():
    assert colours.display_unit("Jy/beam") == (1e3, "mJy/beam")
    assert colours.display_unit("count") == (1.0, "counts")
    assert colours.display_unit(None)[1] == "unit not stated"
    assert colours.display_unit("K") == (1.0, "K")


def test_pictures_have_no_rms_to_measure_in():
    assert colours.sky_rms(fits_cutout()) == RMS
    assert colours.sky_rms(picture()) is None
    noisy = fits_cutout(kind="image", unit="count", wcs=None, beam=None)
    assert colours.sky_rms(noisy) is None


def test_reduced_takes_means_of_finite_pixels():
    image = np.arange(36, dtype=np.float32).reshape(6, 6)
    image[0, 0] = np.nan
    small, factor = colours.reduced(image, limit=3)
    assert factor == 2
    assert small.shape == (3, 3)
    assert small[2, 2] == pytest.approx(np.mean([28, 29, 34, 35]))
    assert small[0, 0] == pytest.approx(np.mean([1, 6, 7]))  # the finite ones
    assert colours.reduced(image, limit=6)[1] == 1


def test_reduced_keeps_blocks_without_data_empty():
    image = np.full((5, 4), np.nan, np.float32)
    image[4, :] = 2.0
    small, factor = colours.reduced(image, limit=2)
    assert factor == 3
    assert np.isnan(small[0]).all()
    np.testing.assert_array_equal(small[1], [2.0, 2.0])


@pytest.mark.parametrize("name", [*colours.SKY_MAPS, colours.UNSIGNED_MAP, colours.SIGNED_MAP])
def test_colour_scales_hold_no_hex_colour(name):
    # Streamlit's chart theme replaces some hex colours near black by its palette.
    scale = colours.scale(name)
    assert scale[0][0] == 0.0 and scale[-1][0] == 1.0
    assert all(colour.startswith("rgb(") for _, colour in scale)


def test_limits_follow_the_window():
    cutout = fits_cutout()  # the source lies at row 20, column 50
    near = colours.limits(cutout, SkyView(percentile=100.0), Window(40, 60, 0, 20))
    assert near[1] == pytest.approx(5 * RMS)  # noise alone: at least 5 rms
    around = colours.limits(cutout, SkyView(percentile=100.0), Window(-10, 30, 40, 60))
    assert around[1] == pytest.approx(cutout.pixels.max())
    assert colours.limits(cutout, SkyView(), Window(90, 99, 0, 9)) == colours.limits(cutout, SkyView())


def test_the_diverging_overlay_is_transparent_at_zero():
    scale = colours.overlay_scale(colours.SIGNED_MAP)
    assert scale[0][1].endswith(",1.000)") and scale[-1][1].endswith(",1.000)")
    assert float(scale[31][1].rsplit(",", 1)[1].rstrip(")")) < 0.05
