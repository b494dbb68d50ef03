"""Results as several rooms draw them: a sky, the numbers and files of an explanation, a report of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from vlass_explorer import export, runs
from vlass_explorer.evaluation import leaderboard, masks, metrics, report_table
from vlass_explorer.figures import evaluation as figures
from vlass_explorer.figures import zoom
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.ready import Ready
from vlass_explorer.figures.sky import sky_spec
from vlass_explorer.overlays import Placed
from vlass_explorer.schema import Cutout, Explanation, MaskReport, Report, ReportError, Run, Window

from .text import plain

CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "toImage"],
}
# Heights in pixels of what stands around a panel: title, axis, colour bar and stamp.
AROUND, LEFT = 158, 92
TALLEST, WIDEST = 640, 560
"""Largest sides in pixels of a sky that stands alone, and of each of several panels in a row."""
HELP = {
    "png": "Sky, model input and maps as a picture: axes, beam, position, survey, colour bars with their units",
    "fits": "The maps with the coordinates of the cutout, where it has any: opens in DS9 and CARTA",
    "reg": "The strongest patches as regions for DS9 and CARTA",
    "json": "Manifest: hashes of cutout and checkpoint, method, options, numbers, versions",
    "cube": "All maps as the planes of one cube on the pixels and coordinates of the cutout",
}
MIME = {"png": "image/png", "fits": "application/fits", "reg": "text/plain", "json": "application/json"}
COLUMNS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "auroc": "AUROC", "support": "Cutouts"}
PIXEL_COLUMNS = {
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "boundary_f1": "Boundary F1",
    "support": "Pixels",
}


def side(width: int, count: int) -> float:
    """Side in pixels of each of so many panels in a row of this width."""
    return min((width - LEFT) / max(count, 2) - 12, WIDEST)


def sky_chart(
    cutout: Cutout,
    view: SkyView,
    window: Window | None,
    *,
    whole_cutout: bool,
    width: int,
    tallest: int = TALLEST,
    zoomed: Window | None = None,
    labelled: bool = True,
    dress: Callable[[go.Figure], go.Figure] | None = None,
    config: Mapping[str, object] = CONFIG,
) -> None:
    """Draw the sky alone, for narrow pages; first the part that is ``zoomed`` to.

    ``dress`` adds what lies over it; beam, scale bar and arrows, and unless ``labelled`` the words along the axes, are
    then drawn over it by ``look.cursor``.
    """
    height = min(width - LEFT, tallest) + AROUND
    spec = sky_spec(
        cutout,
        view,
        window=window,
        show=("sky",),
        whole_cutout=whole_cutout,
        height=height,
        corners=dress is None,
        labelled=labelled,
    )
    figure = Ready(spec) if zoomed is None else zoom.zoomed(Ready(spec), cutout, zoomed)
    st.plotly_chart(
        figure if dress is None else dress(figure), key="sky", config=dict(config), alt=f"Sky image of {cutout.name}"
    )


def numbers(explanation: Explanation) -> None:
    """Draw the caption of an explanation, and below it each of its numbers with its name."""
    st.caption(plain(explanation.caption))
    if lines := in_words(explanation.numbers):
        st.caption(" · ".join(plain(line) for line in lines))


def in_words(numbers: Mapping[str, float | int | str | bool]) -> list[str]:
    """``completeness_error: 0.021`` becomes "completeness error 2.1 %", ``converged: True`` "converged"."""
    lines = []
    for name, value in numbers.items():
        words = name.replace("_", " ")
        if isinstance(value, bool):
            lines.append(words if value else f"not {words}")
        elif isinstance(value, float) and not math.isfinite(value):
            lines.append(f"{words} undefined")
        elif isinstance(value, float) and name.endswith(("_share", "_error")):
            lines.append(f"{words} {value:.1%}")
        else:
            lines.append(f"{words} {value:.4g}" if isinstance(value, float) else f"{words} {value}".replace("_", " "))
    return lines


def downloads(
    explanation: Explanation,
    cutout: Cutout,
    provenance: export.Provenance,
    *,
    key: str = "get",
    view: SkyView | None = None,
    layers: Sequence[Placed] = (),
) -> None:
    """Draw the buttons of one explanation in a row: PNG, FITS with the cutout's WCS, DS9 regions, JSON manifest.

    The PNG shows the sky by ``view``, with ``layers`` over it.
    """
    makers: dict[str, Callable[..., bytes]] = {
        "PNG": partial(export.png_bytes, view=view, layers=layers),
        "FITS": export.fits_bytes,
        **({"REG": export.regions_bytes} if export.has_regions(explanation) else {}),
        "JSON": export.manifest_json,
    }
    stem = f"{export.safe_stem(cutout.name)}.{provenance.method}"
    with st.container(horizontal=True, gap="xsmall", width="content"):
        for label, make in makers.items():
            suffix = label.lower()
            _button(label, partial(make, explanation, cutout, provenance), stem, suffix, HELP[suffix], key)


def downloads_of_all(items: Sequence[export.Item], cutout: Cutout, *, key: str = "get_all") -> None:
    """Draw the buttons of several explanations of one cutout: one picture, one FITS cube, one manifest."""
    stem = f"{export.safe_stem(cutout.name)}.maps"
    with st.container(horizontal=True, gap="xsmall", width="content"):
        _button("PNG of all", partial(export.sheet_bytes, items, cutout), stem, "png", HELP["png"], key)
        _button("FITS cube", partial(export.cube_bytes, items, cutout), stem, "fits", HELP["cube"], key)
        _button("JSON of all", partial(export.manifests_json, items, cutout), stem, "json", HELP["json"], key)


def _button(label: str, make: Callable[[], bytes], stem: str, suffix: str, text: str, key: str) -> None:
    st.download_button(
        label,
        make,
        f"{stem}.{suffix}",
        MIME[suffix],
        on_click="ignore",
        icon=":material/download:",
        help=text,
        key=f"{key}_{suffix}",
    )


def report_of(run: Run) -> Report | None:
    """The report of a run's validation split, None where it has none that can be read."""
    values = runs.read_report(run.path)
    try:
        return metrics.read(values) if values else None
    except ReportError:
        return None


def mask_report_of(run: Run) -> MaskReport | None:
    """The report of the classes of pixels of a run's validation split, None where it has none that can be read."""
    values = runs.read_report(run.path)
    try:
        return masks.read(values) if values else None
    except ReportError:
        return None


def mask_report(report: MaskReport) -> None:
    """Draw a report of classes of pixels: figures of the whole part, of each class, and the worst images."""
    _seen(report)
    low, high = report.mean_iou_interval
    known = math.isfinite(low) and math.isfinite(high)
    spread = f"95 % of resamplings of the images: {low:.3f} to {high:.3f}" if known else None
    beam = f"Met within one beam, {report.tolerance:.2f} pixels" if report.tolerance else "No beam is known"
    with st.container(horizontal=True):
        for name, value, note in (
            ("Mean IoU", report.mean_iou, spread),
            ("Right pixels", report.pixel_accuracy, f"Of {report.pixels:,} labelled ones"),
            ("Boundary F1", report.boundary_f1, beam),
        ):
            st.metric(name, f"{value:.3f}" if math.isfinite(value) else "not defined", help=note, width="content")
    table = pd.DataFrame.from_dict(dict(report.per_class), orient="index").rename(columns=PIXEL_COLUMNS)
    shown = {name: st.column_config.NumberColumn(format="%.3f") for name in list(PIXEL_COLUMNS.values())[:-1]}
    shown["Pixels"] = st.column_config.NumberColumn(format="localized")
    table = table.rename_axis("Class").reset_index()
    st.dataframe(table, hide_index=True, column_config=shown, placeholder="–", alt="IoU and boundary F1 of each class")
    if report.worst:
        worst = [f"{plain(one.name)} ({one.mean_iou:.2f})" for one in report.worst[:5]]
        st.caption(f"Images with the lowest mean IoU: {', '.join(worst)}.")


def _seen(report: Report | MaskReport) -> None:
    """Say how much of it the checkpoint had seen, loudly where the figures are no test."""
    if report.seen is None:
        st.caption(f"{report.count:,} cutouts, one forward pass each. Whether any had been trained on is not recorded.")
    elif report.seen.status == "trained":
        st.warning(plain(report.seen.sentence), icon=":material/warning:")
    else:
        st.caption(f"{report.count:,} cutouts, one forward pass each. {plain(report.seen.sentence)}")


def report(report: Report, key: str, open_cell: Callable[[int, int], None] | None = None) -> None:
    """Draw a report; ``key`` tells several on one page apart.

    ``open_cell`` is called before the next run of the page with the true and the predicted class of a cell that was
    clicked.
    """

    def clicked() -> None:
        points = st.session_state[f"{key}_matrix"].selection.points
        if points and open_cell is not None:
            open_cell(*divmod(int(points[-1]["point_index"]), len(report.label_names)))

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
            figures.confusion(report, normalised=normalised != "Counts", clickable=open_cell is not None),
            key=f"{key}_matrix",
            on_select=clicked if open_cell is not None else "ignore",
            selection_mode="points",
            config={"displaylogo": False},
            alt="Confusion matrix, true classes down, predicted across",
        )
    with cells.cell():
        table = pd.DataFrame.from_dict(dict(report.per_class), orient="index").rename(columns=COLUMNS)
        table.loc[list(report.absent), ["Precision", "Recall", "F1"]] = math.nan  # 0/0
        table = table.rename_axis("Class").reset_index()
        shown = {name: st.column_config.NumberColumn(format="%.3f") for name in list(COLUMNS.values())[:-1]}
        shown["Cutouts"] = st.column_config.NumberColumn(format="%d")
        st.dataframe(table, hide_index=True, column_config=shown, placeholder="–", alt="Figures of each class")
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


def report_downloads(report: Report, where: str, key: str) -> None:
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
