"""Stamps of a table as PDF: a few sources of every class, each with its beam and the contours of its noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..measure.geometry import beam_covariance, to_sky
from ..schema import Cutout, Row

COLUMNS, ROWS = 4, 5
LEVELS = np.array([-3.0, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0])
"""Contours in rms; the negative one is dashed."""


def chosen(rows: Sequence[Row], classes: Sequence[str], count: int) -> list[Row]:
    """Of each class the ``count`` valid rows of the highest S/N that is not at an edge, classes in order."""
    found: list[Row] = []
    for label in classes:
        own = [row for row in rows if row.label == label and row.validity in ("ok", "caution")]
        own.sort(key=lambda row: (bool(row.at_edge), -(row.snr or 0.0)))
        found += own[:count]
    return found


def write(path: Path, drawn: Iterator[tuple[Row, Cutout]]) -> int:
    """Write the pages, twenty stamps each, and return the number of stamps."""
    from matplotlib.backends.backend_pdf import PdfPages  # here: a table alone draws nothing
    from matplotlib.figure import Figure

    count = 0
    with PdfPages(path, metadata={"CreationDate": None, "Creator": "VLASS Explorer"}) as pages:
        figure = None
        for row, cutout in drawn:
            if count % (COLUMNS * ROWS) == 0:
                if figure is not None:
                    pages.savefig(figure)
                figure = Figure(figsize=(8.3, 11.0))
            assert figure is not None
            _stamp(figure.add_subplot(ROWS, COLUMNS, count % (COLUMNS * ROWS) + 1), row, cutout)
            count += 1
        if figure is not None:
            figure.subplots_adjust(left=0.03, right=0.97, bottom=0.03, top=0.95, hspace=0.35, wspace=0.08)
            pages.savefig(figure)
    return count


def _stamp(ax: Any, row: Row, cutout: Cutout) -> None:
    """One source, row 0 at the bottom as stored, without axes; the scale is that of its beam."""
    pixels = cutout.pixels
    rms = cutout.noise.rms if cutout.noise is not None else float(np.nanstd(pixels)) or 1.0
    high = max(float(np.nanmax(pixels)), 5.0 * rms)
    shown = np.arcsinh(np.nan_to_num(pixels) / (3.0 * rms))
    ax.imshow(shown, origin="lower", cmap="gray_r", vmin=-1.0, vmax=float(np.arcsinh(high / (3.0 * rms))))
    if cutout.noise is not None:
        levels = LEVELS[LEVELS * rms < high] * rms
        ax.contour(np.nan_to_num(pixels), levels=levels, colors="C0", linewidths=0.5, negative_linestyles="dashed")
    _beam(ax, cutout)
    ax.set_xticks([])
    ax.set_yticks([])
    place = "" if row.ra is None or row.dec is None else f"{row.ra:.4f} {row.dec:+.4f}"
    ax.set_title(f"{_plain(row.label or '')} {row.score or 0.0:.2f}\n{place}", fontsize=6)


def _beam(ax: Any, cutout: Cutout) -> None:
    """The ellipse of the beam at half maximum in the lower left corner."""
    ny, nx = cutout.shape
    matrix = to_sky(cutout, (ny - 1) / 2, (nx - 1) / 2)
    if cutout.beam is None or matrix is None:
        return
    from matplotlib.patches import Ellipse

    values, vectors = np.linalg.eigh(beam_covariance(cutout.beam, matrix))
    minor, major = np.sqrt(8.0 * np.log(2.0) * values)
    turn = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    place = (0.03 * nx + major / 2, 0.03 * ny + major / 2)
    ax.add_patch(Ellipse(place, major, minor, angle=turn, fill=False, color="C3", linewidth=0.8))


def _plain(text: str) -> str:
    """Without what matplotlib takes for mathematics."""
    return text.replace("$", r"\$")
