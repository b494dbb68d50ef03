"""What is known of a cutout without any model: where it comes from, what was measured, what is odd, its header."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from vlass_explorer.datasets import identity
from vlass_explorer.evaluation import unseen
from vlass_explorer.figures import colours
from vlass_explorer.measure import Measurements, Structure
from vlass_explorer.quantities import angle, brightness, flux, rounded
from vlass_explorer.schema import Checkpoint, Cutout, Cutouts, Overlap

from .. import loaders
from ..text import plain

QUICK_LOOK = (
    "VLASS Quick Look: cleaned to about 5σ, flux scale ±10 to 20 %, positions off by up to 1″, sidelobes may remain."
)


OFF = {
    "fr_ratio": "FR ratio",
    "core_fraction": "core fraction",
    "bending": "bending angle",
    "lobe_ratio": "ratio of the lobes",
    "snr": "S/N",
    "angular_size": "angular size",
    "flux": "integrated flux",
    "flux_error": "integrated flux",
    "major": "size without the beam",
}
"""Names on the page of measurements that can be off."""


def draw_measurements(
    cutout: Cutout, measure: Callable[..., Measurements], structure: Callable[[Cutout], Structure]
) -> None:
    """Draw what was measured on the whole cutout, and below it what that rests on; see ``measure.Measurements``."""
    place, choice = st.container(gap="xxsmall"), st.container()
    found = measure(cutout)
    if found.bowl is not None and choice.checkbox(
        "Subtract the sky around the source",
        key="local_background",
        help="The image of an interferometer has no background: this is for an offset that is known to be one.",
    ):
        found = measure(cutout, local_background=True)
    with place:
        _draw_table(cutout, found, structure(cutout))


def _draw_table(cutout: Cutout, found: Measurements, shape: Structure) -> None:
    """A table of what was measured; a quantity that is off stands with its reason below."""
    rows: dict[str, str] = {}
    if found.peak_fit is not None and found.peak_error is not None:
        rows["Peak, beam fitted"] = brightness(found.peak_fit, cutout.unit, found.peak_error)
    rows["Peak"] = brightness(found.peak, cutout.unit)
    if found.rms is not None:
        rows["rms"] = brightness(found.rms, cutout.unit)
    if found.snr is not None:
        rows["S/N"] = f"{found.snr:.1f}" if found.snr < 1000 else f"{found.snr:.0f}"
    rows |= _flux_rows(found) | _size_rows(found) | _shape_rows(shape)
    if cutout.beam is not None:
        rows["Beam"] = cutout.beam.described(", ") + (", assumed" if cutout.beam.assumed else "")
    if cutout.pixel_scale is not None:
        height, width = (angle(side) for side in cutout.pixel_scale)
        rows["Pixels"] = f"{cutout.shape[1]} × {cutout.shape[0]}, {width}" + (f" × {height}" if height != width else "")
    else:
        rows["Pixels"] = f"{cutout.shape[1]} × {cutout.shape[0]}"
    table = pd.DataFrame({"": [plain(value) for value in rows.values()]}, index=list(rows))
    st.table(table, border="horizontal", hide_header=True, alt="Measurements of the cutout")
    for note in (*found.notes, *([f"Flux scale: {found.flux_scale_source}."] if found.flux_scale_source else [])):
        st.caption(plain(note))
    if found.off or shape.off:
        missing = {OFF.get(name, name): reason for name, reason in {**found.off, **shape.off}.items()}
        lines = [f"- {quantity}: {plain(reason)}" for quantity, reason in missing.items()]
        with st.expander(f"Off for this file: {', '.join(missing)}"):
            st.caption("\n".join(lines))


def _flux_rows(found: Measurements) -> dict[str, str]:
    """Flux density with its statistical error, the survey's flux scale apart, and a corrected value beside it."""
    rows = {}
    if found.flux is not None:
        rows["Integrated flux"] = f"{flux(found.flux, found.flux_error)} (noise)"
    if found.flux is not None and found.flux_scale_error is not None:
        rows["Flux scale"] = f"± {100 * found.flux_scale_error / found.flux:.0f} %, {flux(found.flux_scale_error)}"
    if found.flux is not None and found.flux_corrected is not None:
        rows["Flux, scale corrected"] = flux(found.flux_corrected, found.flux_corrected * _relative(found))
    if found.flux_limit is not None:
        rows["Flux of a point"] = f"< {flux(found.flux_limit)} (3σ, at the centre)"
    return rows


def _relative(found: Measurements) -> float:
    return (found.flux_error or 0.0) / found.flux if found.flux else 0.0


def _size_rows(found: Measurements) -> dict[str, str]:
    """Size as seen, and with the beam removed or its limit."""
    rows = {}
    if found.angular_size is not None:
        rows["Angular size, as seen"] = angle(found.angular_size)
    if found.size_limit is not None:
        rows["Size without the beam"] = f"< {angle(found.size_limit)} (3σ, not resolved)"
    elif found.major is not None and found.minor is not None and found.pa is not None:
        axes = [(found.major, found.major_error), (found.minor, found.minor_error)]
        sizes = " × ".join(_with_unit(*axis, "″") for axis in axes)
        untold = "" if "±" in sizes else " (no error)"
        rows["Size without the beam"] = f"{sizes}, {found.pa:.0f}°{untold}"
    return rows


def _with_unit(value: float, error: float | None, unit: str) -> str:
    """Value and unit, in brackets where an error stands between them."""
    text = rounded(value, error)
    return f"({text}){unit}" if "±" in text else f"{text}{unit}"


def _shape_rows(shape: Structure) -> dict[str, str]:
    """What a class rests on: where the peaks lie, how bent the source is, what of it is core."""
    rows = {}
    if shape.fr_ratio is not None:
        side = "FR II" if shape.fr_ratio >= 0.5 else "FR I"
        rows["FR ratio"] = f"{rounded(shape.fr_ratio, shape.fr_ratio_error)} (peaks as in {side})"
    if shape.core_fraction is not None:
        rows["Core fraction"] = rounded(shape.core_fraction, shape.core_fraction_error)
    if shape.bending is not None:
        angle_text = _with_unit(shape.bending, shape.bending_error, "°")
        rows["Bending angle"] = angle_text if "±" in angle_text else f"{angle_text} (no error)"
    if shape.lobe_ratio is not None:
        rows["Ratio of the lobes"] = rounded(shape.lobe_ratio, shape.lobe_ratio_error)
    return rows


def draw_seen(card: Checkpoint, cutout: Cutout) -> None:
    """Draw one sentence where the checkpoint's list of what it has seen holds this cutout, or one of its place."""
    found = _seen(card, cutout)
    how = "trained on" if found.trained else "chosen on" if found.selected else "calibrated on"
    if found.trained or found.selected or found.calibrated:
        what = f"a cutout of this place (within {unseen.RADIUS:g}″)" if found.by_place else "this cutout"
        st.caption(f"{plain(card.name)} was {how} {what}: its answer here is no test of it.")


@loaders.MEMORY.cached
def _seen(card: Checkpoint, cutout: Cutout) -> Overlap:
    place = identity.centre(cutout) or (np.nan, np.nan)
    return unseen.overlap(card, Cutouts(np.array([identity.content(cutout)]), np.array([place])))


def draw_notes(cutout: Cutout) -> None:
    """Draw what is odd about the file, what is off and why, and the survey's own warnings; trifles folded away."""
    lines = list(cutout.notes)
    if cutout.origin.quick_look:
        lines.append(QUICK_LOOK)
    if colours.sky_rms(cutout) is None:
        lines.append("No rms in units of brightness: no S/N and no contours at multiples of the rms.")
    if cutout.wcs is None:
        lines.append("Without sky coordinates: axes in pixels, no arrows, scale bar or beam, orientation unknown.")
    if lines:
        st.caption("\n".join(f"- {plain(line)}" for line in lines))
    if cutout.more_notes:
        with st.expander(f"{len(cutout.more_notes)} more notes on the file"):
            st.caption("\n".join(f"- {plain(line)}" for line in cutout.more_notes))


def draw_header(cutout: Cutout) -> None:
    """Draw the header as a table that can be searched and downloaded."""
    if not cutout.header:
        st.caption("This file has no header.")
        return
    table = pd.DataFrame({"keyword": list(cutout.header), "value": [str(v) for v in cutout.header.values()]})
    st.dataframe(table, hide_index=True, height=320, key="header", alt="FITS header")
