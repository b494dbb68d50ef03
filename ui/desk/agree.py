"""How far the labellers of a set agree, and where they do not."""

from __future__ import annotations

from itertools import combinations

import pandas as pd
import streamlit as st

from vlass_explorer.desk import agreement
from vlass_explorer.desk.agreement import Kappa

from ..text import plain
from .deck import Deck

MOST = 12
"""Labellers that are compared with each other, those of most labels."""


def draw(deck: Deck) -> None:
    """Draw who labelled how many, kappa of each two and of all, and the cutouts on which they differ."""
    given = deck.labels.given
    if not given:
        st.caption("Nobody has labelled anything in this set yet.")
        return
    who = sorted(deck.labels.labellers, key=lambda by: -deck.labels.count(by))
    counts = [
        {"Labeller": by, "Cutouts": len(own), "Blind": sum(one.blind for one in own)}
        | {"Unsure": sum(one.kind == "unsure" for one in own), "Artefacts": sum(one.kind == "artefact" for one in own)}
        for by in who
        for own in [[one for one in given if one.by == by]]
    ]
    st.dataframe(pd.DataFrame(counts), hide_index=True, width=620, alt="Labels of each labeller")
    if len(who) < 2:
        st.caption(
            "Agreement is measured once a second labeller, by another name, has labelled some of the same cutouts."
        )
        return
    rows = [
        {"Labellers": f"{one}, {other}", **_row(agreement.between(given, [one, other]))}
        for one, other in combinations(who[:MOST], 2)
    ]
    if len(who) > 2:
        rows.append({"Labellers": f"all {min(len(who), MOST)} (Fleiss)", **_row(agreement.between(given, who[:MOST]))})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width=820,
        column_config={
            "Kappa": st.column_config.NumberColumn(format="%.2f"),
            "Same": st.column_config.NumberColumn(format="percent"),
        },
        placeholder="–",
        alt="Agreement of labellers",
    )
    st.caption(
        "Cohen's kappa of two labellers, Fleiss' of more, on the cutouts that all of them labelled: 1 complete, 0 as "
        "by chance. An artefact counts as a class; cutouts of which one of them was unsure are left out."
    )
    told: dict[str, dict[str, str]] = {}
    for one in given:
        told.setdefault(one.cutout, {})[one.by] = one.word
    names = {piece.key: deck.name(piece) for piece in deck.pieces}
    differ = [(cutout, words) for cutout, words in told.items() if len(set(words.values())) > 1]
    st.markdown(f"**{len(differ):,} cutouts on which they differ**")
    if differ:
        table = [{"Cutout": names.get(cutout, "not on this desk"), **words} for cutout, words in differ]
        st.dataframe(pd.DataFrame(table), hide_index=True, placeholder="–", alt="Cutouts on which labellers differ")


def _row(found: Kappa) -> dict[str, object]:
    known = found.low is not None and found.high is not None
    return {
        "Kappa": found.value,
        "95 %": plain_interval(found.low, found.high) if known else None,
        "Same": None if found.count == 0 else found.observed,
        "Cutouts": found.count,
        "Unsure, left out": found.left_out,
    }


def plain_interval(low: float | None, high: float | None) -> str:
    """An interval as text."""
    return plain(f"{low:.2f} to {high:.2f}").replace("\\", "")
