"""How pixel values become colours: display units, limits, stretches and the ticks of a colour bar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout, FloatArray, Window

# One colour map a meaning, all perceptually uniform: the sky, relevance without a sign, relevance with one.
SKY_MAP = "inferno"
SKY_MAPS = (SKY_MAP, "gray", "gray_r", "viridis", "cividis")
UNSIGNED_MAP = "viridis"
SIGNED_MAP = "RdBu_r"
NO_DATA = "#7c8794"
STRETCHES = ("asinh", "linear", "sqrt", "log")
LARGEST = 512
"""Points along a side of a drawn image; a larger one is drawn in blocks."""
PERCENTILES = (95.0, 99.0, 99.5, 99.9, 99.95, 100.0)


@dataclass(frozen=True)
class SkyView:
    """How the sky is drawn; nothing here changes what a model sees."""

    stretch: str = "asinh"
    percentile: float = 99.9
    """Upper limit as a percentile of the finite pixels (CARTA's default)."""
    limits: tuple[float, float] | None = None
    """Lower and upper limit in display units, instead of the percentile."""
    colour_map: str = SKY_MAP
    contours: bool = False
    """Contours at multiples of the rms, negative ones dashed."""
    levels: tuple[float, ...] = ()
    """Multiples of the rms of the contours; none: -3, 3, 6, 12, 24 and so on."""
    ink: str = ""
    """Colour of the contours; empty: one that stands out on the colour map."""


@cache
def scale(name: str) -> list[tuple[float, str]]:
    """A matplotlib colour map as a plotly colour scale of 64 rgb() stops.

    Not by name: Streamlit's chart theme takes some hex colours near black, among them inferno's, for placeholders.
    """
    colours = matplotlib.colormaps[name](np.linspace(0, 1, 64), bytes=True)
    return [(i / 63, f"rgb({r},{g},{b})") for i, (r, g, b, _) in enumerate(colours.tolist())]


@cache
def overlay_scale(name: str) -> list[tuple[float, str]]:
    """A diverging colour map as in ``scale``, transparent at its middle, so that zero leaves the sky to be seen."""
    return [(t, f"rgba{colour[3:-1]},{min(1.0, 2.5 * abs(2 * t - 1)):.3f})") for t, colour in scale(name)]


def sky_rms(cutout: Cutout) -> float | None:
    """The rms that S/N and contours refer to; None for pictures, whose counts went through an unknown stretch."""
    return None if cutout.noise is None or cutout.kind == "image" else cutout.noise.rms


def display_unit(unit: str | None) -> tuple[float, str]:
    """Factor from the cutout's unit to the one that is shown, and its name."""
    if unit is not None and unit.replace(" ", "").lower() in ("jy/beam", "jybeam-1", "beam-1jy"):
        return 1e3, "mJy/beam"
    return 1.0, {None: "unit not stated", "count": "counts"}.get(unit, str(unit))


def limits(cutout: Cutout, view: SkyView, window: Window | None = None) -> tuple[float, float]:
    """Lower and upper display limit in the cutout's own unit: -2 rms (or the minimum) to the percentile.

    The percentile counts the finite pixels inside the window, or all where there is none.
    """
    factor, _ = display_unit(cutout.unit)
    if view.limits is not None and view.limits[0] < view.limits[1]:
        return view.limits[0] / factor, view.limits[1] / factor
    pixels = cutout.pixels if window is None else part(cutout, window)
    finite = pixels[np.isfinite(pixels)]
    finite = finite if finite.size else cutout.pixels[np.isfinite(cutout.pixels)]
    low, top = float(finite.min()), float(finite.max())
    # Where the noise was clipped away most pixels are at the floor and say nothing about the source.
    counted = finite if cutout.noise is not None or top <= low else finite[finite > low]
    high = float(np.percentile(counted, view.percentile))
    if (rms := sky_rms(cutout)) is not None:
        low = max(low, -2.0 * rms)
        high = max(high, 5.0 * rms)  # an empty field shows its noise dark, not as structure
    return (low, high) if high > low else (low, low + max(abs(low), 1.0))


def part(cutout: Cutout, window: Window) -> FloatArray:
    """Pixels of the cutout inside the window; empty where they do not meet."""
    return cutout.pixels[max(window.y0, 0) : max(window.y1, 0), max(window.x0, 0) : max(window.x1, 0)]


def stretched(values: NDArray[Any], low: float, high: float, stretch: str, softening: float) -> NDArray[np.float32]:
    """Values on the colour scale, 0 at ``low`` and 1 at ``high``, clipped; NaN stays NaN."""
    scaled = (np.clip(np.asarray(values, np.float32), low, high) - low) / (high - low)
    if stretch == "asinh":
        soft = softening / (high - low)
        zero = -low / (high - low)
        floor, top = np.arcsinh(-zero / soft), np.arcsinh((1 - zero) / soft)
        scaled = (np.arcsinh((scaled - zero) / soft) - floor) / (top - floor)
    elif stretch == "sqrt":
        scaled = np.sqrt(scaled)
    elif stretch == "log":
        scaled = np.log1p(1000.0 * scaled) / np.log1p(1000.0)
    elif stretch != "linear":
        raise ValueError(f"Display stretches are {', '.join(STRETCHES)}, not {stretch!r}.")
    return np.asarray(scaled, np.float32)


def softening(cutout: Cutout, low: float, high: float) -> float:
    """Softening of the asinh display in the cutout's unit: 3 rms, or a tenth of the range without an rms."""
    rms = sky_rms(cutout)
    return 3.0 * rms if rms is not None else (high - low) / 10.0


def colour_bar_ticks(
    low: float, high: float, stretch: str, soft: float, factor: float
) -> tuple[list[float], list[str]]:
    """Positions on the colour scale and texts in display units: round values at least a ninth of the bar apart."""
    decades = np.arange(np.floor(np.log10(max(abs(low), abs(high)) * factor + 1e-30)) - 5, 12)
    round_values = np.unique([s * m * 10.0**d for d in decades for m in (1, 2, 5) for s in (-1, 1)] + [0.0])
    round_values = round_values[(round_values >= low * factor) & (round_values <= high * factor)]
    order = sorted(round_values, key=lambda v: (v != 0, -abs(v)))  # zero first, then the largest
    kept: list[tuple[float, float]] = []
    for value in order:
        position = float(stretched(np.array([value / factor]), low, high, stretch, soft)[0])
        if all(abs(position - other) > 0.11 for other, _ in kept):
            kept.append((position, float(value)))
    kept.sort()
    return [position for position, _ in kept], [f"{value:.10f}".rstrip("0").rstrip(".") for _, value in kept]


def keeping(cutout: Cutout) -> float | None:
    """Brightness from which a pixel is never averaged away where an image is drawn smaller: 5 rms."""
    return None if (rms := sky_rms(cutout)) is None else 5.0 * rms


def reduced(pixels: NDArray[Any], limit: int = LARGEST, keep: float | None = None) -> tuple[NDArray[np.float32], int]:
    """Blocks of pixels so that no side exceeds ``limit``, and the block side; (ny, nx) in and out.

    A block is the mean of its finite pixels; one that holds a pixel of at least ``keep`` is its brightest pixel, so
    that a source much smaller than a block stays. NaN only where all are.
    """
    factor = -(-max(pixels.shape) // limit)
    if factor == 1:
        return np.asarray(pixels, np.float32), 1
    ny, nx = (-(-side // factor) * factor for side in pixels.shape)
    padded = np.full((ny, nx), np.nan, np.float32)
    padded[: pixels.shape[0], : pixels.shape[1]] = pixels
    blocks = padded.reshape(ny // factor, factor, nx // factor, factor)
    count = np.isfinite(blocks).sum(axis=(1, 3))
    total = np.nansum(blocks, axis=(1, 3))
    with np.errstate(invalid="ignore"):
        small = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
    if keep is not None:
        brightest = np.fmax.reduce(np.fmax.reduce(blocks, axis=3), axis=1)
        small = np.where(brightest >= keep, brightest, small)
    return small, factor
