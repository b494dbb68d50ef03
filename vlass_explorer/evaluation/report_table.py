"""One report as the table that a paper prints, with how much of its cutouts the checkpoint had seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..schema import Report

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"precision": "precision", "recall": "recall", "f1": "F1", "auroc": "AUROC", "support": "cutouts"}


def table(report: Report) -> pd.DataFrame:
    """One row a class and one of all together (accuracy, macro F1, macro AUROC), each with what had been seen.

    Columns: class, precision, recall, F1, AUROC, cutouts, accuracy, seen before. NaN where a figure is not defined, as
    for a class that is absent from labels and predictions.
    ``leaderboard.to_csv`` and ``to_latex`` write it.
    """
    # Here and not above: see leaderboard.table.
    import pandas as pd

    seen = report.seen.label if report.seen is not None else "unknown"
    rows: list[dict[str, object]] = [
        {"class": name, **{shown: figures.get(key, math.nan) for key, shown in COLUMNS.items()}}
        for name, figures in report.per_class.items()
    ]
    for row in rows:
        if row["class"] in report.absent:
            row |= dict.fromkeys(("precision", "recall", "F1"), math.nan)  # 0/0
    rows.append({"class": "all", "F1": report.macro_f1, "AUROC": report.macro_auroc, "cutouts": report.count})
    frame = pd.DataFrame(rows).assign(accuracy=math.nan, **{"seen before": seen})
    frame["cutouts"] = frame["cutouts"].astype(int)
    frame.loc[frame.index[-1], "accuracy"] = report.accuracy
    return frame


def caption(report: Report, where: str) -> str:
    """What the table is of, and in a sentence what the checkpoint had seen of it."""
    seen = report.seen.sentence if report.seen is not None else "Whether any had been trained on is not recorded."
    return f"{where}. {seen}"
