"""Brightness units in the spellings that files hold, and the scale of their values."""

from __future__ import annotations

import numpy as np
import point_source
import pytest

from vlass_explorer import cutouts
from vlass_explorer.cutouts import units
from vlass_explorer.measure import measure


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("beam-1 Jy", 1.0),
        ("Jy per beam", 1.0),
        ("Jansky/beam", 1.0),
        ("Jy/b", 1.0),
        ("Jy beam^{-1}", 1.0),
        ("JY/BEAM", 1.0),
        ("jy/BEAM", 1.0),
        ("Jy beam-1", 1.0),
        ("Jy*beam^-1", 1.0),
        ("Jy beam**(-1)", 1.0),
        ("[Jy/beam]", 1.0),
        (r"$Jy\,beam^{-1}$", 1.0),
        ("(Jy)/(beam)", 1.0),
        ("Jy/clean beam", 1.0),
        ("jy/bm", 1.0),
        ("10**-3 Jy/beam", 1e-3),
        ("10^-3 Jy/beam", 1e-3),
        ("10-3 Jy/beam", 1e-3),
        ("1e-3 Jy/beam", 1e-3),
        ("0.001 Jy/beam", 1e-3),
        ("10**(-6) Jy/beam", 1e-6),
        ("10**3 mJy/beam", 1.0),
        ("mJy.beam-1", 1e-3),
        ("MJY/BEAM", 1e-3),
        ("milliJy/beam", 1e-3),
        ("beam-1 mJy", 1e-3),
        ("mJy beam$^{-1}$", 1e-3),
        ("1.E-3 JY/BEAM", 1e-3),
        ("x1e-3 Jy/beam", 1e-3),
        ("Jy/BEAM.", 1.0),
        ("µJy beam⁻¹", 1e-6),
        ("uJy/bm", 1e-6),
        ("microJansky per beam", 1e-6),
        ("µJy/beam", 1e-6),
        ("nJy/beam", 1e-9),
        ("MJy/beam", 1e6),
        ("W m-2 Hz-1 beam-1", 1e26),
        ("W/m2/Hz/beam", 1e26),
        ("10**-2 Jy/beam", 1e-2),
        ("K", None),
        ("Jy", None),
        ("Jy/pixel", None),
        ("MJy/sr", None),
        ("Jy/beam km/s", None),
        ("Jy/beam.km/s", None),
        ("Jy/beam/Hz", None),
        ("1e400 Jy/beam", None),
        ("10**99999999 Jy/beam", None),
        ("beam", None),
        ("x", None),
    ],
)
def test_what_a_unit_is_in_jansky_a_beam(text: str, scale: float | None) -> None:
    found = units.jansky_a_beam(text)
    assert found == (None if scale is None else pytest.approx(scale, rel=1e-12))


@pytest.mark.parametrize(("text", "stored"), [("10**-3 Jy/beam", 1e3), ("nJy/beam", 1e9), ("10**-2 Jy/beam", 1e2)])
def test_a_flux_is_the_same_in_any_unit(text: str, stored: float) -> None:
    cutout = cutouts.read(point_source.file((point_source.sky() * stored).astype(np.float32), BUNIT=text))
    assert cutout.origin.product == "total intensity" and cutout.unit in units.NAMED.values()
    assert 0.049 < (measure(cutout).flux or 0.0) < 0.0505
    assert any("converted" in note for note in cutout.notes) == (text != "10**-3 Jy/beam")
