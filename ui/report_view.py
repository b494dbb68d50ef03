"""A report drawn: headline scores, confusion, per-class table, ROC, reliability."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from vlass_explorer import runs
from vlass_explorer.evaluation import leaderboard, metrics, report_table
from vlass_explorer.figures import evaluation as figures
from vlass_explorer.schema import Report, ReportError, Run

from .text import plain

COLUMNS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "auroc": "AUROC", "support": "Cutouts"}


def of_run(run: Run) -> Report | None:
    """The report of a run's validation split, None where it has none that can be read."""
    values = runs.read_report(run.path)
    try:
        return metrics.read(values) if values else None
    except ReportError:
        return None


def _seen(report: Report) -> None:
    """Say how much of it the checkpoint had seen, loudly where the figures are no test."""
    if report.seen is None:
        st.caption(f"{report.count:,} cutouts, one forward pass each. Whether any had been trained on is not recorded.")
    elif report.seen.status == "trained":
        st.warning(plain(report.seen.sentence), icon=":material/warning:")
    else:
        st.caption(f"{report.count:,} cutouts, one forward pass each. {plain(report.seen.sentence)}")


def draw(report: Report, key: str) -> None:
    """Draw a report; ``key`` tells several on one page apart."""
    _seen(report)
    with st.container(horizontal=True):
        for name, value, interval in (
            ("Macro F1", report.macro_f1, report.macro_f1_interval),
            ("Accuracy", report.accuracy, report.accuracy_interval),
            ("Macro AUROC", report.macro_auroc, report.macro_auroc_interval),
            ("Calibration error", report.ece, (math.nan, math.nan)),
        ):
            known = all(math.isfinite(edge) for edge in interval)
            spread = f"95 % of resamplings: {interval[0]:.3f} to {interval[1]:.3f}" if known else None
            st.metric(name, f"{value:.3f}" if math.isfinite(value) else "not defined", help=spread, width="content")
    if report.absent:
        names = ", ".join(map(plain, report.absent))
        st.caption(f"Macro F1 leaves out {names}: absent from labels and predictions.")
    cells = st.grid(2, min_column_width=380, gap="medium")
    with cells.cell():
        normalised = st.segmented_control(
            "Confusion", ["Counts", "Shares of the true class"], default="Counts", required=True, key=f"{key}_confusion"
        )
        st.plotly_chart(
            figures.confusion(report, normalised=normalised != "Counts"),
            key=f"{key}_matrix",
            config={"displaylogo": False},
            alt="Confusion matrix, true classes down, predicted across",
        )
    with cells.cell():
        table = pd.DataFrame.from_dict(dict(report.per_class), orient="index").rename(columns=COLUMNS)
        table.loc[list(report.absent), ["Precision", "Recall", "F1"]] = math.nan  # 0/0
        table = table.rename_axis("Class").reset_index()
        shown = {name: st.column_config.NumberColumn(format="%.3f") for name in list(COLUMNS.values())[:-1]}
        shown["Cutouts"] = st.column_config.NumberColumn(format="%d")
        st.dataframe(table, hide_index=True, column_config=shown, alt="Precision, recall, F1 and AUROC of each class")
    if not report.roc and not report.reliability:
        st.caption("This card holds no curves: evaluate the checkpoint again to draw ROC and reliability.")
        return
    with cells.cell():
        st.markdown("**ROC, one class against the rest**")
        st.plotly_chart(figures.roc(report), key=f"{key}_roc", config={"displaylogo": False}, alt="ROC of each class")
    with cells.cell():
        st.markdown("**Reliability of the top score**")
        st.plotly_chart(
            figures.reliability(report),
            key=f"{key}_reliability",
            config={"displaylogo": False},
            alt="Accuracy against mean top score",
        )
        st.caption("On the dotted line a score of 0.8 would be right in 80 of 100 cases.")


def downloads(report: Report, where: str, key: str) -> None:
    """Draw the buttons that give the table of classes, with what had been seen, as CSV and LaTeX."""
    frame, caption = report_table.table(report), report_table.caption(report, where)
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            leaderboard.to_csv(frame),
            "report.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            key=f"{key}_csv",
        )
        st.download_button(
            "LaTeX",
            leaderboard.to_latex(frame, caption),
            "report.tex",
            "application/x-tex",
            on_click="ignore",
            icon=":material/download:",
            key=f"{key}_tex",
        )
