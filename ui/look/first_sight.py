"""What a newcomer reads first: the name, what the page does, and what its models are valid for."""

from __future__ import annotations

import streamlit as st

from vlass_explorer import validity
from vlass_explorer.checkpoints import words

from .. import loaders
from ..text import plain


def draw() -> None:
    """Draw name and one sentence, and below it the skies that the checkpoints were trained on."""
    with st.container(gap="xxsmall", key="first_sight"):
        st.markdown(
            "**VLASS Explorer** shows what a trained vision model says of a radio cutout, where it looked, and "
            "whether it may be asked at all."
        )
        if skies := _skies():
            st.caption(
                f"The models here are valid for {' and '.join(skies)}. Anything else is marked “caution” or "
                "“outside”, with the reason."
            )


def _skies() -> list[str]:
    """Each kind of training data once, those of most checkpoints first."""
    counts: dict[str, int] = {}
    for card in loaders.cards():
        spec = card.input_spec
        survey = validity.plain_survey(spec.survey) if spec.survey else ""
        simulated = "simulated " if spec.simulated or (spec.survey and survey != spec.survey) else ""
        sky = words.trained_on(card).replace(spec.survey, survey) if spec.survey else words.trained_on(card)
        counts[plain(simulated + sky)] = counts.get(plain(simulated + sky), 0) + 1
    return sorted(counts, key=lambda sky: -counts[sky])[:3]
