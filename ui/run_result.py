"""The report of a finished run: scores with their interval, confusion, a row a class."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from vlass_explorer import metrics, runs
from vlass_explorer.figures.confusion import matrix
from vlass_explorer.schema import Report, Run

COLUMNS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "auroc": "AUROC", "support": "Cutouts"}


def read(run: Run) -> Report | None:
    """The report of the validation fold, None where the run has none that can be read."""
    values = runs.read_report(run.path)
    try:
        return metrics.read(values) if values else None
    except ValueError:
        return None


def draw(report: Report, key: str) -> None:
    """Draw the report of a run."""
    low, high = report.macro_f1_interval
    st.caption(
        f"{report.count:,} cutouts of the validation fold · macro F1 {report.macro_f1:.3f} (95 % interval "
        f"{low:.3f} to {high:.3f}) · accuracy {report.accuracy:.3f} · macro AUROC {report.macro_auroc:.3f} · "
        f"calibration error {report.ece:.3f}"
    )
    page = st.grid(2, min_column_width=330, gap="medium")
    with page.cell():
        st.plotly_chart(
            matrix(report.confusion, report.label_names), key=f"confusion-{key}", config={"displaylogo": False},
            alt="Confusion matrix, rows true, columns predicted",
        )  # fmt: skip
    with page.cell():
        table = pd.DataFrame.from_dict(dict(report.per_class), orient="index").rename(columns=COLUMNS)
        numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in list(COLUMNS.values())[:-1]}
        numbers["Cutouts"] = st.column_config.NumberColumn(format="%d")
        st.dataframe(
            table.rename_axis("Class").reset_index(), hide_index=True, column_config=numbers, row_height=30,
            alt="Precision, recall, F1 and AUROC of each class",
        )  # fmt: skip
