"""The trust panel of one map: measured, with progress, and said in words."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor, nn

from vlass_explorer import explainers, trust
from vlass_explorer.figures.trust import faithfulness_curves, randomisation_curve
from vlass_explorer.schema import Cutout, Explanation, ExplorerError, FloatArray

from . import loaders, slow
from .maps import Ask
from .text import plain

CHART = {"displayModeBar": False}


def draw(cutout: Cutout, ask: Ask, explanation: Explanation, *, key: str) -> None:
    """Measure and draw: deletion and insertion, emission, symmetry, completeness; randomised weights on request."""
    rows = st.empty()
    known: dict[str, str] = {}
    if (error := explanation.numbers.get("completeness_error")) is not None:
        known["Completeness error"] = f"{float(error):.1%}"
    known["On emission > 5σ"] = _emission(cutout, ask, explanation)
    _table(rows, known)
    try:
        faith = slow.run(
            st.empty(), f"{key}_faith_{ask.name}", "Deletion and insertion",
            lambda: loaders.remembered(
                "faithfulness", ask.card, cutout, ask.key, lambda: _faithfulness(cutout, ask, explanation)
            ),
        )  # fmt: skip
        if faith is not None:
            _table(rows, {"Gap to random maps": f"{faith.gap:+.2f}, {_chance(faith)}"} | known)
            st.plotly_chart(
                faithfulness_curves(faith, unit="softmax score" if ask.against is None else "logit difference"),
                key=f"{key}_faith", config=CHART, alt=f"Deletion and insertion curves, gap {faith.gap:.2f}",
            )  # fmt: skip
            st.caption(plain(faith.protocol))
            known = {"Gap to random maps": f"{faith.gap:+.2f}, {_chance(faith)}"} | known
        known["Turns with the sky"] = _symmetry(cutout, ask, key)
        _table(rows, known)
        _randomisation(cutout, ask, key)
    except ExplorerError as error:
        st.info(plain(error))


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
        loaders.asked_model(ask.card, against), loaders.tensor(ask.card, cutout), target, explanation.maps[0],
        score="softmax" if against is None else "logit",
    )  # fmt: skip


def _symmetry(cutout: Cutout, ask: Ask, key: str) -> str:
    if ask.options.get("query") is not None:
        return "off: the chosen patch stays where it is"

    def work() -> trust.Symmetry:
        return trust.symmetry(partial(_map, ask, _model(ask)), loaders.tensor(ask.card, cutout))

    found = slow.run(
        st.empty(), f"{key}_turns_{ask.name}", "Eight flips and rotations",
        lambda: loaders.remembered("symmetry", ask.card, cutout, ask.key, work),
    )  # fmt: skip
    return "stopped" if found is None else f"correlation {found.mean:.2f} over {len(found.correlations)} turns"


def _randomisation(cutout: Cutout, ask: Ask, key: str) -> None:
    wanted: set[str] = st.session_state.setdefault("randomise", set())
    name = f"{key}_random_{ask.name}"
    if name not in wanted:
        st.button(
            "Randomise the weights", key=name, icon=":material/shuffle:", on_click=wanted.add, args=(name,),
            type="tertiary", help="Explains copies of the model whose layers become random from the top: a map that "
            "hardly changes does not show what was learned. As many explanations as there are points.",
        )  # fmt: skip
        return
    x = loaders.tensor(ask.card, cutout)
    found = slow.run(
        st.empty(), name, "Randomised weights",
        lambda: loaders.remembered(
            "randomisation", ask.card, cutout, ask.key,
            lambda: trust.randomisation(_model(ask), lambda model: _map(ask, model, x)),
        ),
    )  # fmt: skip
    if found is not None:
        st.plotly_chart(
            randomisation_curve(found), key=f"{key}_random", config=CHART,
            alt=f"Similarity under random weights, at the end {found.last:.2f}",
        )  # fmt: skip
        st.caption(f"Similarity to the map of a random model: {found.last:.2f}. Towards 0, the map shows the weights.")


def _model(ask: Ask) -> nn.Module:
    return loaders.asked_model(ask.card, ask.key[3])


def _map(ask: Ask, model: nn.Module, x: Tensor) -> FloatArray:
    """First map (gy, gx) of an explanation of another model or image."""
    found: Explanation = explainers.EXPLAINERS[ask.method].explain(model, x, ask.key[1], **ask.options)
    return found.maps[0]
