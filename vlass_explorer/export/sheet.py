"""Several explanations of one cutout as one PNG, each map as a share of its own largest value, on one colour scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .. import __version__, preprocess
from ..figures.colours import SIGNED_MAP, SKY_MAP, UNSIGNED_MAP, SkyView
from ..schema import Cutout
from ..schema.columns import ascii_text
from . import picture as sky_picture
from .manifests import Item
from .png import INK, LINE, MARGIN, PAPER, TILE, coloured, saved, stacked, truncated

COLUMNS = 4


def sheet_bytes(items: Sequence[Item], cutout: Cutout) -> bytes:
    """One RGB picture: the sky with axes, beam and colour bar; below it what each checkpoint saw, and all maps.

    Row 0 of the sky is at the bottom. Signed maps run from -1 to 1 around 0, unsigned ones from 0 to 1, both in units
    of their own largest magnitude.
    """
    tiles: list[tuple[str, str, Image.Image]] = []
    for card in {provenance.card.name: provenance.card for _, provenance in items}.values():
        seen = preprocess.input_image(preprocess.to_tensor(cutout, card.input_spec), card.input_spec)
        tiles.append(("What the model saw", card.name, coloured(seen, 0.0, 1.0, SKY_MAP)))
    for explanation, provenance in items:
        maps = np.asarray(explanation.maps, np.float32)
        finite = np.abs(maps[np.isfinite(maps)])
        top = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
        low, colours = (-top, SIGNED_MAP) if explanation.signed else (0.0, UNSIGNED_MAP)
        for title, panel in zip(explanation.titles, maps, strict=True):
            below = f"{provenance.card.name}, {provenance.question}, largest {top:.3g}"
            tiles.append((title, below, coloured(panel, low, top, colours)))
    columns = min(len(tiles), COLUMNS)
    rows = -(-len(tiles) // columns)
    step = TILE + 2 * LINE + MARGIN
    picture = Image.new("RGB", (MARGIN + columns * (TILE + MARGIN), MARGIN + rows * step + 2 * LINE), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for number, (title, below, tile) in enumerate(tiles):
        x, y = MARGIN + number % columns * (TILE + MARGIN), MARGIN + number // columns * step
        draw.text((x, y), truncated(title, font, TILE), INK, font)
        picture.paste(tile.resize((TILE, TILE), Image.Resampling.NEAREST), (x, y + LINE - 2))
        draw.text((x, y + LINE + TILE), truncated(below, font, TILE), INK, font)
    _scales(picture, draw, font, any(explanation.signed for explanation, _ in items), cutout)
    window = preprocess.window(cutout, items[0][1].card.input_spec)
    panels = [sky_picture.sky_panel(cutout, SkyView(), window)]
    above, boxes = sky_picture.drawn(cutout, panels, window, SkyView())
    facts = {"Software": f"VLASS Explorer {__version__}", "Cutout sha256": cutout.file_sha256}
    return saved(stacked([above, picture]), {**facts, **sky_picture.facts(cutout, panels, boxes)})


def _scales(
    picture: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    signed: bool,
    cutout: Cutout,
) -> None:
    """The colour bars and the name of the cutout along the lower edge."""
    y, x = picture.height - 2 * LINE, MARGIN
    for low, name in ((0, UNSIGNED_MAP), *([(-1, SIGNED_MAP)] if signed else [])):
        ramp = coloured(np.linspace(0.0, 1.0, 256, dtype=np.float32)[None], 0.0, 1.0, name)
        draw.text((x, y - 2), f"{low}", INK, font)
        picture.paste(ramp.resize((128, 12)), (x + 20, y))
        draw.text((x + 154, y - 2), "1", INK, font)
        x += 190
    line = f"of each map's largest value   {ascii_text(cutout.name)}"
    draw.text((MARGIN, y + LINE - 4), truncated(line, font, picture.width - 2 * MARGIN), INK, font)
