"""When the model would change its mind: curves against noise, smoothing, shift and rotation, drawn when asked for."""

from __future__ import annotations

import csv
import io

import streamlit as st

from vlass_explorer import export, flips
from vlass_explorer.figures.flips import curve_figure
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, Prediction

from .. import loaders, slow
from ..text import plain

TITLE = "When would it change its mind?"
NAMES = {"noise": "Noise", "smoothing": "Larger beam", "shift": "Off centre", "rotation": "Turned and mirrored"}


def draw(card: Checkpoint, cutout: Cutout, prediction: Prediction) -> None:
    """Draw a switch, and behind it one curve a change with the level at which the label flips, and the downloads."""
    if prediction.validity.level == "outside":
        return
    if not st.toggle(
        TITLE,
        key="flips",
        persist_state="session",
        help=f"Asks the model some {100 * round(flips.DRAWS / 16 * 3)} times more: with added noise of this beam, a "
        "larger beam, off centre, turned and mirrored.",
    ):
        return
    try:
        found = slow.run(
            st.empty(),
            f"flips_{cutout.sha256[:8]}_{card.name}",
            "Noise, beam, centre and orientation are changed",
            lambda: loaders.remembered(
                "flips", card, cutout, (), lambda: flips.measure(loaders.model(card), card, cutout)
            ),
        )
    except ExplorerError as error:
        st.caption(plain(error))
        return
    if found is None:  # stopped
        return
    cells = st.grid(2, min_column_width=300, gap="medium")
    for kind, name in NAMES.items():
        with cells.cell():
            if kind in found.off:
                st.markdown(f"**{name}**: off")
                st.caption(plain(found.off[kind]))
                continue
            curve = found.curves[kind]
            st.markdown(f"**{name}**: {plain(curve.sentence)}")
            st.plotly_chart(
                curve_figure(curve),
                key=f"flips_{kind}",
                config={"displayModeBar": False},
                alt=f"Softmax scores, {name.lower()}. {curve.sentence}",
            )
    st.caption(
        f"A label flips where at least half of the draws have another one: {flips.DRAWS} of noise with the beam of the "
        "image, 8 directions, 4 turns. Bands hold two thirds of the draws; where it is grey the source is not wholly "
        "there any more. Added structure that looks like sky is not tried."
    )
    _downloads(card, cutout, prediction, found)


def _downloads(card: Checkpoint, cutout: Cutout, prediction: Prediction, found: flips.Flips) -> None:
    stem = f"{export.safe_stem(cutout.name)}.flips"
    with st.container(horizontal=True, gap="xsmall", width="content"):
        st.download_button(
            "CSV",
            lambda: _table(found),
            f"{stem}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            key="flips_csv",
            help="A row a level: share of draws that keep the label, mean scores and their band",
        )
        st.download_button(
            "JSON",
            lambda: export.flips_json(found, cutout, card, prediction),
            f"{stem}.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
            key="flips_json",
            help="The curves with their manifest: hashes of cutout and checkpoint, seed, versions",
        )


def _table(found: flips.Flips) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["change", "level", "amount", "unit", "label_kept", "label", "mean", "low", "high"])
    for kind, curve in found.curves.items():
        low, high = curve.band
        for index, level in enumerate(curve.levels.tolist()):
            amount = curve.amount(level)
            for number, name in enumerate(curve.label_names):
                scores = [f"{values[index, number]:.6f}" for values in (curve.mean, low, high)]
                known = ["" if amount is None else amount, curve.amount_unit or ""]
                writer.writerow([kind, level, *known, curve.kept[index], name, *scores])
    return text.getvalue().encode()
