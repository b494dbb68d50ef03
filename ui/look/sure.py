"""How sure: what was measured of answers like this one, a line each, and the reason where a line is off."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from vlass_explorer import calibration, flips
from vlass_explorer.calibration import Sure, Unlike
from vlass_explorer.schema import Checkpoint, CheckpointError, Cutout, ExplorerError, Prediction

from .. import loaders
from ..text import plain


def draw(card: Checkpoint, cutout: Cutout, prediction: Prediction) -> None:
    """Draw the lines, and the nearest training cutouts behind a switch."""
    found = _sure(card, cutout, prediction)
    lines = [*found.sentences, _flips(card, cutout)]
    with st.container(gap="xxsmall"):
        st.markdown("**How sure**")
        st.caption("\n".join(f"- {_strong(line)}" for line in lines))
        if isinstance(found.unlike, Unlike):
            with st.expander("Nearest training cutouts"):
                _neighbours(found.unlike)


def _sure(card: Checkpoint, cutout: Cutout, prediction: Prediction) -> Sure:
    def matched() -> tuple[Cutout, Prediction]:
        there = loaders.matched(card, cutout)
        return there, loaders.prediction(card, there)

    def work() -> Sure:
        model = loaders.model(card)
        return calibration.sure(model, card, cutout, prediction, _calibrations(card), _reference(card), matched)

    stamps = tuple(_stamp(card, name) for name in ("calibration.json", "reference.safetensors"))
    return loaders.remembered("sure", card, cutout, stamps, work)


def _stamp(card: Checkpoint, name: str) -> int:
    """When a file of the checkpoint was last written; 0 without it."""
    file = card.path / name
    return file.stat().st_mtime_ns if file.is_file() else 0


def _calibrations(card: Checkpoint) -> tuple[calibration.Calibration, ...] | CheckpointError:
    try:
        return calibration.read(card)
    except CheckpointError as error:
        return error


def _reference(card: Checkpoint) -> calibration.Reference | CheckpointError | None:
    stamp = _stamp(card, "reference.safetensors")
    found: calibration.Reference | CheckpointError | None = loaders.MEMORY.get_or_compute(
        ("reference", str(card.path), card.sha256, stamp), lambda: _read_reference(card)
    )
    return found


def _read_reference(card: Checkpoint) -> calibration.Reference | CheckpointError | None:
    try:
        return calibration.read_reference(card)
    except CheckpointError as error:
        return error


def _flips(card: Checkpoint, cutout: Cutout) -> str:
    """What the flip curves say, where they were asked for."""
    if not st.session_state.get("flips"):
        return "When it would change its mind: not asked yet; the switch with these words asks."
    try:
        found: flips.Flips = loaders.remembered(
            "flips", card, cutout, (), lambda: flips.measure(loaders.model(card), card, cutout)
        )
    except ExplorerError as error:
        return f"When it would change its mind: off. {error}"
    return f"When it would change its mind: {' '.join(found.sentences)}"


def _strong(line: str) -> str:
    """A sentence whose first words, up to the colon, stand out."""
    head, colon, rest = line.partition(":")
    return f"**{plain(head)}**: {plain(rest)}" if colon else plain(line)


def _neighbours(found: Unlike) -> None:
    rows = [
        {
            "Label": one.label,
            "Distance": one.distance,
            "RA": None if math.isnan(one.ra) else one.ra,
            "Dec": None if math.isnan(one.dec) else one.dec,
            "Name": one.name,
        }
        for one in found.neighbours
    ]
    degrees = st.column_config.NumberColumn(format="%.5f°")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"Distance": st.column_config.NumberColumn(format="%.3f"), "RA": degrees, "Dec": degrees},
        alt="The five training cutouts that are nearest in the model's features",
    )
    st.caption("Distance between features on the unit sphere, 0 to 2. Alike to the model, not necessarily to the eye.")
