"""The left side of every page: drop files, choose a cutout and a checkpoint. Both stay chosen across pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from vlass_explorer import checkpoints
from vlass_explorer.checkpoints import words
from vlass_explorer.cutouts import FORMATS
from vlass_explorer.schema import Checkpoint, Cutout, CutoutError, ExplorerError, Prediction, Window

from . import boundary, loaders, settings, state
from .text import plain, shortened


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
    """Room for a page and what is chosen; in a narrow window the pickers stand on top and the rest below."""
    top, page, foot = (st.container() for _ in range(3))
    return page, draw(top, foot) if screen.narrow else draw()


def draw(top: DeltaGenerator | None = None, foot: DeltaGenerator | None = None, *, steps: bool = True) -> Choice:
    """Draw the pickers and return what is chosen; call it once, first, on every page.

    Into the sidebar, or the drop zone and the pickers side by side into ``top`` and the rest into ``foot``.
    Understands the deep link ``?checkpoint=NAME&example=FILE`` and keeps it up to date.
    """
    cards = loaders.cards()
    _follow_link(cards)
    with top or st.sidebar:
        drop, pick = st.columns(2) if top else (st.container(), st.container())
    with drop:
        _drop_zone()
    files = state.entries()
    entry = state.chosen_entry()
    with pick:
        if entry is not None:
            st.session_state["cutout"] = entry.key
            st.selectbox(
                "Cutout", list(files), key="cutout", format_func=lambda key: _label(files[key]), persist_state="session"
            )
            if steps:  # with the keys J and K, which a page may want for itself
                _steps(list(files), entry.key)
        card = state.chosen_checkpoint(cards)
        if card is None:
            st.info("No checkpoint yet: train one on the Train page, or put a folder into checkpoints/.")
        else:
            st.session_state["checkpoint"] = card.name
            st.selectbox("Checkpoint", [c.name for c in cards], key="checkpoint", persist_state="session")
    with foot or st.sidebar:
        if card is not None:
            _card(card)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if card is not None and st.button(
                "Model card", key="model_card", icon=":material/description:", type="tertiary"
            ):
                _whole(card)
            _link(entry)
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


def _steps(keys: list[str], now: str) -> None:
    """Draw the ways to the cutouts before and after this one in the list."""
    at = keys.index(now)
    with st.container(horizontal=True, gap="xsmall"):
        for label, icon, step, key in (
            ("Previous", ":material/chevron_left:", -1, "k"),
            ("Next", ":material/chevron_right:", 1, "j"),
        ):
            there = min(max(at + step, 0), len(keys) - 1)
            st.button(
                label,
                icon=icon,
                key=f"cutout_{key}",
                type="tertiary",
                shortcut=key,
                disabled=there == at,
                on_click=state.choose,
                args=(keys[there],),
            )


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
    """Draw the drop zone, and first take what was dropped into it.

    Not in a callback: Streamlit takes one that another event cuts off as done, and the files would be lost.
    """
    turn = st.session_state.setdefault("upload_turn", 0)
    dropped = [each for each in st.session_state.get(f"upload_{turn}") or [] if isinstance(each, UploadedFile)]
    if dropped:
        _take(dropped)
        turn = st.session_state["upload_turn"] = turn + 1  # an empty drop zone
        state.keep()  # what is in view, too, before the page is drawn
    st.file_uploader(
        "Drop cutouts",
        accept_multiple_files=True,
        key=f"upload_{turn}",
        help=f"{FORMATS}, packed ones too. {_where_kept()}",
    )
    if left_out := st.session_state.pop("uploads_left_out", 0):
        st.caption(
            f"A browser session keeps {state.MOST_FILES} uploads and {state.MOST_BYTES >> 30} GiB: the oldest "
            f"{'one was' if left_out == 1 else f'{left_out} were'} forgotten."
        )
    if not_kept := st.session_state.pop("uploads_not_kept", 0):
        st.caption(f"{not_kept} of these files will be gone after a reload: the server keeps no more of them.")
    if uploads := st.session_state.get("uploads"):
        word = "file" if len(uploads) == 1 else "files"
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


def _link(entry: state.Entry | None) -> None:
    """Offer an address that opens this page as it is, with those of the own files that are chosen to go along."""
    with st.popover("Link to this view", icon=":material/link:", type="tertiary"):
        mine = [each for each in state.entries().values() if each.kind == "upload"]
        which = {"No file": [], "This file": [entry] if entry in mine else [], f"All {len(mine)} files": mine}
        st.caption("Opens this page, checkpoint, source and view for who reaches this server. Nothing else of yours.")
        names = [name for name, files in which.items() if files or name == "No file"]
        chosen = st.segmented_control("In the link", names, default=names[min(1, len(names) - 1)], required=True)
        if entry is not None and entry.kind == "data set":
            st.caption("This cutout belongs to a data set and is not in the link.")
        st.button("Make the link", key="link_make", on_click=_make_link, args=(which[chosen or names[0]],))
        word, address = st.session_state.get(MADE) or (None, "")
        if address:
            st.code(f"{(st.context.url or '').split('?')[0]}{address}", language=None, wrap_lines=True)
        if word is not None and (store := settings.sessions()) is not None:
            st.caption(f"As it was when you made it; kept for {store.bounds.days:g} days from its last use.")
            st.button("Withdraw", key="link_withdraw", type="tertiary", on_click=_withdraw, args=(word,))


MADE = "link_made"
"""Session key: the word of the link that was made last, None where nothing had to be kept for it, and its address."""


def _make_link(files: list[state.Entry]) -> None:
    word = state.share(files)
    kept = {key: st.query_params.get_all(key) for key in st.query_params if word is None or key in ("run", "method")}
    address = urlencode({**kept, **({state.LINK: word} if word else {})}, doseq=True)
    st.session_state[MADE] = (word, f"?{address}")


def _withdraw(word: str) -> None:
    if (store := settings.sessions()) is not None:
        store.withdraw(word)
    st.session_state[MADE] = None


def _take(dropped: Sequence[UploadedFile]) -> None:
    """Move dropped files into the session and put the first readable one in view."""
    taken = state.add_uploads(dropped)
    readable = (entry for entry in taken if loaders.is_readable(entry))
    if (first := next(readable, taken[0] if taken else None)) is not None:
        state.choose(first.key)


def _label(entry: state.Entry) -> str:
    return f"{entry.label} (simulated example)" if entry.kind == "example" else shortened(entry.label, 42)


def _follow_link(cards: list[Checkpoint]) -> None:
    """Choose what the address names, once a session; an unknown name is said, with what is shown instead."""
    if st.session_state.setdefault("link_followed", False):
        return
    st.session_state["link_followed"] = True
    missing, known = [], {card.name for card in cards}
    if (kept := st.session_state.get("cutout")) is not None and kept not in state.entries():
        missing = [(f"{kept.partition(':')[2]} is not kept here any more", "file")]
    kept, name = st.session_state.get("checkpoint"), st.query_params.get("checkpoint")
    if kept is not None and kept not in known:
        missing.append((f"There is no checkpoint {kept} any more", "checkpoint"))
    if name is not None and name not in known:
        missing.append((f"There is no checkpoint {name}", "checkpoint"))
    for asked in (kept, name):  # the address has the last word
        if (found := checkpoints.SUCCESSORS.get(asked or "", asked)) in known:
            st.session_state["checkpoint"] = found
    if (name := st.query_params.get("example")) is not None:
        bundled = [entry for entry in state.entries().values() if entry.kind == "example"]
        if keys := [entry.key for entry in bundled if name in (entry.name, entry.name.split(".")[0])]:
            state.choose(keys[0])
        else:
            missing.append((f"There is no example {name}", "file"))
    entry, card = state.chosen_entry(), state.chosen_checkpoint(cards)
    shown = {"file": entry and entry.label, "checkpoint": card and card.name}
    for sentence, kind in missing:
        boundary.broken_link(f"{sentence}: {shown[kind] or 'nothing'} is shown instead.")


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
    """Draw the short card."""
    spec = card.input_spec
    size = f"input {spec.img_size} × {spec.img_size}"
    lines = [f"{plain(card.architecture)}, {words.count(card.parameters)} parameters, {size}"]
    does = "Labels pixels as" if card.task == "segmentation" else "Tells apart"
    lines.append(f"{does} {', '.join(plain(name) for name in card.label_names)}")
    lines.append(f"Trained on {plain(words.trained_on(card))}")
    if score := words.score(card.reports):
        lines.append(plain(score))
    if card.provenance.simulated:
        st.badge("Trained on simulated data", icon=":material/science:", color="orange")
    st.caption("  \n".join(lines))


@st.dialog("Model card", width="large")
@boundary.guarded()
def _whole(card: Checkpoint) -> None:
    st.markdown(checkpoints.model_card(card))
