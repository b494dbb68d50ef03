"""Calibrate the chosen checkpoint on labelled cutouts it has not seen, and see what that reached on others of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import calibration
from vlass_explorer.calibration import Calibration, View
from vlass_explorer.evaluation import parts
from vlass_explorer.schema import Checkpoint, Cutouts, ExplorerError, Seen

from .. import settings, slow
from ..text import plain


@dataclass(frozen=True, eq=False)
class Fitted:
    """A calibration that is not kept yet, and the cutouts that it was fitted to."""

    calibration: Calibration
    cutouts: Cutouts


def draw(card: Checkpoint, may_change: bool) -> None:
    """Draw what is kept with the checkpoint, and the form that calibrates it anew."""
    try:
        known = calibration.read(card)
    except ExplorerError as error:
        st.warning(plain(error))
        known = ()
    if not known:
        st.caption("Nothing is fitted to its scores: they are softmax scores, no probabilities of being right.")
    for one in known:
        _figures(one)
    _others(card)
    if not may_change:
        st.caption("Checkpoints are not changed on this server: python -m train calibrate.")
        return
    place, wanted = st.empty(), _form(card)
    if wanted is None:
        return
    try:
        fitted = _fit(place, card, *wanted)
    except ExplorerError as error:
        place.error(plain(error))
        return
    if fitted is not None:
        calibration.keep(card, fitted.calibration, Seen(calibrated=fitted.cutouts))
        st.rerun()


def _form(card: Checkpoint) -> tuple[str, View, float] | None:
    """Folder, view and coverage, when the button was pressed."""
    with st.form(f"calibrate_{card.name}", width=880), st.container(horizontal=True, vertical_alignment="bottom"):
        roots = {str(path): path.name for path in settings.data_sets()}
        folder = st.selectbox(
            "Labelled cutouts",
            list(roots),
            format_func=lambda path: roots.get(path, path),
            key=f"calibrate_dir_{card.name}",
            accept_new_options=True,
            help="A folder below the data roots with classes of this checkpoint. What it was trained on or selected on "
            "is left out.",
        )
        matched = st.checkbox(
            "At the training data's beam", key=f"calibrate_match_{card.name}", disabled=card.input_spec.beam is None
        )
        coverage = st.slider("Coverage of sets", 0.5, 0.99, 0.9, 0.01, key=f"calibrate_coverage_{card.name}", width=180)
        st.form_submit_button(
            "Calibrate",
            icon=":material/balance:",
            on_click=st.session_state.update,
            args=({"calibrate": card.sha256},),
        )
    if st.session_state.pop("calibrate", None) != card.sha256:
        return None
    return folder or "", "matched" if matched else "as it is", coverage


def _fit(place: DeltaGenerator, card: Checkpoint, folder: str, view: View, coverage: float) -> Fitted | None:
    """The calibration, with its progress in ``place``; None where it was stopped."""
    config = parts.config_of(card, data_dir=str(settings.checked_data_dir(folder)), dataset="class_folders")
    part = parts.select(card, config, "all")
    key = f"calibrate_{card.name}"
    st.session_state.get("stopped", set()).discard(key)  # the button was pressed again

    def work() -> Fitted:
        answers, cutouts = calibration.held_out(card, part, view=view, leave_out=True)
        return Fitted(calibration.calibrate(answers, coverage=coverage), cutouts)

    return slow.run(place, key, "Calibrating", work)


def _others(card: Checkpoint) -> None:
    """How unlike the training data files of other kinds are, where that was measured."""
    if not card.reports.others:
        return
    rows = [
        {"Kind": row.kind, "Files": row.asked, "Refused": row.outside}
        | {
            name.capitalize(): f"{auroc:.2f} ({low:.2f} to {high:.2f})"
            for name, (auroc, low, high) in row.auroc.items()
        }
        for row in card.reports.others
    ]
    st.markdown("**Unlike the training data**: AUROC against held-out cutouts of the training set, with 95 % intervals")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width=880,
        placeholder="–",
        alt="How well features tell files of each kind from cutouts like those trained on",
    )
    st.caption(
        "0.5: the kind looks like the training data to this checkpoint; 1: every file is less alike. Refused files lie "
        "outside of what it takes; of less than five files no AUROC is told. Distance to the tenth neighbour, "
        "Mahalanobis distance, energy of the logits."
    )


def _figures(one: Calibration) -> None:
    """What was fitted, and what it reaches on cutouts not fitted to."""
    low, high = one.temperature.interval
    survey = f" {plain(one.survey)}" if one.survey else ""
    ways = {"as it is": "as they are", "matched": "at the training data's beam"}
    st.markdown(f"**On{survey} cutouts {ways[one.view]}**: {one.count:,} of {plain(one.data)}")
    with st.container(horizontal=True):
        st.metric(
            "Temperature", f"{one.temperature.temperature:.2f}", help=f"95 % of resamplings: {low:.2f} to {high:.2f}"
        )
        st.metric(
            "Calibration error",
            f"{one.after.equal_mass:.3f}",
            f"{one.after.equal_mass - one.before.equal_mass:+.3f}",
            delta_color="inverse",
            help=f"Of 15 bins of as many cutouts, on cutouts not fitted to; before {one.before.equal_mass:.3f}. Scores "
            f"without any error stay below {one.after.null:.3f} in 95 of 100 draws.",
        )
        st.metric("Brier score", f"{one.after.brier:.3f}", help=f"Before {one.before.brier:.3f}; lower is better")
    rows = []
    for name, held in one.shares.items():
        share = held.hits / held.count
        lowest, highest = calibration.wilson(share, held.count)
        rows.append(
            {"Cutouts of": name, "Number": held.count, "In their set": share, "95 %": f"{lowest:.2f} to {highest:.2f}"}
            | {"Classes a set": held.size}
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width=620,
        column_config={
            "In their set": st.column_config.NumberColumn(format="percent"),
            "Classes a set": st.column_config.NumberColumn(format="%.2f"),
        },
        alt="How often sets hold the class, by class, and by S/N and angular size where they are known",
    )
    st.caption(f"Sets of {one.sets.coverage:.0%}. {plain(one.how[0].upper() + one.how[1:])}.")
    for note in one.notes:
        st.caption(plain(note))
