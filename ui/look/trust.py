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
from .maps import Request

Result = TypeVar("Result")
Work = Callable[[Cutout, Request, Explanation], Result]
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


def draw(cutout: Cutout, request: Request, explanation: Explanation, checks: Sequence[str], *, key: str) -> None:
    """Measure and draw what was chosen; share on emission and completeness are always said."""
    rows = st.empty()
    known: dict[str, str] = {}
    if (error := explanation.numbers.get("completeness_error")) is not None:
        known["Completeness error"] = f"{float(error):.1%}"
    known["On emission > 5σ"] = _emission(cutout, request, explanation)
    _table(rows, known)
    try:
        if DELETION in checks and (faith := _measured(_faithfulness, cutout, request, explanation, DELETION, key)):
            known["Gap to random maps"] = f"{faith.gap:+.2f}, {_chance(faith)}"
            _table(rows, known)
            st.plotly_chart(
                faithfulness_curves(faith, unit="softmax score" if request.against is None else "logit difference"),
                key=f"{key}_faith",
                config=CHART,
                alt=f"Deletion and insertion curves, gap {faith.gap:.2f}",
            )
            st.caption(plain(faith.protocol))
        if TURNS in checks and request.options.get("query") is not None:
            known["Turns with the sky"] = "off: the chosen patch stays where it is"
        elif TURNS in checks and (turns := _measured(_symmetry, cutout, request, explanation, TURNS, key)):
            known["Turns with the sky"] = f"correlation {turns.mean:.2f} over {len(turns.correlations)} turns"
        _table(rows, known)
        if WEIGHTS in checks and (random := _measured(_randomisation, cutout, request, explanation, WEIGHTS, key)):
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
    work: Work[Result], cutout: Cutout, request: Request, explanation: Explanation, kind: str, key: str
) -> Result | None:
    """One measure with its progress, done once; None where it was stopped."""
    return slow.run(
        st.empty(),
        f"{key}_{kind}_{request.name}",
        kind,
        lambda: loaders.remembered(kind, request.card, cutout, request.key, lambda: work(cutout, request, explanation)),
    )


def _table(place: DeltaGenerator, rows: dict[str, str]) -> None:
    table = pd.DataFrame({"": [plain(text) for text in rows.values()]}, index=list(rows))
    place.table(table, border="horizontal", hide_header=True, alt="Measured trust of this map")


def _chance(faith: trust.Faithfulness) -> str:
    """Is insertion minus deletion above that of every random map."""
    random = [i - d for i, d in zip(faith.random_insertion_aucs, faith.random_deletion_aucs, strict=True)]
    above = faith.insertion_auc - faith.deletion_auc > max(random)
    return "better than chance" if above else "not better than chance"


def _emission(cutout: Cutout, request: Request, explanation: Explanation) -> str:
    mask = trust.emission_mask(cutout, request.card.input_spec)
    if mask is None:
        return "the noise of this file is unknown"
    share, flat = trust.emission_share(explanation.maps[0], mask)
    if not mask.any():
        return "no emission above 5σ here"
    return "undefined" if math.isnan(share) else f"{share:.0%} (a flat map: {flat:.0%})"


def _faithfulness(cutout: Cutout, request: Request, explanation: Explanation) -> trust.Faithfulness:
    _, target, _, against = request.key
    return trust.faithfulness(
        loaders.asked_model(request.card, against),
        loaders.tensor(request.card, cutout),
        target,
        explanation.maps[0],
        score="softmax" if against is None else "logit",
    )


def _symmetry(cutout: Cutout, request: Request, explanation: Explanation) -> trust.Symmetry:
    model = loaders.asked_model(request.card, request.key[3])
    x = loaders.tensor(request.card, cutout)
    each = _each(request)
    return trust.symmetry(
        lambda moved: _map(request, model, moved),
        x,
        known=explanation.maps[0],
        together=None if each is None else lambda images: each(model, images),
    )


def _randomisation(cutout: Cutout, request: Request, explanation: Explanation) -> trust.Randomisation:
    x = loaders.tensor(request.card, cutout)
    each = _each(request) if trust.images_a_pass(x) >= trust.POINTS else None
    return trust.randomisation(
        loaders.contrast_model(request.card, request.key[3]),
        lambda model: _map(request, model, x),
        known=explanation.maps[0],
        together=None if each is None else lambda model, count: each(model, x.repeat(count, 1, 1, 1)),
    )


def _each(request: Request) -> Callable[[nn.Module, Tensor], list[FloatArray]] | None:
    """First maps of several images in one pass, where the method has it."""
    made: Callable[..., list[Explanation]] | None = getattr(explainers.EXPLAINERS[request.method], "explain_each", None)
    if made is None:
        return None
    return lambda model, images: [one.maps[0] for one in made(model, images, request.key[1], **request.options)]


def _map(request: Request, model: nn.Module, x: Tensor) -> FloatArray:
    """First map (gy, gx) of an explanation of another model or image."""
    found: Explanation = explainers.EXPLAINERS[request.method].explain(model, x, request.key[1], **request.options)
    return found.maps[0]
