"""A segmentation as files: masks on the sky, outlines of components for DS9 and CASA, and the table of their fluxes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from .. import __version__
from ..cutouts import mosaics, places
from ..schema import IGNORE, Checkpoint, Cutout
from ..schema.columns import Cell, Column, ascii_text
from ..segmentation import Component, Fluxes, Pieces, Segmentation
from . import tables
from .fits import has_tables, wcs_keywords

COLOURS = ("white", "cyan", "orange", "magenta", "red", "green", "yellow")
"""Of the classes in region files, in turn."""
FITS_BLOCK = 2880
COLUMNS = (
    Column("component", "int", "meta.id", "Number of the component, from 1; none for remainder and total"),
    Column("class", "text", "src.class", "Class of its pixels, or remainder (what no component holds), or total"),
    Column("counts", "bool", "meta.code", "Is it part of the total"),
    Column("pixels", "int", "phys.area;instr.pixel", "Pixels of the mask"),
    Column("beams", "float", "phys.area", "Area of the mask in beams"),
    Column(
        "flux", "float", "phot.flux.density;em.radio", "Integrated flux density, of a component inside its mask", "Jy"
    ),
    Column("flux_error", "float", "stat.error;phot.flux.density;em.radio", "1 sigma of the noise", "Jy"),
    Column(
        "class_error",
        "float",
        "stat.error;phot.flux.density;em.radio",
        "1 sigma of what the scores of the model leave open: pixels that are of another class",
        "Jy",
    ),
    Column("share", "float", "arith.ratio;phot.flux.density", "Flux over the total"),
    Column("peak", "float", "phot.flux.density;em.radio;stat.max", "Brightest pixel, in the unit of peak_unit"),
    Column("peak_unit", "text", "meta.unit", "Unit of peak, as the file has it"),
    Column("ra", "float", "pos.eq.ra;meta.main", "Right ascension of the centroid, ICRS", "deg"),
    Column("dec", "float", "pos.eq.dec;meta.main", "Declination of the centroid, ICRS", "deg"),
    Column("x", "float", "pos.cartesian.x;instr.pixel", "Centroid, pixels from 0"),
    Column("y", "float", "pos.cartesian.y;instr.pixel", "Centroid, pixels from 0"),
    Column("notes", "text", "meta.note", "What is odd, or why a number is missing"),
)


def table_bytes(cutout: Cutout, measured: Fluxes, suffix: str) -> bytes:
    """All components, the remainder and the total, in the format of a suffix of ``tables.FORMATS``."""
    return tables.FORMATS[suffix].to_bytes(COLUMNS, list(rows(cutout, measured)))


def rows(cutout: Cutout, measured: Fluxes) -> Iterator[list[Cell]]:
    """Cells in the order of ``COLUMNS``, components first; components that count and the remainder are the total."""
    off = " ".join(measured.off.values())
    for one in measured.components:
        yield [*_component(one, cutout), ascii_text(off) if one.flux is None else None]
    for name, found in (("remainder", measured.remainder), ("total", measured.total)):
        if found is not None and measured.total is not None:
            share = found.flux / measured.total.flux if measured.total.flux > 0 else None
            notes = " ".join(measured.notes) if name == "total" else None
            fluxes: list[Cell] = [found.flux, found.flux_error, None, share]
            yield [None, name, True, None, None, *fluxes, *[None] * 6, ascii_text(notes) if notes else None]


def _component(one: Component, cutout: Cutout) -> list[Cell]:
    y, x = one.centroid_yx
    fluxes: list[Cell] = [one.flux, one.flux_error, one.class_error, one.share]
    place: list[Cell] = [one.peak, cutout.unit, one.ra, one.dec, x, y]
    return [one.number, one.label, one.counts, one.pixels, one.beams, *fluxes, *place]


def mask_bytes(cutout: Cutout, found: Segmentation, pieces: Pieces, card: Checkpoint) -> bytes:
    """What ``write_mask`` writes."""
    buffer = io.BytesIO()
    write_mask(buffer, cutout, found, pieces, card)
    return buffer.getvalue()


def write_mask(stream: BinaryIO, cutout: Cutout, found: Segmentation, pieces: Pieces, card: Checkpoint) -> None:
    """FITS on the cutout's own pixels and coordinates: classes, then COMPONENTS and SCORES as extensions.

    The classes are uint8, 255 where there is none (BLANK); CLASSn names class n. Components are numbered as in the
    table; scores are softmax scores of the class, not calibrated.
    """
    header = fits.Header()
    if cutout.wcs is not None and not has_tables(cutout.wcs):
        header.update(wcs_keywords(cutout.wcs))
    first = header.copy()
    first["BLANK"] = (IGNORE, "no data, or not looked at")
    for number, name in enumerate(found.label_names):
        first[f"CLASS{number}"] = ascii_text(name)
    first["OBJECT"] = ascii_text(cutout.name)[:60]
    first["CREATOR"] = f"VLASS Explorer {__version__}"
    first["CHECKPT"], first["CHKHASH"], first["SRCHASH"] = card.name, card.sha256, cutout.file_sha256
    if card.provenance.simulated:
        first["TRAINED"] = "simulated images"
    if cutout.wcs is not None and "CTYPE1" not in header:
        first.add_history("celestial coordinates left out: their distortion is a table of the original file")
    planes = [
        fits.PrimaryHDU(found.labels, first),
        fits.ImageHDU(pieces.numbers, header, name="COMPONENTS"),
        fits.ImageHDU(found.scores, header, name="SCORES"),
    ]
    if not mosaics.is_mapped(found.labels):
        fits.HDUList(planes).writeto(stream, checksum=True)
        return
    for plane in planes:
        _write_strips(stream, plane)


def _write_strips(stream: BinaryIO, plane: fits.PrimaryHDU | fits.ImageHDU) -> None:
    """A plane of a mosaic, a strip of rows at a time; its checksum would take the whole."""
    stream.write(plane.header.tostring().encode("ascii"))
    for rows in mosaics.strips(plane.data.shape):
        stream.write(plane.data[rows].astype(plane.data.dtype.newbyteorder(">")).tobytes())
        mosaics.release(plane.data)
    stream.write(bytes(-plane.data.nbytes % FITS_BLOCK))


def outlines(mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> list[list[NDArray[np.float64]]]:
    """Polygons (n, 2) of x, y in pixels from 0 around the pixels of a mask: each an outline and then its holes.

    ``corner`` (y, x) is the pixel of the image that the mask begins at.

    They run half-way between pixels inside and outside, so that they hold the centres of its pixels and no others.
    """
    # Here and not above: matplotlib's contours are slow to import.
    import contourpy

    made: Any = contourpy.contour_generator(z=np.pad(mask, 1).astype(float), fill_type="OuterOffset")
    points, offsets = made.filled(0.5, 2.0)
    found, first = [], np.array(corner[::-1]) - 1
    for line, cuts in zip(points, offsets, strict=True):
        ends = [int(cut) for cut in cuts]
        found.append([np.asarray(line[a : b - 1], float) + first for a, b in zip(ends, ends[1:], strict=False)])
    return found


def regions_bytes(cutout: Cutout, pieces: Pieces, *, crtf: bool = False) -> bytes:
    """Outlines of all components as polygons for DS9, or for CASA and CARTA (CRTF); ICRS, else image pixels.

    A hole is an excluded polygon after its outline; the text is number and class.
    """
    shapes = [
        (number, pieces.labels[number], where, line, is_hole)
        for number in pieces.in_turn(cutout.pixels)
        for rows, columns in (pieces.boxes[number],)
        for outline in outlines(pieces.mask(number), (rows.start, columns.start))
        for is_hole, line in enumerate(outline)
        for where in (places.corners(cutout, line),)
    ]
    on_sky = all(where is not None for _, _, where, _, _ in shapes)
    names = list(dict.fromkeys(pieces.labels.values()))
    if crtf:
        lines = ["#CRTFv0", f"# VLASS Explorer {__version__}: {ascii_text(cutout.name)}"]
    else:
        lines = ["# Region file format: DS9 version 4.1", f"# VLASS Explorer {__version__}: {ascii_text(cutout.name)}"]
        lines.append("icrs" if on_sky else "image")
    for number, label, where, line, is_hole in shapes:
        text = ascii_text(f"{number} {label}").translate(str.maketrans("{};,'\"[]", "()  ``()"))
        minus = "-" if is_hole else ""
        colour = COLOURS[1 + names.index(label) % (len(COLOURS) - 1)]
        if crtf:
            unit = "deg" if on_sky else "pix"
            points = where if on_sky and where is not None else line
            corners = ", ".join(f"[{x:.8f}{unit}, {y:.8f}{unit}]" for x, y in points)
            frame = "coord=ICRS, " if on_sky else ""
            lines.append(f"{minus}poly [{corners}], {frame}color={colour}, label='{text}'")
        else:
            points = where if on_sky and where is not None else line + 1  # DS9 counts from 1
            corners = ",".join(f"{value:.8f}" for value in points.ravel())
            lines.append(f"{minus}polygon({corners}) # color={colour} text={{{text}}}")
    return ("\n".join(lines) + "\n").encode("ascii")
