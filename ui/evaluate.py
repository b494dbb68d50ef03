"""Evaluate the chosen checkpoint on a data set: report, and the mistakes as pictures that open in Explore."""

from __future__ import annotations

from functools import partial

import streamlit as st

from vlass_explorer import datasets
from vlass_explorer.datasets import DataSet, splits
from vlass_explorer.evaluation import Evaluation, evaluate, metrics
from vlass_explorer.schema import Checkpoint, DatasetError, ExplorerError

from . import loaders, report_view, settings, state
from .text import plain

SHOWN = 24


def draw(card: Checkpoint) -> None:
    """Draw the report on the card, the form that evaluates anew, and what that gave."""
    own = card.reports.table.get("validation")
    if isinstance(own, dict):
        st.subheader("On its card", anchor=False)
        try:
            report_view.draw(metrics.read(own), f"card_{card.name}")
        except ValueError as error:
            st.warning(plain(error))
    st.subheader("On a data set", anchor=False)
    wanted = _form(card)
    key = f"evaluation_{card.sha256}"
    if wanted is not None:
        try:
            st.session_state[key] = (wanted[0], _run(card, *wanted))
        except ExplorerError as error:
            st.error(plain(error))
    if (known := st.session_state.get(key)) is not None:
        data_dir, (data_set, evaluation) = known
        st.caption(f"{plain(data_set.title)} in `{data_dir or 'memory'}`")
        report_view.draw(evaluation.report(), f"new_{card.name}")
        if evaluation.unreadable:
            first = next(iter(evaluation.unreadable.items()))
            st.warning(f"{len(evaluation.unreadable)} cutouts have no score, among them {plain(': '.join(first))}")
        _gallery(card, data_dir, data_set, evaluation)


def _form(card: Checkpoint) -> tuple[str, str, str, int] | None:
    """Folder, reader, split and fold when the button was pressed."""
    known = card.provenance
    simulated = known.dataset == "simulated"
    with st.form(f"evaluate_{card.name}", width=720), st.container(horizontal=True, vertical_alignment="bottom"):
        roots = {str(path): path.name for path in settings.data_sets()}
        if simulated:
            folder = ""
            st.caption("The bundled simulator, its validation cutouts")
        else:
            folder = st.selectbox(
                "Data set", list(roots), format_func=lambda path: roots.get(path, path),
                key=f"evaluate_dir_{card.name}",
                accept_new_options=True, help="A folder below the data roots with the classes of this checkpoint.",
            )  # fmt: skip
        kinds = list(splits.KINDS)
        split = st.selectbox(
            "Split", kinds, index=kinds.index(known.split) if known.split in kinds else 0,
            key=f"evaluate_split_{card.name}", width=150,
        )  # fmt: skip
        fold = st.number_input(
            "Fold", 0, 99, known.fold or 0, key=f"evaluate_fold_{card.name}", width=110,
            help="Another fold than the card's may hold cutouts that it was trained on.",
        )  # fmt: skip
        st.form_submit_button(
            "Evaluate",
            icon=":material/play_arrow:",
            on_click=st.session_state.update,
            args=({"evaluate": card.sha256},),
        )
    if st.session_state.pop("evaluate", None) != card.sha256:
        return None
    if simulated:
        return "", "simulated", split, int(fold)
    try:
        return str(settings.checked_data_dir(folder or "")), "class_folders", split, int(fold)
    except DatasetError as error:
        st.error(plain(error))
        return None


def _run(card: Checkpoint, data_dir: str, reader: str, split: str, fold: int) -> tuple[DataSet, Evaluation]:
    known = card.provenance
    data_set = datasets.load(reader, data_dir or None, seed=known.seed or 0)
    parts = splits.split(data_set, split, fold, known.split_seed or 0, card.input_spec.field_of_view)
    held_out = parts.test if len(parts.test) else parts.validation
    bar = st.progress(0.0, text="Evaluating")
    try:
        found = evaluate(
            loaders.model(card), card, data_set, held_out.tolist(),
            progress=lambda share: bar.progress(share, text=f"Evaluating, {share:.0%}"),
        )  # fmt: skip
    finally:
        bar.empty()
    return data_set, found


def _gallery(card: Checkpoint, data_dir: str, data_set: DataSet, evaluation: Evaluation) -> None:
    mistakes = evaluation.report().mistakes
    st.markdown(
        f"**Mistakes, the surest first** ({int((evaluation.probabilities.argmax(1) != evaluation.labels).sum())})"
    )
    if not mistakes:
        st.caption("There is none.")
        return
    cells = st.grid("auto", min_column_width=150, gap="small")
    for mistake in mistakes[:SHOWN]:
        item = data_set.items[int(evaluation.indices[mistake.index])]
        true, predicted = (plain(evaluation.label_names[k]) for k in (mistake.true, mistake.predicted))
        with cells.cell(), st.container(gap="xxsmall"):
            st.image(loaders.seen_picture(card.input_spec, item.read()), width=150)
            st.caption(f"{true}, taken for {predicted} ({mistake.probability:.2f})")
            take = partial(state.borrow, item.name, data_dir, item.source)
            if st.button(
                "Explore", key=f"mistake_{mistake.index}", type="tertiary", icon=":material/explore:", on_click=take,
                help=plain(item.name),
            ):  # fmt: skip
                st.switch_page("pages/explore.py")
    if len(mistakes) > SHOWN:
        st.caption(f"The first {SHOWN} of them.")
