"""Checkpoints that label pixels: their figures side by side, and the reports on the card of one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from vlass_explorer.evaluation import masks
from vlass_explorer.schema import Checkpoint, ReportError

from .. import results
from ..text import plain
from . import mask_gallery


def draw(cards: Sequence[Checkpoint]) -> None:
    """Draw a row for each evaluation on the cards, IoU of each class in a column; nothing without such cards."""
    rows = []
    for card in cards:
        for part, found in card.reports.segmentations.items():
            try:
                report = masks.read(found)
            except ReportError:
                continue
            row = {
                "Checkpoint": card.name,
                "Architecture": f"{card.architecture} over {card.model_args.get('encoder', 'its encoder')}",
                "Parameters (M)": card.parameters / 1e6,
                "Measured on": f"{card.provenance.data or 'data not stated'}, {part}",
                "Seen before": report.seen.label if report.seen else "unknown",
                "Mean IoU": report.mean_iou,
                "Right pixels": report.pixel_accuracy,
                "Boundary F1": report.boundary_f1,
            }
            rows.append(row | {f"IoU {name}": numbers["iou"] for name, numbers in report.per_class.items()})
    if not rows:
        return
    st.subheader("Classes of pixels", anchor=False)
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="–",
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in numbers},
        alt="Checkpoints that label pixels",
    )


def report(card: Checkpoint) -> None:
    """Draw every report of classes of pixels on a card."""
    found = card.reports.segmentations
    if not found:
        st.caption("This card holds no report of its classes of pixels.")
    for part, values in found.items():
        st.subheader(f"On its card: {plain(part)}", anchor=False)
        try:
            results.mask_report(masks.read(values))
        except ReportError as error:
            st.warning(plain(error))
    mask_gallery.draw(card)
