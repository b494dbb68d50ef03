"""Choose methods, the label that is explained and the options of each method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from vlass_explorer import explainers
from vlass_explorer.schema import Checkpoint, Prediction

from .. import controls, loaders
from ..text import WITHHELD, plain
from . import links

FIRST = ("attention_rollout", "grad_cam", "integrated_gradients")
"""Methods that a new session starts with, as far as the checkpoint supports them."""
ALONE = "any other"


def title(method: str) -> str:
    """Name of a method on the page."""
    return str(explainers.EXPLAINERS[method].TITLE)


def of_the_sky() -> list[str]:
    """Names of the methods whose maps lie on the cutout, the well-known ones first."""
    names = explainers.of_the_sky()
    return [name for name in FIRST if name in names] + [name for name in names if name not in FIRST]


def supported(card: Checkpoint) -> dict[str, str]:
    """Every method with the reason why it does not apply to this checkpoint, empty where it does."""
    answers = {name: loaders.supports(card, name) for name in explainers.of_the_sky()}
    return {name: "" if applies else reason for name, (applies, reason) in answers.items()}


def choose_many(card: Checkpoint, key: str, most: int) -> list[str]:
    """Draw the choice of several methods that this checkpoint supports; a link's ``method`` starts it."""
    reasons = supported(card)
    possible = [name for name, reason in reasons.items() if not reason]
    links.follow(key, "method", possible, "method", many=True)
    wanted = st.session_state.get(key, [name for name in FIRST if name in possible][:2])
    st.session_state[key] = [name for name in wanted if name in possible][:most]
    chosen: list[str] = st.multiselect(
        "Methods",
        possible,
        key=key,
        format_func=title,
        max_selections=most,
        persist_state="session",
        placeholder="Choose methods",
        help=f"Up to {most}, side by side.",
    )
    links.keep("method", chosen)
    return chosen


def choose_one(cards: Sequence[Checkpoint], key: str) -> str:
    """Draw the choice of one method of the shelf, those first that all of these checkpoints support."""
    names = of_the_sky()
    short = {name: sum(bool(supported(card)[name]) for card in cards) for name in names}
    # Where a transformer stands beside another kind: on its tokens Grad-CAM is often zero everywhere.
    is_mixed = 0 < short[FIRST[0]] < len(cards)
    names.sort(key=lambda name: (short[name], is_mixed and name == "grad_cam"))
    links.follow(key, "method", names, "method")
    chosen = st.selectbox("Method", names, key=key, format_func=title, persist_state="session", width=210)
    links.keep("method", [chosen])
    return chosen


def draw_unsupported(card: Checkpoint) -> None:
    """Draw, folded, the methods that do not apply to this checkpoint, each with its reason."""
    reasons = {title(name): reason for name, reason in supported(card).items() if reason}
    if reasons:
        with st.expander(f"Not for {plain(card.name)}: {len(reasons)} {'method' if len(reasons) == 1 else 'methods'}"):
            st.caption("\n".join(f"- {plain(name)}: {plain(reason)}" for name, reason in reasons.items()))


def choose_labels(card: Checkpoint, prediction: Prediction, key: str) -> tuple[str | None, str | None]:
    """Draw the label that is explained (the predicted one first) and the one it is compared with, or None.

    Where the label is withheld none is chosen for the user: both are None until he does, and ``WITHHELD`` is drawn.
    """
    is_withheld = prediction.validity.level == "outside"  # then in the card's order, and none is called predicted
    ranks = range(len(card.label_names)) if is_withheld else np.argsort(prediction.probabilities)[::-1]
    order = [card.label_names[i] for i in ranks]
    tag = f"{key}_{card.name}_{'' if is_withheld else order[0]}"  # another prediction starts anew
    links.follow(f"{tag}_label", "label", order, "label")
    target = st.selectbox(
        "Explained label",
        order,
        None if is_withheld else 0,
        placeholder="none",
        key=f"{tag}_label",
        width=180,
        format_func=lambda name: f"{name} (predicted)" if name == order[0] and not is_withheld else name,
    )
    if target is None:
        links.keep("label", [])
        links.keep("against", [])
        st.info(WITHHELD, icon=":material/block:")
        return None, None
    others = [ALONE, *(name for name in order if name != target)]
    links.follow(f"{tag}_against_{target}", "against", others[1:], "label")
    against = st.selectbox(
        "Rather than",
        others,
        key=f"{tag}_against_{target}",
        width=180,
        format_func=lambda name: (
            f"{name} (runner-up)" if name == order[1] and target == order[0] and not is_withheld else name
        ),
        help="Explains the difference of two logits: what speaks for one label and not for the other. Attention is "
        "the same for every label.",
    )
    compared = None if against == ALONE else against
    links.keep("label", [target] if is_withheld or target != order[0] else [])
    links.keep("against", [compared] if compared else [])
    return target, compared


def first_label(card: Checkpoint, prediction: Prediction) -> int | None:
    """Index of the label that is explained first: the predicted one, None where labels are withheld."""
    return None if prediction.validity.level == "outside" else card.label_names.index(prediction.label)


def draw_options(methods: Sequence[str], key: str) -> dict[str, dict[str, Any]]:
    """Draw, folded, what each method is and its options; return the options by method."""
    chosen: dict[str, dict[str, Any]] = {}
    with st.expander("What the methods do, and their options"), st.grid(3, min_column_width=250, gap="medium") as grid:
        for method in methods:
            with grid.cell():
                st.markdown(f"**{plain(title(method))}**")
                about = (explainers.EXPLAINERS[method].__doc__ or "").strip()
                st.caption(plain(about))
                chosen[method] = controls.options(explainers.options(method), f"{key}_{method}")
    return chosen
