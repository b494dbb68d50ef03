"""An explanation as one PNG: what the model saw, and each panel beside it on the same field of view."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from .. import __version__, preprocess
from ..figures.colours import NO_DATA, SIGNED_MAP, SKY_MAP, UNSIGNED_MAP
from ..schema import Cutout, Explanation
from .fits import ascii_text
from .manifest import Provenance

BLANK = ImageColor.getrgb(NO_DATA)
INK, PAPER = (20, 24, 31), (255, 255, 255)
TILE, SMALL_TILE, MARGIN, LINE = 384, 160, 12, 22
BAR = 96
MAX_PANELS = 200


def png_bytes(explanation: Explanation, cutout: Cutout, provenance: Provenance) -> bytes:
    """The model's input and all panels (row 0 of the sky at the bottom) in one RGB picture with one colour scale.

    Pixels are enlarged, never smoothed; signed maps are centred on 0; beyond 200 panels the rest is left out and
    counted in the picture.
    """
    spec = provenance.card.input_spec
    seen = preprocess.input_image(preprocess.to_tensor(cutout, spec), spec)
    maps = np.asarray(explanation.maps[:MAX_PANELS], np.float32)
    low, high = _limits(maps, explanation.signed)
    colours = SIGNED_MAP if explanation.signed else UNSIGNED_MAP
    tiles = [("What the model saw", coloured(seen, 0.0, 1.0, SKY_MAP))]
    tiles += [
        (title, coloured(panel, low, high, colours)) for title, panel in zip(explanation.titles, maps, strict=False)
    ]
    side = TILE if len(tiles) <= 4 else SMALL_TILE
    columns = min(len(tiles), 4 if side == TILE else 8)
    rows = -(-len(tiles) // columns)
    step = side + MARGIN
    width = MARGIN + columns * step + BAR
    height = MARGIN + rows * (step + LINE) + 2 * LINE
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(14 if side == TILE else 11)
    for i, (title, tile) in enumerate(tiles):
        x, y = MARGIN + i % columns * step, MARGIN + i // columns * (step + LINE)
        draw.text((x, y), truncated(title, font, side), INK, font)
        picture.paste(tile.resize((side, side), Image.Resampling.NEAREST), (x, y + LINE - 2))
    _colour_bar(picture, (width - BAR + 4, MARGIN + LINE - 2), side, (low, high), colours)
    y = height - 2 * LINE
    for line in _footer(explanation, cutout, provenance):
        draw.text((MARGIN, y), truncated(line, font, width - 2 * MARGIN), INK, font)
        y += LINE - 4
    text = PngInfo()
    for key, value in _text(provenance).items():
        text.add_text(key, value)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=text, optimize=True)
    return buffer.getvalue()


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


def _colour_bar(picture: Image.Image, at: tuple[int, int], side: int, limits: tuple[float, float], name: str) -> None:
    ramp = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    picture.paste(coloured(ramp, 0.0, 1.0, name).resize((14, side), Image.Resampling.NEAREST), at)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
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
