"""Regions that were measured on a cutout, with their statistics, as a CSV table and as a DS9 region file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from .. import __version__
from ..cutouts import places
from ..measure import Region, Statistics
from ..schema import Cutout, sky_steps
from ..schema.columns import ascii_text

Measured = tuple[Region, Statistics]


def statistics_rows(cutout: Cutout, measured: Sequence[Measured]) -> list[dict[str, object]]:
    """One row a region: values by name with the unit, None where a number is off; positions in degrees, ICRS."""
    unit = cutout.unit or "unit not stated"
    rows: list[dict[str, object]] = []
    for number, (region, found) in enumerate(measured, start=1):
        centre = places.position(cutout, region.y, region.x) or (None, None)
        peak = places.position(cutout, *found.peak_yx) or (None, None)
        steps = cutout.pixel_shape.scale if cutout.pixel_shape is not None else (None, None)
        height, width = (
            None if step is None else step * side
            for step, side in zip(steps, (region.height, region.width), strict=True)
        )
        rows.append(
            {
                "region": number,
                "shape": region.kind,
                "ra (deg)": centre[0],
                "dec (deg)": centre[1],
                "x (pixel)": region.x,
                "y (pixel)": region.y,
                "width (arcsec)": width,
                "height (arcsec)": height,
                "flux density (Jy)": found.flux,
                "flux density error (Jy)": found.flux_error,
                "flux scale error (Jy)": found.flux_scale_error,
                f"peak ({unit})": found.peak,
                "peak ra (deg)": peak[0],
                "peak dec (deg)": peak[1],
                "peak x (pixel)": found.peak_yx[1],
                "peak y (pixel)": found.peak_yx[0],
                f"minimum ({unit})": found.least,
                f"mean ({unit})": found.mean,
                f"rms ({unit})": found.rms,
                f"std ({unit})": found.std,
                f"sum ({unit})": found.total,
                "pixels": found.pixels,
                "pixels without data": found.blanked,
                "beams": found.beams,
                "area (arcsec2)": found.area,
                "notes": " ".join([*found.notes, *(f"{name}: {why}" for name, why in found.off.items())]),
            }
        )
    return rows


def statistics_csv(cutout: Cutout, measured: Sequence[Measured]) -> bytes:
    """The rows as CSV below two lines of comment: software and file."""
    rows = statistics_rows(cutout, measured)
    text = io.StringIO()
    text.write(f"# VLASS Explorer {__version__}: statistics inside drawn regions, positions ICRS, pixels from 0\n")
    text.write(f"# {ascii_text(cutout.name)} sha256 {cutout.file_sha256}\n")
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["region"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def measured_regions(cutout: Cutout, regions: Sequence[Region]) -> bytes:
    """A DS9 region file of circles, ellipses and boxes: ICRS where the image has a sky there, else image pixels."""
    lines = ["# Region file format: DS9 version 4.1", f"# VLASS Explorer {__version__}: {ascii_text(cutout.name)}"]
    for number, region in enumerate(regions, start=1):
        place = places.position(cutout, region.y, region.x)
        steps = None if cutout.wcs is None else sky_steps(cutout.wcs, region.y, region.x)
        if place is None or steps is None:
            system, centre, angle, mark = "image", (region.x + 1, region.y + 1), 0.0, ""
            width, height = region.width, region.height
        else:
            system, centre, mark = "icrs", place, '"'
            width, height = (
                side * float(np.hypot(*steps[:, axis])) for axis, side in ((0, region.width), (1, region.height))
            )
            angle = float(np.degrees(np.arctan2(steps[0, 1], steps[1, 1]))) % 360.0
        middle = f"{centre[0]:.8f},{centre[1]:.8f}"
        if region.kind == "box":
            shape = f"box({middle},{width:.4f}{mark},{height:.4f}{mark},{angle:.4f})"
        elif abs(width - height) < 1e-3 * width:
            shape = f"circle({middle},{(width + height) / 4:.4f}{mark})"
        else:
            shape = f"ellipse({middle},{width / 2:.4f}{mark},{height / 2:.4f}{mark},{angle:.4f})"
        lines += [system, f"{shape} # text={{{number}}}"]
    return ("\n".join(lines) + "\n").encode("ascii")
