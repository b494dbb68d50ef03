"""The left side of every page: drop files, choose a cutout and a checkpoint. Both stay chosen across pages."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import checkpoints
from vlass_explorer.checkpoints import words
from vlass_explorer.cutouts import FORMATS
from vlass_explorer.schema import Checkpoint, Cutout, CutoutError, ExplorerError, Prediction, Window

from . import boundary, loaders, settings, state
from .text import plain


@dataclass(frozen=True)
class Choice:
    """What a page is about; ``cutout`` and ``problem`` exclude each other."""

    entry: state.Entry | None
    cutout: Cutout | None
    problem: CutoutError | None
    """Why the chosen file cannot be read; show it through ``text.plain``."""
    card: Checkpoint | None
    place: DeltaGenerator
    """Room below the pickers for what belongs to the page."""


@dataclass(frozen=True)
class Subject:
    """One cutout through one checkpoint."""

    label: str
    """Name of the file on the page; user text, so show it through ``text.plain``."""
    cutout: Cutout
    card: Checkpoint
    prediction: Prediction
    window: Window
    """Part of the cutout that the model saw."""


def beside(screen: boundary.Viewport) -> tuple[DeltaGenerator, Choice]:
    """Room for a page and what is chosen; in a narrow window the pickers stand below the page, as on Explore."""
    if screen.narrow:
        st.set_page_config(initial_sidebar_state="collapsed")
    page, foot = st.container(), st.container()
    return page, draw(foot if screen.narrow else st.sidebar)


def draw(place: DeltaGenerator | None = None) -> Choice:
    """Draw the pickers into the sidebar (or ``place``) and return what is chosen; call it once, first, on every page.

    Understands the deep link ``?checkpoint=NAME&example=FILE`` and keeps it up to date.
    """
    cards = loaders.cards()
    _follow_link(cards)
    with place or st.sidebar:
        _drop_zone()
        files = state.entries()
        entry = state.chosen_entry()
        if entry is not None:
            st.session_state["cutout"] = entry.key
            st.selectbox(
                "Cutout", list(files), key="cutout", format_func=lambda key: _label(files[key]), persist_state="session"
            )
        card = state.chosen_checkpoint(cards)
        if card is None:
            st.info("No checkpoint yet: train one on the Train page, or put a folder into checkpoints/.")
        else:
            st.session_state["checkpoint"] = card.name
            st.selectbox("Checkpoint", [c.name for c in cards], key="checkpoint", persist_state="session")
            _card(card)
        rest = st.container()
    entry, card = state.chosen_entry(), state.chosen_checkpoint(cards)
    _keep_link(entry, card)
    cutout, problem = None, None
    if entry is not None:
        try:
            cutout = loaders.cutout(entry, state.reading(entry))
        except CutoutError as error:
            problem = error
    return Choice(entry, cutout, problem, card, rest)


def subject(choice: Choice) -> Subject | None:
    """The chosen cutout through the chosen checkpoint; where that is not possible the reason is drawn."""
    if choice.entry is None or choice.card is None:
        st.info("Choose a cutout and a checkpoint on the left.")
        return None
    if choice.cutout is None:
        st.error(f"{plain(choice.entry.label)}: {plain(choice.problem)}")
        return None
    try:
        prediction = loaders.prediction(choice.card, choice.cutout)
        _, window = loaders.seen(choice.card, choice.cutout)
    except ExplorerError as error:
        st.warning(plain(error))
        return None
    return Subject(choice.entry.label, choice.cutout, choice.card, prediction, window)


def sentence(about: Subject) -> str:
    """File, checkpoint and prediction as Markdown on one line."""
    score = float(about.prediction.probabilities.max())
    through = f"{plain(about.label)} through {plain(about.card.name)}"
    if about.prediction.validity.level == "outside":
        return f"{through}: no label, this is outside what the checkpoint is for."
    doubt = ", with caution" if about.prediction.validity.level == "caution" else ""
    return f"{through}: {plain(about.prediction.label)}, softmax score {score:.2f}{doubt}."


def _drop_zone() -> None:
    turn = st.session_state.setdefault("upload_turn", 0)
    key = f"upload_{turn}"
    st.file_uploader(
        "Drop cutouts",
        accept_multiple_files=True,
        key=key,
        on_change=boundary.reported(_take),
        args=(key,),
        help=f"{FORMATS}, packed ones too. {_where_kept()}",
    )
    if left_out := st.session_state.pop("uploads_left_out", 0):
        st.caption(
            f"A browser session keeps {state.MOST_FILES} uploads and {state.MOST_BYTES >> 30} GiB: the oldest "
            f"{'one was' if left_out == 1 else f'{left_out} were'} forgotten."
        )
    if not_kept := st.session_state.pop("uploads_not_kept", 0):
        st.caption(f"{not_kept} of these files will be gone after a reload: more than is kept for one browser.")
    if uploads := st.session_state.get("uploads"):
        word = "file" if len(uploads) == 1 else "files"
        _link()
        st.button(
            f"Forget {len(uploads)} uploaded {word}",
            type="tertiary",
            icon=":material/close:",
            on_click=state.forget_uploads,
            key="forget",
        )


def _where_kept() -> str:
    store = settings.sessions()
    if store is None:
        return "They stay until the page is reloaded."
    return f"They are kept on the server for this browser, {store.bounds.days:g} days from the last visit."


def _link() -> None:
    """Offer the address that brings uploads and choices back elsewhere."""
    word = st.session_state.get(state.SESSION)
    if word is None:
        return
    with st.popover("Link to these files", icon=":material/link:", type="tertiary"):
        st.caption("Opens a copy of these files and choices in another browser. Whoever has it can see the files.")
        st.code(f"{(st.context.url or '').split('?')[0]}?session={word}", language=None, wrap_lines=True)


def _take(key: str) -> None:
    """Move dropped files into the session, put the first readable one in view, and empty the drop zone."""
    dropped = state.add_uploads(st.session_state.get(key) or [])
    readable = (entry for entry in dropped if loaders.is_readable(entry))
    if (first := next(readable, dropped[0] if dropped else None)) is not None:
        state.choose(first.key)
    st.session_state["upload_turn"] += 1


def _label(entry: state.Entry) -> str:
    return f"{entry.label} (simulated example)" if entry.kind == "example" else entry.label


def _follow_link(cards: list[Checkpoint]) -> None:
    """Choose what the address names, once a session; an unknown name is said, not obeyed."""
    if st.session_state.setdefault("link_followed", False):
        return
    st.session_state["link_followed"] = True
    if (name := st.query_params.get("checkpoint")) is not None:
        if name in {card.name for card in cards}:
            st.session_state["checkpoint"] = name
        else:
            st.toast(f"There is no checkpoint {plain(name)}.", icon=":material/link_off:")
    if (name := st.query_params.get("example")) is not None:
        keys = [
            key
            for key, entry in state.entries().items()
            if entry.kind == "example" and name in (entry.name, entry.name.split(".")[0])
        ]
        if keys:
            state.choose(keys[0])
        else:
            st.toast(f"There is no example {plain(name)}.", icon=":material/link_off:")


def _keep_link(entry: state.Entry | None, card: Checkpoint | None) -> None:
    wanted = {
        "checkpoint": card.name if card else None,
        "example": entry.name if entry and entry.kind == "example" else None,
    }
    for key, value in wanted.items():
        if value is None:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value


def _card(card: Checkpoint) -> None:
    """Draw the short card, with the whole model card behind a button."""
    spec = card.input_spec
    lines = [f"{plain(card.architecture)}, {words.count(card.parameters)} parameters"]
    lines.append(f"Tells apart {', '.join(plain(name) for name in card.label_names)}")
    lines.append(f"Trained on {plain(words.trained_on(card))}")
    if score := words.score(card.reports):
        lines.append(plain(score))
    if card.provenance.simulated:
        st.badge("Trained on simulated data", icon=":material/science:", color="orange")
    st.caption("  \n".join(lines))
    size = f"{spec.img_size} × {spec.img_size}"
    if st.button("Model card", key="model_card", icon=":material/description:", type="tertiary", help=f"Input {size}"):
        _whole(card)


@st.dialog("Model card", width="large")
@boundary.guarded()
def _whole(card: Checkpoint) -> None:
    st.markdown(checkpoints.model_card(card))
