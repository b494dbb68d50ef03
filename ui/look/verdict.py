"""What a checkpoint says of a cutout and whether it may be asked: headline, bars, validity with its reasons."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from vlass_explorer.figures.prediction import bars
from vlass_explorer.schema import CheckpointError, ExplorerError, Prediction, Validity

from ..text import plain

LEVELS: dict[str, tuple[str, Literal["green", "orange", "gray"], str]] = {  # validity: badge text, colour, icon
    "ok": ("Valid input", "green", ":material/check:"),
    "caution": ("Caution", "orange", ":material/priority_high:"),
    "outside": ("Outside", "gray", ":material/block:"),
}


def draw(prediction: Prediction, checkpoint: str) -> None:
    """Draw the prediction; where the validity is outside, the headline says so and the bars are grey."""
    score = float(prediction.probabilities.max())
    highest = "no valid input" if prediction.validity.level == "outside" else f"highest: {prediction.label} {score:.2f}"
    with st.container(gap="xxsmall"):
        if prediction.validity.level == "outside":
            st.subheader(f"Not a valid input for {plain(checkpoint)}", anchor=False)
            st.caption("Its scores are drawn grey and mean nothing here.")
        else:
            st.subheader(plain(prediction.label), anchor=False)
            st.caption(f"softmax score {score:.2f} from {plain(checkpoint)}")
    st.plotly_chart(
        bars(prediction),
        key="bars",
        config={"displayModeBar": False},
        alt=f"Softmax scores, {highest}",
    )


def draw_small(prediction: Prediction, target: str, against: str | None, *, key: str) -> None:
    """Draw a prediction beside others: badge, label and bars, and what is explained where that is another label."""
    text, colour, icon = LEVELS[prediction.validity.level]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if prediction.validity.level == "outside":
            st.markdown("**Not a valid input**")
        else:
            st.markdown(f"**{plain(prediction.label)}** {float(prediction.probabilities.max()):.2f}")
        st.badge(text, color=colour, icon=icon, help=plain(" ".join(prediction.validity.reasons)) or None)
    if target != prediction.label or against is not None:
        st.caption(f"Explained: {plain(target if against is None else f'{target} rather than {against}')}")
    highest = "no valid input" if prediction.validity.level == "outside" else f"highest: {prediction.label}"
    st.plotly_chart(bars(prediction), key=key, config={"displayModeBar": False}, alt=f"Softmax scores, {highest}")


def refused(reason: ExplorerError, checkpoint: str) -> None:
    """Draw why the checkpoint's preprocessing does not take this file, or what is wrong with the checkpoint itself."""
    st.subheader("No prediction", anchor=False)
    if isinstance(reason, CheckpointError):
        st.error(f"{plain(checkpoint)} cannot be asked. {plain(reason)}")
    else:
        st.caption(f"{plain(checkpoint)} cannot be asked about this file. {plain(reason)}")


def validity(verdict: Validity) -> None:
    """Draw the badge and one line a reason."""
    text, colour, icon = LEVELS[verdict.level]
    st.badge(text, color=colour, icon=icon)
    if verdict.reasons:
        st.caption("\n".join(f"- {plain(reason)}" for reason in verdict.reasons))
    else:
        st.caption("Like the data that this checkpoint was trained on, as far as the file tells.")
