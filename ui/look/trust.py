"""The trust panel of one map: measured, with progress, and said in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor, nn

from vlass_explorer import explainers, trust
from vlass_explorer.figures.trust import faithfulness_curves, randomisation_curve
from vlass_explorer.schema import Cutout, Explanation, ExplorerError, FloatArray

from .. import loaders, slow
from ..text import plain
from .maps import Ask

Found = TypeVar("Found")
Work = Callable[[Cutout, Ask, Explanation], Found]
DELETION, TURNS, WEIGHTS = CHECKS = ("Deletion and insertion", "Flips and rotations", "Random weights")
CHART = {"displayModeBar": False}


def choose_checks() -> list[str]:
    """Draw the choice of what is measured on each map, in the row of the caller."""
    return st.pills(
        "Measured trust",
        CHECKS,
        selection_mode="multi",
        default=CHECKS[:1],
        key="trust_checks",
        persist_state="session",
        help="Flips and rotations take eight explanations a map, random weights nine: seconds for attention, a minute "
        "for methods of many steps.",
    )


def draw(cutout: Cutout, ask: Ask, explanation: Explanation, checks: Sequence[str], *, key: str) -> None:
    """Measure and draw what was chosen; share on emission and completeness are always said."""
    rows = st.empty()
    known: dict[str, str] = {}
    if (error := explanation.numbers.get("completeness_error")) is not None:
        known["Completeness error"] = f"{float(error):.1%}"
    known["On emission > 5σ"] = _emission(cutout, ask, explanation)
    _table(rows, known)
    try:
        if DELETION in checks and (faith := _measured(_faithfulness, cutout, ask, explanation, DELETION, key)):
            known["Gap to random maps"] = f"{faith.gap:+.2f}, {_chance(faith)}"
            _table(rows, known)
            st.plotly_chart(
                faithfulness_curves(faith, unit="softmax score" if ask.against is None else "logit difference"),
                key=f"{key}_faith",
                config=CHART,
                alt=f"Deletion and insertion curves, gap {faith.gap:.2f}",
            )
            st.caption(plain(faith.protocol))
        if TURNS in checks and ask.options.get("query") is not None:
            known["Turns with the sky"] = "off: the chosen patch stays where it is"
        elif TURNS in checks and (turns := _measured(_symmetry, cutout, ask, explanation, TURNS, key)):
            known["Turns with the sky"] = f"correlation {turns.mean:.2f} over {len(turns.correlations)} turns"
        _table(rows, known)
        if WEIGHTS in checks and (random := _measured(_randomisation, cutout, ask, explanation, WEIGHTS, key)):
            st.plotly_chart(
                randomisation_curve(random),
                key=f"{key}_random",
                config=CHART,
                alt=f"Similarity under random weights, at the end {random.last:.2f}",
            )
            st.caption(
                f"Similarity to the map of a random model: {random.last:.2f}. Near 0, the map shows the weights."
            )
    except ExplorerError as error:
        st.info(plain(error))


def _measured(
    work: Work[Found], cutout: Cutout, ask: Ask, explanation: Explanation, kind: str, key: str
) -> Found | None:
    """One measure with its progress, done once; None where it was stopped."""
    return slow.run(
        st.empty(),
        f"{key}_{kind}_{ask.name}",
        kind,
        lambda: loaders.remembered(kind, ask.card, cutout, ask.key, lambda: work(cutout, ask, explanation)),
    )


def _table(place: DeltaGenerator, rows: dict[str, str]) -> None:
    table = pd.DataFrame({"": [plain(text) for text in rows.values()]}, index=list(rows))
    place.table(table, border="horizontal", hide_header=True, alt="Measured trust of this map")


def _chance(faith: trust.Faithfulness) -> str:
    """Is insertion minus deletion above that of every random map."""
    random = [i - d for i, d in zip(faith.random_insertion_aucs, faith.random_deletion_aucs, strict=True)]
    above = faith.insertion_auc - faith.deletion_auc > max(random)
    return "better than chance" if above else "not better than chance"


def _emission(cutout: Cutout, ask: Ask, explanation: Explanation) -> str:
    mask = trust.emission_mask(cutout, ask.card.input_spec)
    if mask is None:
        return "the noise of this file is unknown"
    share, flat = trust.emission_share(explanation.maps[0], mask)
    if not mask.any():
        return "no emission above 5σ here"
    return "undefined" if math.isnan(share) else f"{share:.0%} (a flat map: {flat:.0%})"


def _faithfulness(cutout: Cutout, ask: Ask, explanation: Explanation) -> trust.Faithfulness:
    _, target, _, against = ask.key
    return trust.faithfulness(
        loaders.asked_model(ask.card, against),
        loaders.tensor(ask.card, cutout),
        target,
        explanation.maps[0],
        score="softmax" if against is None else "logit",
    )


def _symmetry(cutout: Cutout, ask: Ask, explanation: Explanation) -> trust.Symmetry:
    model = loaders.asked_model(ask.card, ask.key[3])
    return trust.symmetry(lambda x: _map(ask, model, x), loaders.tensor(ask.card, cutout))


def _randomisation(cutout: Cutout, ask: Ask, explanation: Explanation) -> trust.Randomisation:
    x = loaders.tensor(ask.card, cutout)
    return trust.randomisation(loaders.asked_model(ask.card, ask.key[3]), lambda model: _map(ask, model, x))


def _map(ask: Ask, model: nn.Module, x: Tensor) -> FloatArray:
    """First map (gy, gx) of an explanation of another model or image."""
    found: Explanation = explainers.EXPLAINERS[ask.method].explain(model, x, ask.key[1], **ask.options)
    return found.maps[0]
