"""Region files of DS9 and CASA (CRTF) as outlines: read by the package regions, laid on the sky by ourselves.

An outline is sampled on the sky, in the frame that the file names, and taken to the pixels vertex by vertex: right on
turned, mirrored and distorted images and at a pole. (regions 0.12 turns an ellipse by the north of ICRS whatever its
frame, and scales it by the pixel at its centre.) Angles run from the frame's axis of longitude, as DS9 has them: the
second axis of an angle of 0 points to the frame's north, and turns towards its east.
"""

from __future__ import annotations

import re
import warnings
from pathlib import PurePath
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from matplotlib import colors

from ..cutouts.astropy_notes import collected
from ..cutouts.notes import Notes
from ..foreign import mapped, reason
from ..schema import Cutout
from .shapes import Array, Drawn, OverlayError, Placed, Regions, Shape, nearest, sentence

AROUND = 48
"""Vertices of an ellipse."""
MOST_READ = 50_000
MARK = "\N{WORD JOINER}"  # before a label that looks like a number, which regions makes one: 0042 would be 42
NO_ANGLE = re.compile(r"\b(ellipse|box)\(((?:[^(),]*,){3}[^(),]*)\)", re.IGNORECASE)
LABEL = re.compile(r"\b((?:text|label)\s*=\s*)([{\"'])")


def read(content: bytes, name: str) -> Regions:
    """All regions of a file as outlines; raises OverlayError for what is no region file."""
    import regions  # here: half a second that a page without regions does not wait for

    text = content.decode("utf-8", "replace")
    is_crtf = PurePath(name).suffix.lower() in (".crtf", ".crt") or text.lstrip()[:5].upper() == "#CRTF"
    text = LABEL.sub(rf"\1\2{MARK}", text)
    if not is_crtf:  # regions doubles the first axis of an ellipse without its angle, and refuses such a box
        text = NO_ANGLE.sub(r"\1(\2,0)", text)
    with mapped(lambda error: OverlayError(f"{name} cannot be read as a region file ({reason(error)}).")):
        with collected(Notes()), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = regions.Regions.parse(text, format="crtf" if is_crtf else "ds9").regions
        if len(found) > MOST_READ:
            raise OverlayError(f"{name} has {len(found):,} regions: cut it down to {MOST_READ:,}.")
        shapes = [shape for each in found for shape in _shapes(each)]
    if not shapes:
        raise OverlayError(f"{name} holds no region of DS9 or CASA.")
    skipped = len({str(each.message) for each in said if "not supported" in str(each.message)})
    word = "kind of region is" if skipped == 1 else "kinds of regions are"
    return Regions(name, tuple(shapes), (f"{skipped} {word} not known and left out.",) if skipped else ())


def _shapes(region: Any) -> list[Shape]:
    from regions import SkyRegion

    label = str(region.meta.get("text", region.meta.get("label", "")) or "").replace(MARK, "")
    if not label and hasattr(region, "text"):
        label = str(region.text).replace(MARK, "")
    told = next((region.visual[key] for key in ("color", "edgecolor") if region.visual.get(key)), "")
    colour = colors.to_hex(told) if colors.is_color_like(told) else ""
    excluded = not region.meta.get("include", True)
    on_sky = isinstance(region, SkyRegion)
    outlines = _on_sky(region) if on_sky else _on_pixels(region)
    return [
        Shape(each if on_sky else None, None if on_sky else each, label if number == 0 else "", colour, excluded)
        for number, each in enumerate(outlines)
    ]


def _on_sky(region: Any) -> list[SkyCoord]:
    """Outlines of one region on the sky, closed; a point is one vertex."""
    if hasattr(region, "vertices"):
        vertices = region.vertices
        return [vertices[np.arange(len(vertices) + 1) % len(vertices)]]
    if hasattr(region, "start"):
        ends = region.start, region.end
        lon, lat = ([getattr(end.spherical, axis).deg for end in ends] for axis in ("lon", "lat"))
        return [SkyCoord(lon, lat, unit="deg", frame=region.start.frame.replicate_without_data())]
    centre = region.center
    if not centre.isscalar:
        raise OverlayError("A region has one centre.")
    if not (offsets := _offsets(region, lambda length: length.to_value(u.rad))):
        return [centre.reshape(1)]
    found = []
    for along, across in offsets:  # east and north in the frame; the angle is seen on an image with east to the left
        angle, distance = np.arctan2(-along, across), np.hypot(along, across)
        found.append(centre.directional_offset_by(angle * u.rad, distance * u.rad))
    return found


def _on_pixels(region: Any) -> list[Array]:
    if hasattr(region, "vertices"):
        xy = np.stack([region.vertices.x, region.vertices.y], axis=1).astype(float)
        return [np.concatenate([xy, xy[:1]])]
    if hasattr(region, "start"):
        return [np.array([[end.x, end.y] for end in (region.start, region.end)], float)]
    centre = np.array([[region.center.x, region.center.y]], float)
    found = [centre + np.stack(each, axis=1) for each in _offsets(region, float)]
    return found or [centre]


def _offsets(region: Any, size: Any) -> list[tuple[Array, Array]]:
    """Outlines around the centre as offsets (to the right, up) on an image with north up; none for a point."""
    name = type(region).__name__
    turn = np.linspace(0.0, 2.0 * np.pi, AROUND + 1)
    round_ = np.cos(turn), np.sin(turn)
    square = np.array([-1.0, 1.0, 1.0, -1.0, -1.0]), np.array([-1.0, -1.0, 1.0, 1.0, -1.0])
    angle = getattr(region, "angle", 0.0 * u.deg).to_value(u.rad)
    if name.startswith("CircleAnnulus"):
        sizes, unit = [(size(r), size(r)) for r in (region.inner_radius, region.outer_radius)], round_
    elif name.startswith("Circle"):
        sizes, unit = [(size(region.radius),) * 2], round_
    elif "Annulus" in name:
        ends = ("inner", "outer")
        sizes = [tuple(size(getattr(region, f"{end}_{side}")) / 2 for side in ("width", "height")) for end in ends]
        unit = round_ if name.startswith("Ellipse") else square
    elif name.startswith(("Ellipse", "Rectangle")):
        sizes, unit = [(size(region.width) / 2, size(region.height) / 2)], square if "Rect" in name else round_
    else:
        return []
    found = []
    for half_width, half_height in sizes:
        u_, v = unit[0] * half_width, unit[1] * half_height
        found.append((u_ * np.cos(angle) - v * np.sin(angle), u_ * np.sin(angle) + v * np.cos(angle)))
    return found


def place(layer: Regions, cutout: Cutout) -> Placed:
    """The outlines on the pixels of a cutout; what lies wholly outside, or where the image has no sky, is left out."""
    on_sky = [shape for shape in layer.shapes if shape.sky is not None]
    if on_sky and cutout.wcs is None and len(on_sky) == len(layer.shapes):
        return Placed(layer.name, (), f"{layer.name}: off, for this image has no sky coordinates.", layer.notes)
    points = _pixels(layer, cutout)
    ny, nx = cutout.shape
    found = []
    for shape, xy in zip(layer.shapes, points, strict=True):
        if xy is None or not np.isfinite(xy).all():
            continue
        (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
        if x1 >= -0.5 and x0 <= nx - 0.5 and y1 >= -0.5 and y0 <= ny - 0.5:
            found.append(Drawn(xy[:, 1], xy[:, 0], shape.label, shape.colour, shape.excluded))
    if found:
        middle = np.array([[each.y.mean(), each.x.mean()] for each in found])
        order = nearest(middle[:, 0], middle[:, 1], cutout.shape)
    else:
        order = np.zeros(0, np.int64)
    said = sentence(layer.name, "regions", len(layer.shapes), len(found), len(order))
    return Placed(layer.name, tuple(found[i] for i in order), said, layer.notes)


def _pixels(layer: Regions, cutout: Cutout) -> list[Array | None]:
    """Vertices (n, 2), x and y, of each shape in pixels; None on the sky of an image without coordinates.

    All shapes of a frame go through the coordinates at once: shape by shape, two thousand take half a minute.
    """
    found: list[Array | None] = [shape.xy for shape in layer.shapes]
    if cutout.wcs is None:
        return found
    frames: dict[str, list[int]] = {}
    for number, shape in enumerate(layer.shapes):
        if shape.sky is not None:
            frames.setdefault(repr(shape.sky.frame.replicate_without_data()), []).append(number)
    for members in frames.values():
        all_of_them = [layer.shapes[i].sky for i in members]
        first = all_of_them[0]
        assert first is not None
        lon = np.concatenate([np.atleast_1d(each.spherical.lon.deg) for each in all_of_them if each is not None])
        lat = np.concatenate([np.atleast_1d(each.spherical.lat.deg) for each in all_of_them if each is not None])
        joined = SkyCoord(lon, lat, unit="deg", frame=first.frame.replicate_without_data())
        with mapped(lambda error: OverlayError(f"{layer.name} cannot be laid on this image ({reason(error)}).")):
            x, y = cutout.wcs.world_to_pixel(joined)
        ends = np.cumsum([layer.shapes[i].size for i in members])[:-1]
        for i, part in zip(members, np.split(np.stack([x, y], axis=1), ends), strict=True):
            found[i] = part
    return found
