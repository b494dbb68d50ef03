"""An explanation as one PNG: the sky, what the model saw, and each panel beside it on the same field of view."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from .. import __version__, preprocess
from ..figures.colours import NO_DATA, SIGNED_MAP, SKY_MAP, UNSIGNED_MAP, SkyView
from ..figures.sky import OUTLINE
from ..overlays import Placed
from ..overlays.shapes import Drawn
from ..schema import Cutout, Explanation
from ..schema.columns import ascii_text
from . import picture
from .manifests import Provenance

BLANK = ImageColor.getrgb(NO_DATA)
INK, PAPER = (20, 24, 31), (255, 255, 255)
TILE, SMALL_TILE, MARGIN, LINE = 384, 160, 12, 22
BAR = 96
MAX_PANELS = 200
MOST_ON_AXES = 3
"""Maps that get axes of their own."""


def png_bytes(
    explanation: Explanation,
    cutout: Cutout,
    provenance: Provenance,
    view: SkyView | None = None,
    layers: Sequence[Placed] = (),
) -> bytes:
    """The sky as ``view`` shows it, the model's input and all panels in one RGB picture, row 0 at the bottom.

    Sky, input and up to three maps have axes from the WCS and a colour bar with its unit, the sky its beam, scale bar,
    arrows and ``layers``; above stand name, position and survey. More maps, and maps without a place on the sky, are
    tiles below, on one colour scale. Pixels are enlarged, never smoothed; signed maps are centred on 0; beyond 200
    panels the rest is left out and counted in the picture. What it shows is told as text in the file, too.
    """
    spec, view = provenance.card.input_spec, view or SkyView()
    seen = preprocess.input_image(preprocess.to_tensor(cutout, spec), spec)
    window = preprocess.window(cutout, spec)
    maps = np.asarray(explanation.maps[:MAX_PANELS], np.float32)
    low, high = _limits(maps, explanation.signed)
    name = SIGNED_MAP if explanation.signed else UNSIGNED_MAP
    saw = f"What the model saw ({seen.shape[1]}×{seen.shape[0]})"
    panels = [
        picture.sky_panel(cutout, view, window),
        picture.Panel(saw, seen, window, (0.0, 1.0), SKY_MAP, "model input, scaled 0 to 1"),
    ]
    on_axes = explanation.on_sky and len(maps) <= MOST_ON_AXES
    if on_axes:
        panels += [
            picture.Panel(title, panel, window, (low, high), name, explanation.unit)
            for title, panel in zip(explanation.titles, maps, strict=True)
        ]
    if explanation.outline is not None:
        height, width = window.shape
        y, x = explanation.outline.T * [[height], [width]] + [[window.y0 - 0.5], [window.x0 - 0.5]]
        layers = (*layers, Placed("outline", (Drawn(y, x, "", OUTLINE),), ""))
    parts = [(drawn := picture.drawn(cutout, panels, window, view, layers))[0]]
    if not on_axes:
        tiles = [
            (title, coloured(panel, low, high, name)) for title, panel in zip(explanation.titles, maps, strict=False)
        ]
        parts.append(_tiles(tiles, (low, high), name, explanation.unit))
    parts.append(_written(_footer(explanation, cutout, provenance), max(part.width for part in parts)))
    return saved(stacked(parts), {**_text(provenance), **picture.facts(cutout, panels, drawn[1])})


def stacked(parts: Sequence[Image.Image]) -> Image.Image:
    """Pictures below each other, their left edges in line."""
    whole = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), PAPER)
    y = 0
    for part in parts:
        whole.paste(part, (0, y))
        y += part.height
    return whole


def saved(image: Image.Image, facts: Mapping[str, str]) -> bytes:
    """A PNG with what it shows as text chunks."""
    text = PngInfo()
    for key, value in facts.items():
        text.add_text(key, value)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text, optimize=True)
    return buffer.getvalue()


def _tiles(tiles: Sequence[tuple[str, Image.Image]], limits: tuple[float, float], name: str, unit: str) -> Image.Image:
    """Maps as tiles with one colour bar."""
    side = TILE if len(tiles) <= 4 else SMALL_TILE
    columns = min(len(tiles), 4 if side == TILE else 8)
    rows = -(-len(tiles) // columns)
    step = side + MARGIN
    sheet = Image.new("RGB", (MARGIN + columns * step + BAR, MARGIN + rows * (step + LINE) + LINE), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14 if side == TILE else 11)
    for i, (title, tile) in enumerate(tiles):
        x, y = MARGIN + i % columns * step, MARGIN + i // columns * (step + LINE)
        draw.text((x, y), truncated(title, font, side), INK, font)
        sheet.paste(tile.resize((side, side), Image.Resampling.NEAREST), (x, y + LINE - 2))
    _colour_bar(sheet, (sheet.width - BAR + 4, MARGIN + LINE - 2), side, limits, name)
    draw.text((MARGIN, sheet.height - LINE), f"colours: {ascii_text(unit)}", INK, font)
    return sheet


def _written(lines: Sequence[str], width: int) -> Image.Image:
    page = Image.new("RGB", (width, (LINE - 4) * len(lines) + MARGIN), PAPER)
    font = ImageFont.load_default(14)
    for row, line in enumerate(lines):
        ImageDraw.Draw(page).text((MARGIN, row * (LINE - 4)), truncated(line, font, width - 2 * MARGIN), INK, font)
    return page


def _limits(maps: NDArray[np.float32], signed: bool) -> tuple[float, float]:
    """Ends of the colour scale over all panels; around 0 for signed maps."""
    finite = maps[np.isfinite(maps)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    return (low, high) if high > low else (low, low + 1.0)


def coloured(image: NDArray[np.float32], low: float, high: float, name: str) -> Image.Image:
    """An RGB image with row 0 at its bottom; NaN in the colour of no data; what is in colour (ny, nx, 3) stays so."""
    values = (np.asarray(image, np.float64) - low) / (high - low)
    blank = ~np.isfinite(values)
    shares = values.clip(0.0, 1.0) if image.ndim == 3 else matplotlib.colormaps[name](np.where(blank, 0.0, values))
    rgb = (shares[..., :3] * 255.0).round().astype(np.uint8)
    rgb[blank if image.ndim == 2 else blank.any(axis=-1)] = BLANK
    return Image.fromarray(np.ascontiguousarray(rgb[::-1]))


def _colour_bar(sheet: Image.Image, at: tuple[int, int], side: int, limits: tuple[float, float], name: str) -> None:
    ramp = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    sheet.paste(coloured(ramp, 0.0, 1.0, name).resize((14, side), Image.Resampling.NEAREST), at)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for share, value in ((0.0, limits[1]), (0.5, sum(limits) / 2.0), (1.0, limits[0])):
        draw.text((at[0] + 18, at[1] + share * (side - 12)), f"{value:.3g}", INK, font)


def _footer(explanation: Explanation, cutout: Cutout, provenance: Provenance) -> list[str]:
    first = f"{cutout.name}   {provenance.card.name}   {provenance.method}   target {provenance.question}"
    hidden = len(explanation.titles) - MAX_PANELS
    second = f"{hidden} more panels are not drawn." if hidden > 0 else ""
    if provenance.prediction is not None:
        prediction = provenance.prediction
        score = float(prediction.probabilities.max())
        second = f"prediction {prediction.label}, softmax score {score:.3f}; {prediction.validity.level}. {second}"
    return [first, second]


def truncated(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Text in ASCII, cut to a width in pixels."""
    text = ascii_text(text)[:400]
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _text(provenance: Provenance) -> dict[str, str]:
    return {
        "Software": f"VLASS Explorer {__version__}",
        "Method": provenance.method,
        "Target": ascii_text(provenance.question),
        "Checkpoint": provenance.card.name,
        "Checkpoint sha256": provenance.card.sha256,
    }
