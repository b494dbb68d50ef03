"""Brightness units in the spellings that files hold, and the scale of their values."""

from __future__ import annotations

import numpy as np
import point_source
import pytest

from vlass_explorer import cutouts, validity
from vlass_explorer.cutouts import units
from vlass_explorer.measure import measure
from vlass_explorer.schema import InputSpec


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
        ("JY/B*M/S", None),
        ("Jy_per_beam", 1.0),
        ("'mJy/beam'", 1e-3),
        ("Jy·beam⁻¹", 1.0),
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


@pytest.mark.parametrize(
    ("unit", "product"),
    [
        ("Jy/beam.km/s", "integrated intensity"),
        ("Jy/beam*m/s", "integrated intensity"),
        ("JY/B*M/S", "integrated intensity"),
        ("mJy beam-1 km s-1", "integrated intensity"),
        ("Jy km/s/beam", "integrated intensity"),
        ("Jy.km.s-1.beam-1", "integrated intensity"),
        ("K km/s", "integrated intensity"),
        ("K.km.s^-1", "integrated intensity"),
        ("Jy/beam.Hz", "integrated intensity"),
        ("km/s", "velocity map"),
        ("m s-1", "velocity map"),
        ("Jy/beam", "total intensity"),
        ("W m-2 Hz-1 beam-1", "total intensity"),
        ("K", "unknown"),
        ("Jy/pixel", "unknown"),
    ],
)
def test_moments_are_no_images_of_flux_density(unit: str, product: str) -> None:
    cutout = cutouts.read(point_source.file(BUNIT=unit))
    assert cutout.origin.product == product
    is_moment = product in ("integrated intensity", "velocity map")
    if is_moment:
        found = measure(cutout)
        assert found.flux is None and found.flux_limit is None and "not Jy/beam" in found.off["flux"]
        for spec in (InputSpec(), InputSpec(unit="Jy/beam"), InputSpec(unit="count")):
            told = validity.check(cutout, spec)
            assert told.level == "outside" and "moment" in told.reasons[0]
    noted = any(note.startswith(f"The unit {unit} is that of an integrated intensity") for note in cutout.notes)
    assert noted == (product == "integrated intensity")
