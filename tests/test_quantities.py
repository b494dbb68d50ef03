"""Quantities in words: the unit fits, the digits are those that the error supports."""

from __future__ import annotations

import pytest

from vlass_explorer.quantities import angle, brightness, flux, frequency, rounded


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.3662, 0.0062, "366 ± 6 mJy"),
        (12.04, 0.01, "12.040 ± 0.010 Jy"),
        (4.3e-4, 1.6e-4, "430 ± 160 µJy"),
        (0.0351, 0.00212, "35.1 ± 2.1 mJy"),
        (-2e-5, 1e-4, "-20 ± 100 µJy"),
        (0.05493, None, "54.9 mJy"),
        (1204.0, None, "1204 Jy"),
    ],
)
def test_a_flux_has_a_fitting_unit_and_the_digits_of_its_error(value: float, error: float | None, words: str) -> None:
    assert flux(value, error) == words


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (1.076, 0.0942, "1.08 ± 0.09"),
        (0.0, None, "0"),
        (0.000158, None, "0.000158"),
        (5.0, float("nan"), "5.00"),
        (12345.6, None, "12346"),
        (3.14159, 0.0296, "3.14 ± 0.03"),
    ],
)
def test_numbers_are_rounded_by_their_error(value: float, error: float | None, words: str) -> None:
    assert rounded(value, error) == words


@pytest.mark.parametrize(
    ("arcsec", "words"),
    [
        (0.0021, "2.1 mas"),
        (4.2e-5, "42 µas"),
        (0.35, "0.35″"),
        (3.0, "3″"),
        (45.0, "45″"),
        (599.0, "599″"),
        (864.0, "14.4′"),
        (1706.0, "28.4′"),
        (12960.0, "3.6°"),
    ],
)
def test_an_angle_is_never_zero(arcsec: float, words: str) -> None:
    assert angle(arcsec) == words


@pytest.mark.parametrize(
    ("ghz", "words"),
    [
        (1.4, "1.4 GHz"),
        (3.0, "3 GHz"),
        (0.14365, "144 MHz"),
        (2.35e-8, "23.5 Hz"),
        (90.736, "90.7 GHz"),
        (0.074, "74 MHz"),
    ],
)
def test_a_frequency_has_a_unit_of_its_size(ghz: float, words: str) -> None:
    assert frequency(ghz) == words


@pytest.mark.parametrize(
    ("value", "unit", "error", "words"),
    [
        (12.04, "Jy/beam", 0.01, "12.040 ± 0.010 Jy/beam"),
        (1.3e-4, "Jy/beam", None, "130 µJy/beam"),
        (54.93, "mJy/beam", None, "54.9 mJy/beam"),
        (2e-6, "mJy/beam", None, "2.00 nJy/beam"),
        (255.0, "count", None, "255 counts"),
        (3.5, None, None, "3.50 (unit not stated)"),
        (12345.0, "K", None, "12345 K"),
    ],
)
def test_a_brightness_has_a_unit_of_its_size(value: float, unit: str | None, error: float | None, words: str) -> None:
    assert brightness(value, unit, error) == words
