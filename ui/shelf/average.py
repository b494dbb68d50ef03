"""Average chosen checkpoints: ``python -m train average`` as a process, so that no page imports the training engine."""

from __future__ import annotations

import subprocess
import sys

import streamlit as st

from vlass_explorer.schema import Checkpoint, DatasetError

from .. import settings
from ..text import plain

LONGEST_SECONDS = 900
NONE = "none"


def draw(cards: list[Checkpoint], may_change: bool) -> None:
    """Draw the form and what came of it; only checkpoints of one architecture and the same classes are offered."""
    kinds: dict[tuple[str, tuple[str, ...]], list[Checkpoint]] = {}
    for card in cards:
        kinds.setdefault((card.architecture, card.label_names), []).append(card)
    several = {f"{key[0]}: {', '.join(key[1])}": group for key, group in kinds.items() if len(group) > 1}
    if not may_change:
        st.caption("Averaging is switched off here, together with training.")
        return
    if not several:
        st.caption("Averaging takes two or more checkpoints of one architecture with the same classes.")
        return
    kind = st.selectbox("Architecture and classes", list(several), key="average_kind")
    names = [card.name for card in several[kind]]
    with st.form("average", width=720):
        chosen = st.multiselect("Checkpoints", names, key="average_names")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name of the average", f"{names[0]}-mean"[:80], key="average_name", max_chars=100)
            folders = {NONE: NONE} | {str(path): path.name for path in settings.data_sets()}
            folder = st.selectbox(
                "Data set",
                list(folders),
                key="average_data",
                format_func=lambda path: folders.get(path, path),
                help="Needed for batch norms, for a greedy soup, and for a report on the card.",
            )
        greedy = st.checkbox("Greedy soup: keep only what helps validation macro F1", key="average_greedy")
        st.form_submit_button(
            "Average",
            type="primary",
            icon=":material/merge:",
            on_click=st.session_state.update,
            args=({"average_now": True},),
        )
    if not st.session_state.pop("average_now", False):
        return
    try:
        words = _words(chosen, name, folder, greedy)
    except DatasetError as error:
        st.error(plain(error))
        return
    with st.spinner("Averaging"):
        _run(words)


def _words(chosen: list[str], name: str, folder: str, greedy: bool) -> list[str]:
    if len(chosen) < 2:
        raise DatasetError("Choose two or more checkpoints.")
    data = [] if folder == NONE else [f"--data-dir={settings.checked_data_dir(folder)}"]
    # With "=", so that no name is ever taken for an option.
    return ["average", f"--name={name}", *data, *(["--greedy"] if greedy else []), "--", *chosen]


def _run(words: list[str]) -> None:
    command = [sys.executable, "-m", "train", *words]
    try:
        done = subprocess.run(
            command,
            cwd=settings.ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        st.error(f"Averaging took longer than {LONGEST_SECONDS // 60} minutes and was ended; use the command line.")
        return
    if done.returncode == 0:
        st.success(plain(done.stdout.strip().splitlines()[-1]))
    else:
        said = done.stderr.strip().splitlines()
        st.error(plain(said[-1].removeprefix("train: ") if said else "Averaging ended without a word."))
