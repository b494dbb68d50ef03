"""Evaluate the chosen checkpoint on a data set: report, and the mistakes as pictures that open in Explore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import datasets
from vlass_explorer.datasets import splits
from vlass_explorer.evaluation import EvaluationResult, Part, evaluate, metrics, parts
from vlass_explorer.schema import Checkpoint, DatasetError, ExplorerError, ReportError, RunConfig

from .. import loaders, results, settings, slow, state
from ..text import plain

Answer = TypeVar("Answer")
SHOWN = 24
NAMES = {
    "held out": "Test, else validation",
    "validation": "Validation",
    "test": "Test",
    "train": "Training",
    "all": "All",
}


@dataclass(frozen=True, eq=False)
class Done:
    """An evaluation that the open page holds: of which part, from where, and what came out."""

    part: Part
    data_dir: str
    result: EvaluationResult


def draw(card: Checkpoint) -> None:
    """Draw the report on the card, the form that evaluates anew, and what that gave."""
    own = card.reports.table.get("validation")
    if isinstance(own, dict):
        st.subheader("On its card", anchor=False)
        try:
            report = metrics.read(own)
        except ReportError as error:
            st.warning(plain(error))
        else:
            results.report(report, f"card_{card.name}")
            results.report_downloads(report, f"{card.name} on validation", f"card_{card.name}")
    st.subheader("On a data set", anchor=False)
    done = asked(card, f"evaluation_{card.name}_{card.sha256}", _run)
    if done is not None:
        _draw(card, done)


def asked(
    card: Checkpoint, key: str, run: Callable[[DeltaGenerator, Checkpoint, RunConfig, str], Answer | None]
) -> Answer | None:
    """Draw the form, do what it asks for, and give the answer that the page holds under ``key``, if any."""
    wanted = form(card)
    place = st.empty()
    if wanted is not None:
        try:
            done = run(place, card, *wanted)
        except ExplorerError as error:  # said once; the figures of another evaluation would be taken for this one's
            st.session_state.pop(key, None)
            place.error(plain(error))
        else:
            if done is not None:
                st.session_state[key] = done
    held: Answer | None = st.session_state.get(key)
    return held


def _draw(card: Checkpoint, done: Done) -> None:
    part, result = done.part, done.result
    st.caption(f"{plain(part.data_set.title)} in `{done.data_dir or 'memory'}`: {plain(str(part))}")
    key = f"evaluation_cell_{card.name}"
    results.report(result.report, f"new_{card.name}", lambda *cell: st.session_state.update({key: cell}))
    results.report_downloads(result.report, f"{card.name} on {part} of {part.data_set.title}", f"new_{card.name}")
    if result.unreadable:
        first = next(iter(result.unreadable.values()))
        st.warning(f"{len(result.unreadable)} cutouts have no score, among them {plain(first)}")
    _gallery(card, done)


def form(card: Checkpoint) -> tuple[RunConfig, str] | None:
    """What is to be evaluated, when the button was pressed."""
    own = parts.config_of(card)
    in_memory = datasets.is_made(own.dataset)
    with st.form(f"evaluate_{card.name}", width=880), st.container(horizontal=True, vertical_alignment="bottom"):
        roots = {str(path): path.name for path in settings.data_sets()}
        folder: str | None = ""
        if in_memory:
            st.caption("The bundled simulator")
        else:
            folder = st.selectbox(
                "Data set",
                list(roots),
                format_func=lambda path: roots.get(path, path),
                key=f"evaluate_dir_{card.name}",
                accept_new_options=True,
                help="A folder below the data roots with classes of this checkpoint.",
            )
        kinds = list(splits.KINDS)
        split = st.selectbox(
            "Split",
            kinds,
            index=kinds.index(own.split) if own.split in kinds else 0,
            key=f"evaluate_split_{card.name}",
            width=150,
        )
        fold = st.number_input(
            "Fold",
            0,
            99,
            own.fold,
            key=f"evaluate_fold_{card.name}",
            width=110,
            help="Another fold than the card's may hold cutouts that it was trained on.",
        )
        part = st.selectbox(
            "Part",
            list(NAMES),
            format_func=NAMES.__getitem__,
            key=f"evaluate_part_{card.name}",
            width=200,
            help="All needs no split. The training part says how well the training cutouts were learnt by heart.",
        )
        st.form_submit_button(
            "Evaluate",
            icon=":material/play_arrow:",
            on_click=st.session_state.update,
            args=({"evaluate": card.sha256},),
        )
    if st.session_state.pop("evaluate", None) != card.sha256:
        return None
    try:
        data_dir = "" if in_memory else str(settings.checked_data_dir(folder or ""))
    except DatasetError as error:
        st.error(plain(error))
        return None
    reader = own.dataset if in_memory else "class_folders"
    return parts.config_of(card, data_dir=data_dir, dataset=reader, split=split, fold=int(fold)), part


def _run(place: DeltaGenerator, card: Checkpoint, config: RunConfig, part: str) -> Done | None:
    """The evaluation, with its progress in ``place``; None where it was stopped."""
    chosen = parts.select(card, config, part)
    key = f"evaluate_{card.name}"
    st.session_state.get("stopped", set()).discard(key)  # the button was pressed again
    result = slow.run(place, key, "Evaluating", lambda: evaluate(loaders.model(card), card, chosen))
    return None if result is None else Done(chosen, config.data_dir, result)


def _gallery(card: Checkpoint, done: Done) -> None:
    """The mistakes, or the cutouts of one cell of the confusion matrix, as pictures that open in Explore."""
    result = done.result
    predicted = result.probabilities.argmax(1)
    cells = sorted({(int(t), int(p)) for t, p in zip(result.labels, predicted, strict=True)})
    key = f"evaluation_cell_{card.name}"
    if st.session_state.get(key) not in (None, *cells):
        st.session_state[key] = None  # a cell without cutouts
    st.selectbox(
        "Cutouts",
        [None, *cells],
        key=key,
        format_func=lambda cell: _cell_name(done, cell),
        width=420,
        help="A click on a cell of the confusion matrix chooses its cutouts.",
    )
    cell = st.session_state[key]
    if cell is None:
        chosen = [mistake.index for mistake in result.report.mistakes]
    else:
        chosen = np.flatnonzero((result.labels == cell[0]) & (predicted == cell[1])).tolist()
        chosen.sort(key=lambda index: -result.probabilities[index, cell[1]])
    if not chosen:
        st.caption("There is none.")
        return
    places = st.grid("auto", min_column_width=150, gap="small")
    for index in chosen[:SHOWN]:
        with places.cell(), st.container(gap="xxsmall"):
            _picture(card, done, index, int(predicted[index]))
    if len(chosen) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(chosen)}, the surest first.")


def _cell_name(done: Done, cell: tuple[int, int] | None) -> str:
    result = done.result
    predicted = result.probabilities.argmax(1)
    if cell is None:
        return f"Mistakes, the surest first ({int((predicted != result.labels).sum())})"
    count = int(((result.labels == cell[0]) & (predicted == cell[1])).sum())
    true, taken = (result.label_names[k] for k in cell)
    return f"{true}, {'recognised' if true == taken else f'taken for {taken}'} ({count})"


def _picture(card: Checkpoint, done: Done, index: int, predicted: int) -> None:
    result = done.result
    item = done.part.data_set.items[int(result.indices[index])]
    true, taken = (plain(result.label_names[k]) for k in (int(result.labels[index]), predicted))
    try:
        st.image(loaders.seen_picture(card.input_spec, item.read()), width=150)
    except ExplorerError as error:  # the file may have gone since
        st.caption(plain(error))
    words = true if true == taken else f"{true}, taken for {taken}"
    st.caption(f"{words} ({result.probabilities[index, predicted]:.2f})")
    if st.button(
        "Explore",
        key=f"mistake_{index}",
        type="tertiary",
        icon=":material/explore:",
        on_click=partial(state.borrow, item, done.data_dir),
        help=plain(item.name),
    ):
        st.switch_page("pages/explore.py")
