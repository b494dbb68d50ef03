"""Several runs beside one another: curves over one another, scores with their distance, keys that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import streamlit as st

from vlass_explorer.figures.curves import overlaid
from vlass_explorer.runs.words import phase, score
from vlass_explorer.schema import Run

from .. import results
from . import panel
from .configuration import differing

SCORES = {"macro_f1": "Macro F1", "accuracy": "Accuracy", "macro_auroc": "Macro AUROC", "ece": "Calibration error"}
SCORES |= {"mean_iou": "Mean IoU", "pixel_accuracy": "Right pixels"}
LEARNING = (("Training loss", "train_loss"), ("Validation loss", "val_loss"), ("Macro F1", "val_macro_f1"))
SEGMENTING = (*LEARNING[:2], ("Mean IoU", "val_mean_iou"))


def draw(chosen: Sequence[Run]) -> None:
    """Draw the comparison; distances are from the run that was created first."""
    ordered = sorted(chosen, key=lambda run: (run.created, run.id))
    names = _names(ordered)
    st.subheader(f"{len(ordered)} runs compared", anchor=False)
    lines = [
        (name, panel.follow(run.id).update(run), panel.steps_per_epoch(run))
        for name, run in zip(names, ordered, strict=True)
    ]
    panels = LEARNING if any(run.config.task == "classification" for run in ordered) else SEGMENTING
    st.plotly_chart(
        overlaid(lines, panels=panels),
        key="compared-curves",
        config={"displaylogo": False},
        alt="Losses and macro F1 of the chosen runs against epochs",
    )
    st.dataframe(
        _scores(ordered, names),
        hide_index=True,
        row_height=30,
        column_config=_formats(),
        placeholder="",
        alt="Scores of the chosen runs and their distance from the first",
    )
    st.markdown("**Keys that differ**")
    table = {key: row for key, row in differing([run.config for run in ordered]).items() if key != "name"}
    if table:
        frame = pd.DataFrame.from_dict(table, orient="index", columns=names).rename_axis("Key").reset_index()
        st.dataframe(frame, hide_index=True, row_height=28, alt="Configuration keys that differ between the runs")
    else:
        st.caption("The configurations are the same but for their names.")


def _names(ordered: Sequence[Run]) -> list[str]:
    """Names of the runs, with the end of the id where two have the same."""
    names = [run.config.name for run in ordered]
    return [
        name if names.count(name) == 1 else f"{name} ({run.id[-4:]})" for name, run in zip(names, ordered, strict=True)
    ]


def _scores(ordered: Sequence[Run], names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for name, run in zip(names, ordered, strict=True):
        report = results.report_of(run)
        found = {
            "macro_f1": score(run),
            "accuracy": run.metrics.get("accuracy"),
            **_of_pixels(run),
            **(asdict(report) if report else {}),
        }
        seen = {"Seen before": report.seen.label if report is not None and report.seen is not None else None}
        scores = {label: found.get(key) for key, label in SCORES.items()}
        rows.append({"Run": name, "Phase": phase(run), **scores, **seen})
    table = pd.DataFrame(rows).astype(dict.fromkeys(SCORES.values(), float))
    for label in reversed(SCORES.values()):
        table.insert(table.columns.get_loc(label) + 1, f"Δ {label}", table[label] - table[label].iloc[0])
    return table.dropna(axis="columns", how="all")


def _of_pixels(run: Run) -> dict[str, float]:
    """Figures of a segmentation: of the report where there is one, else the best so far."""
    known = {
        "mean_iou": run.metrics.get("mean_iou", run.metrics.get("best_mean_iou")),
        "pixel_accuracy": run.metrics.get("pixel_accuracy"),
    }
    return {key: value for key, value in known.items() if value is not None}


def _formats() -> dict[str, Any]:
    plain = {label: st.column_config.NumberColumn(format="%.3f") for label in SCORES.values()}
    return {**plain, **{f"Δ {label}": st.column_config.NumberColumn("Δ", format="%+.3f") for label in SCORES.values()}}
