"""Explanation maps as FITS that lie right on the sky, whatever crop and resize the model needed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Literal

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, Sip
from numpy.typing import NDArray

from .. import __version__, preprocess
from ..schema import Cutout, Explanation, InputError, Window
from ..schema.columns import ascii_text
from .manifests import Provenance

Pixels = Literal["grid", "native"]


def fits_bytes(
    explanation: Explanation, cutout: Cutout, provenance: Provenance, *, pixels: Pixels | None = None
) -> bytes:
    """One FITS image, float32: (gy, gx), or (panel, gy, gx) where there are several panels.

    The maps cover the model's field of view exactly.  ``pixels="grid"`` keeps their own pixels, each several native
    ones large, under a rescaled WCS; ``"native"`` repeats them on the cutout's pixels under the cutout's WCS.  By
    default the grid, unless the WCS has distortions, which a linear rescale cannot carry.  The LTM and LTV keywords
    (IRAF's physical coordinates, known to DS9) lead back to the pixels of the cutout, with or without a WCS.
    A map that has no place on the sky carries none of them.
    """
    window = preprocess.window(cutout, provenance.card.input_spec)
    if pixels is None:
        distorted = cutout.wcs is not None and cutout.wcs.has_distortion
        pixels = "native" if distorted and explanation.on_sky else "grid"
    elif pixels == "grid" and cutout.wcs is not None and cutout.wcs.has_distortion:
        raise InputError(f"The coordinates of {cutout.name} are distorted; export on native pixels.")
    maps = np.asarray(explanation.maps, np.float32)
    if pixels == "native":
        maps = on_native_pixels(maps, window)
    header = fits.Header()
    if explanation.on_sky and cutout.wcs is not None and not has_tables(cutout.wcs):
        header.update(_celestial_header(cutout.wcs, window, (maps.shape[1], maps.shape[2])))
    if explanation.on_sky:
        _physical(header, window, (maps.shape[1], maps.shape[2]))
    if maps.shape[0] == 1:
        data = maps[0]
    else:
        data = maps
        _panel_axis(header, explanation.titles)
    _record(header, explanation, cutout, provenance, pixels)
    buffer = io.BytesIO()
    fits.PrimaryHDU(data, header).writeto(buffer, checksum=True)
    return buffer.getvalue()


def covering_wcs(wcs: WCS, window: Window, grid: tuple[int, int]) -> WCS:
    """The celestial WCS of a grid (gy, gx) that covers the window exactly; distortions only on the native grid."""
    return WCS(_celestial_header(wcs, window, grid))


def _celestial_header(wcs: WCS, window: Window, grid: tuple[int, int]) -> fits.Header:
    """WCS keywords of a grid over the window.

    A FITS pixel P (centre of the first one at 1) has the edge coordinate P - 0.5 in a Window, so the native P and the
    grid's p satisfy P - 0.5 = x0 + step (p - 0.5).
    """
    if grid == window.shape:
        shifted = wcs.deepcopy()
        shifted.wcs.crpix = wcs.wcs.crpix - np.array([window.x0, window.y0])
        if wcs.sip is not None:
            origin = wcs.sip.crpix - np.array([window.x0, window.y0])
            shifted.sip = Sip(wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp, origin)
        return wcs_keywords(shifted)
    step = np.array([window.shape[1] / grid[1], window.shape[0] / grid[0]])
    corner = np.array([window.x0, window.y0])
    header = wcs_keywords(wcs)
    matrix = wcs.pixel_scale_matrix * step
    crpix = (wcs.wcs.crpix - 0.5 - corner) / step + 0.5
    for keyword in [k for k in header if k.startswith(("PC", "CDELT", "CRPIX", "CROTA"))]:
        del header[keyword]
    for i in (0, 1):
        header[f"CRPIX{i + 1}"] = crpix[i]
        for j in (0, 1):
            header[f"CD{i + 1}_{j + 1}"] = matrix[i, j]
    return header


def wcs_keywords(wcs: WCS) -> fits.Header:
    """The WCS as keywords, without the observatory's position, about which every reader would warn."""
    header: fits.Header = wcs.to_header(relax=True)
    for keyword in [k for k in header if k.startswith("OBSGEO")]:
        del header[keyword]
    return header


def has_tables(wcs: WCS) -> bool:
    """True where the distortion is a lookup table, which would need extensions of its own."""
    return any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2))


def _physical(header: fits.Header, window: Window, grid: tuple[int, int]) -> None:
    """Grid pixel = LTM * native pixel + LTV, both counted from 1 at the first centre."""
    for axis, size, start, count in (
        (1, window.shape[1], window.x0, grid[1]),
        (2, window.shape[0], window.y0, grid[0]),
    ):
        scale = count / size
        header[f"LTM{axis}_{axis}"] = (scale, "pixels of this map in one of the cutout")
        header[f"LTV{axis}"] = (0.5 - scale * (0.5 + start), "pixel of this map at pixel 0 of the cutout")


def on_native_pixels(maps: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """Each native pixel takes the value of the map pixel that its centre lies in: no smoothness is invented."""
    ny, nx = window.shape
    rows = ((np.arange(ny) + 0.5) * maps.shape[1] / ny).astype(int)
    columns = ((np.arange(nx) + 0.5) * maps.shape[2] / nx).astype(int)
    native: NDArray[np.float32] = maps[:, rows][:, :, columns]
    return native


def _panel_axis(header: fits.Header, titles: tuple[str, ...]) -> None:
    if "CTYPE1" in header:
        header["WCSAXES"] = 3
        header["CD3_3" if "CD1_1" in header else "PC3_3"] = 1.0
    header["CTYPE3"] = ("PANEL", "one map after the other, titles in PANELn")
    header["CRPIX3"], header["CRVAL3"], header["CDELT3"] = 1.0, 1.0, 1.0
    if "CD1_1" in header:
        del header["CDELT3"]
    for number, title in enumerate(titles, start=1):
        header[f"PANEL{number}"] = ascii_text(title)


def _record(
    header: fits.Header, explanation: Explanation, cutout: Cutout, provenance: Provenance, pixels: Pixels
) -> None:
    card = provenance.card
    header["BUNIT"] = ("", "relevance has no unit")
    header["OBJECT"] = ascii_text(cutout.name)[:200]
    header["CREATOR"] = f"VLASS Explorer {__version__}"
    header["METHOD"] = (provenance.method, "explainer")
    header["TARGET"] = ascii_text(provenance.target)
    if provenance.against is not None:
        header["AGAINST"] = (ascii_text(provenance.against), "label that the target is compared with")
    header["CHECKPT"] = card.name
    header["ARCH"] = card.architecture
    header["CHKHASH"] = card.sha256
    header["SRCHASH"] = cutout.file_sha256
    header["SIGNED"] = (explanation.signed, "negative values argue against the target")
    if provenance.prediction is not None:
        header["PREDICT"] = ascii_text(provenance.prediction.label)
        header["VALIDITY"] = (provenance.prediction.validity.level, "may this checkpoint be asked about this")
    header["MAPPIX"] = (pixels, "pixels: grid of the method, or native ones")
    if cutout.wcs is not None and "CTYPE1" not in header:
        header.add_history("celestial coordinates left out: their distortion is a table of the original file")
    for line in [*(cutout.native.steps if cutout.native else ()), *_history(explanation, provenance.options)]:
        header.add_history(ascii_text(line))


def _history(explanation: Explanation, options: Mapping[str, object]) -> list[str]:
    lines = [explanation.caption]
    lines += [f"option {key} = {value}" for key, value in options.items()]
    return lines + [f"{key} = {value}" for key, value in explanation.numbers.items()]
