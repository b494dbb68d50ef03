"""The beam of one plane of a cube whose planes have beams of their own: CASA's BEAMS table (CASAMBM = T)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from ..foreign import mapped
from ..schema import Beam, CutoutError
from . import structure
from .axes import Plane
from .notes import Notes
from .numbers import ANGLES, number

MAX_ROWS = 1_000_000
ALIKE = 0.01  # beams that differ by less than this are one


def find(header: Mapping[str, Any], hdus: Sequence[Any]) -> tuple[bool, fits.BinTableHDU | None]:
    """Whether each plane has its own beam (CASAMBM, or a table and no BMAJ), and the table of them."""
    is_said = header.get("CASAMBM") is True or str(header.get("CASAMBM", "")).strip().upper() in ("T", "TRUE")
    table = None
    for index in range(structure.MAX_HDUS):
        try:
            with mapped(_unreadable):
                hdu = hdus[index]
        except CutoutError:
            break
        if isinstance(hdu, fits.BinTableHDU) and hdu.name == "BEAMS":
            table = hdu
            break
    return is_said or (table is not None and number(header.get("BMAJ")) is None), table


def beam(table: fits.BinTableHDU | None, plane: Plane, notes: Notes) -> Beam | None:
    """Beam of the plane, in arcsec and degrees; None, with a note, where the table gives none.

    A table of one row holds for every plane; rows are found by CHAN and POL where the table has as many channels as
    the image.
    """
    if table is None:
        notes.append("Each plane has its own beam (CASAMBM), and the table of beams is missing: no beam is known.")
        return None
    try:
        with mapped(_unreadable):
            rows = _rows(table)
    except CutoutError as error:
        notes.append(str(error))
        return None
    row = _row(rows, plane)
    if row is None:
        notes.append(f"The file has {len(rows)} beams and does not say which is that of this plane: no beam is known.")
        return None
    major, minor, pa = (float(value) for value in row[:3])
    if not (np.isfinite([major, minor, pa]).all() and major >= minor > 0):
        notes.append("The table of beams holds none for this plane: it was not observed, or not cleaned.")
        return None
    return Beam(major, minor, pa, source="BEAMS table")


def _unreadable(error: Exception) -> CutoutError:
    return CutoutError("The table of beams cannot be read: no beam is known.")


def _rows(table: fits.BinTableHDU) -> NDArray[np.float64]:
    """Rows (major, minor in arcsec, position angle in degrees, channel, polarisation), the last two NaN if absent."""
    if not 0 < int(table.header["NAXIS2"]) <= MAX_ROWS:
        raise ValueError("no rows")
    columns = {column.name.upper(): column for column in table.columns}
    rows = []
    for name, unit, default in (
        ("BMAJ", u.arcsec, "arcsec"),
        ("BMIN", u.arcsec, "arcsec"),
        ("BPA", u.deg, "deg"),
        ("CHAN", None, None),
        ("POL", None, None),
    ):
        if name not in columns:
            rows.append(np.full(len(table.data), np.nan if name != "BPA" else 0.0))
            continue
        values = np.asarray(table.data[columns[name].name], np.float64).ravel()
        if unit is not None:
            told = str(columns[name].unit or default).strip()
            values = (values * u.Unit(ANGLES.get(told.upper(), told))).to_value(unit)
        rows.append(values)
    return np.stack(rows, axis=1)


def _row(rows: NDArray[np.float64], plane: Plane) -> NDArray[np.float64] | None:
    if len(rows) == 1:
        return rows[0]
    channels, polarisations = rows[:, 3] - rows[:, 3].min(), rows[:, 4] - rows[:, 4].min()
    if np.isnan(channels).all():
        matched = rows[[plane.channel]] if len(rows) == plane.channels else rows[:0]
    elif len(np.unique(channels)) == plane.channels:
        matched = rows[(channels == plane.channel) & (np.isnan(polarisations) | (polarisations == plane.polarisation))]
    else:
        matched = rows[:0]
    if len(matched) == 1:
        return matched[0]
    valid = rows[(rows[:, :2] > 0).all(axis=1)]
    return valid[0] if len(valid) and _are_alike(valid) else None


def _are_alike(rows: NDArray[np.float64]) -> bool:
    """Whether the rows are one ellipse: widths within ALIKE, position angles modulo 180 and as the shape tells them."""
    squares, turn = np.square(rows[:, :2]), np.radians(2 * rows[:, 2])
    size, shape = squares.sum(axis=1), squares[:, 0] - squares[:, 1]
    ellipses = np.stack([size, shape * np.cos(turn), shape * np.sin(turn)], axis=1)
    return bool((np.ptp(ellipses, axis=0) <= 2 * ALIKE * size.min()).all())
