"""Quantities in words: the unit fits, the digits are those that the error supports."""

from __future__ import annotations

import pytest

from ui.look.quantities import flux, rounded


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
