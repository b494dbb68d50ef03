"""A catalogue as places on an image: columns of position found by UCD or name, whatever else the table holds."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from .. import tabular
from ..foreign import mapped, reason
from ..schema import ArchiveError, Cutout
from .shapes import Array, Catalogue, Drawn, OverlayError, Placed, nearest, sentence

MOST_ROWS = 500_000
CLASS_UCDS = ("src.class", "src.morph.type", "src.morph")
CLASSES = ("class", "label", "morphology", "classification", "source_class", "source_type", "main_type", "type")
"""Names of a column that says what a source is."""


def read(content: bytes, name: str) -> Catalogue:
    """Positions of a table in ICRS; rows without one are left out and counted.

    Raises ArchiveError for what is no table, or one without columns of right ascension and declination.
    """
    table = tabular.columns(content, name)
    ra = tabular.pick(table, "", tabular.RA_UCDS, tabular.RA, name)
    dec = tabular.pick(table, "", tabular.DEC_UCDS, tabular.DEC, name)
    if ra is None or dec is None:
        columns = ", ".join(list(table)[:8]) or "none"
        raise ArchiveError(
            f"{name} has no columns of right ascension and declination that UCD or name tell (columns: {columns})."
        )
    if len(ra.values) > MOST_ROWS:
        raise OverlayError(f"{name} has {len(ra.values):,} rows: cut it down to {MOST_ROWS:,} around the image.")
    scale = 15.0 if tabular.is_hours(ra, name, "a unit, or the name ra_h or ra_deg") else tabular.degrees(ra)
    first, second = _numbers(ra), _numbers(dec)
    lon, lat = first * scale, second * tabular.degrees(dec)
    words = [
        i for i in np.flatnonzero(~np.isfinite(first)).tolist() if ":" in tabular.text(ra.values[i]).replace(" ", ":")
    ]
    if words:
        texts = [f"{tabular.text(ra.values[i])} {tabular.text(dec.values[i])}" for i in words]
        with mapped(lambda error: OverlayError(f"A position of {name} cannot be read ({reason(error)}).")):
            places = SkyCoord(texts, unit=(u.hourangle, u.deg))
        lon[words], lat[words] = places.ra.deg, places.dec.deg
    known = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90.0)
    column = tabular.pick(table, "", ("meta.id;meta.main",), tabular.NAME, name)
    kind = tabular.pick(table, "", CLASS_UCDS, CLASSES, name)
    names, kinds = (
        [""] * len(lon) if each is None else [tabular.text(value) for value in each.values] for each in (column, kind)
    )
    labels = [" · ".join(filter(None, dict.fromkeys(both))) for both in zip(names, kinds, strict=True)]
    left_out = int((~known).sum())
    notes = (f"{left_out:,} rows of {name} have no position and are left out.",) if left_out else ()
    kept = np.flatnonzero(known)
    return Catalogue(name, lon[kept] % 360.0, lat[kept], tuple(labels[i] for i in kept), notes)


def _numbers(column: tabular.Read) -> Array:
    return np.array([np.nan if (value := tabular.number(each)) is None else value for each in column.values], float)


def place(layer: Catalogue, cutout: Cutout) -> Placed:
    """The positions on the pixels of a cutout, as points."""
    if cutout.wcs is None:
        return Placed(layer.name, (), f"{layer.name}: off, for this image has no sky coordinates.", layer.notes)
    with mapped(lambda error: OverlayError(f"{layer.name} cannot be laid on this image ({reason(error)}).")):
        x, y = cutout.wcs.world_to_pixel(SkyCoord(layer.ra, layer.dec, unit="deg"))
    ny, nx = cutout.shape
    with np.errstate(invalid="ignore"):
        inside = np.flatnonzero((x >= -0.5) & (x <= nx - 0.5) & (y >= -0.5) & (y <= ny - 0.5))
    order = inside[nearest(y[inside], x[inside], cutout.shape)]
    shapes = tuple(Drawn(y[[i]], x[[i]], layer.labels[i], "") for i in order)
    said = sentence(layer.name, "sources", len(layer.ra), len(inside), len(order))
    return Placed(layer.name, shapes, said, layer.notes)
