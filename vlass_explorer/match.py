"""The same sky at another beam and in other pixels: VLASS as a model trained on FIRST could have seen it.

Gaussian beams convolve by adding their covariances, so the kernel's is the target's less the cutout's. It is made in
the pixels of the cutout itself, which may be turned, mirrored, skew or oblong on the sky; only then is the image
regridded. What the interferometer resolved out stays missing, and the frequency stays what it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy import ndimage

from . import measure, quantities
from .cutouts import to_pixels
from .cutouts.bounds import MAX_PIXELS
from .foreign import mapped, reason
from .measure.geometry import FWHM, sky_covariance, to_sky
from .schema import Beam, Cutout, InputSpec, MatchError, Native, pixel_shape

ALIKE = 0.01  # beams and pixels that differ by less than this are taken for the same
NARROWEST = 1.4  # pixels (FWHM); a Gaussian sampled more coarsely is up to a third narrower than it should be
REACH = 5.0  # sigmas to which the kernel is drawn: 4e-6 of it lies beyond

Array = NDArray[np.float64]


def to_training(cutout: Cutout, spec: InputSpec) -> Cutout:
    """The cutout at the beam and in the square pixels of a checkpoint's training data, its noise measured again.

    The same object where beam and pixels are already those of training. Raises MatchError as ``smooth`` and
    ``regrid``, and where the checkpoint does not say what beam it was trained with.
    """
    if spec.beam is None:
        raise MatchError("The checkpoint does not say with which beam it was trained: nothing to match.")
    smoothed = smooth(cutout, spec.beam)
    return smoothed if spec.pixel_scale_arcsec is None else regrid(smoothed, spec.pixel_scale_arcsec)


def in_beams(cutout: Cutout, spec: InputSpec) -> InputSpec:
    """The input description with a field of view as many beams wide as that of training: 2.5″ shown as if it were 5.4″.

    The other way to look with a finer beam: nothing is smoothed, the source looks larger than it is on the sky instead.
    Raises MatchError where beam, pixel size or a brightness per beam is not known, or the checkpoint names no beam.
    """
    if spec.beam is None:
        raise MatchError("The checkpoint does not say with which beam it was trained: nothing to match.")
    own = starting_beam(cutout)
    _matrix(cutout)
    return replace(spec, field_of_view=spec.field_of_view * float(np.sqrt(own.solid_angle / spec.beam.solid_angle)))


def smooth(cutout: Cutout, beam: Beam) -> Cutout:
    """The cutout convolved to a larger beam on its own pixels (ny, nx), brightness per the new beam.

    Blank pixels stay blank and take nothing from their neighbours: the mean under the kernel is that of the observed
    pixels, so brightness stays right beside a blank wedge as far as the sky there is like the sky beside it; flux is
    kept away from blanks and edges. The noise is measured on the result. The same object where the beams agree to 1 %.

    Raises MatchError where the beam is smaller in any direction, the kernel is narrower than 1.4 pixels or wider than
    the image, and where beam, pixel size or a brightness per beam is not known.
    """
    own, matrix = starting_beam(cutout), _matrix(cutout)
    here, there = (sky_covariance(b.major, b.minor, b.pa) for b in (own, beam))
    ratios = np.sqrt(np.linalg.eigvals(np.linalg.solve(there, here)).real)
    if np.abs(ratios - 1.0).max() <= ALIKE:
        return cutout
    if ratios.max() > 1.0 + ALIKE:
        raise MatchError(f"The beam of this image, {own}, does not fit into {beam}: smoothing cannot sharpen.")
    back = np.linalg.inv(matrix)
    kernel = back @ (there - here) @ back.T
    narrow, wide = FWHM * np.sqrt(np.maximum(np.linalg.eigvalsh(kernel), 0.0))
    if narrow < NARROWEST:
        raise MatchError(
            f"From {own} to {beam} the smoothing kernel is {narrow:.1f} pixels wide in one direction; these pixels "
            f"sample none below {NARROWEST}."
        )
    if wide > min(cutout.shape):
        raise MatchError(f"The image is smaller than the kernel from {own} to {beam}: cut out a larger part.")
    per_beam = beam.solid_angle / own.solid_angle
    pixels = (per_beam * _convolved(cutout.pixels.astype(np.float64), kernel)).astype(np.float32)
    return _changed(
        cutout,
        pixels,
        f"Smoothed from {'an assumed beam' if own.assumed else 'a beam'} of {own} to {beam}.",
        beam=replace(beam, assumed=own.assumed, source="matched"),
    )


def regrid(cutout: Cutout, pixel: float) -> Cutout:
    """The cutout in square pixels of a side in arcsec, north up and east to the left where it has a WCS (SIN).

    Its centre and its extent are kept; brightness is that at the new pixel centres, by cubic splines, as a beam of
    two or more old pixels allows. A new pixel is blank where the old pixel nearest to its centre is, or lies beyond
    the image. The same object where the pixels are such squares already, to 1 %, whatever their rotation.

    Raises MatchError without a WCS or a declared pixel size, or where the result would be too small or too large.
    """
    matrix = _matrix(cutout)
    shape = cutout.pixel_shape
    assert shape is not None
    if abs(np.sqrt(shape.area) / pixel - 1.0) <= ALIKE and shape.elongation <= 1.0 + ALIKE:
        return cutout
    width, height = np.abs(matrix) @ cutout.shape[::-1] / pixel
    nx, ny = int(np.floor(width + 0.5)), int(np.floor(height + 0.5))
    if min(nx, ny) < 8 or nx * ny > MAX_PIXELS:
        raise MatchError(
            f"In pixels of {quantities.angle(pixel)} the image would have {nx} × {ny}: cut out another part."
        )
    rows, columns = np.indices((ny, nx), float)
    if cutout.wcs is None:
        wcs, times = None, pixel / np.sqrt(shape.area)
        y, x = (rows - (ny - 1) / 2) * times, (columns - (nx - 1) / 2) * times
        y, x = y + (cutout.shape[0] - 1) / 2, x + (cutout.shape[1] - 1) / 2
    else:
        with mapped(lambda error: MatchError(f"The image's coordinates cannot be followed ({reason(error)}).")):
            wcs = _upright(cutout.wcs, cutout.shape, pixel, (ny, nx))
            x, y = to_pixels(cutout.wcs, wcs.pixel_to_world(columns, rows))
    turned = "" if wcs is None else ", north up"
    words = f"Regridded from pixels of {_sides(shape.scale)} to {quantities.angle(pixel)}{turned}."
    return _changed(
        cutout,
        sampled(cutout.pixels, y, x),
        words,
        wcs=wcs,
        row0="south" if wcs is not None else cutout.row0,
        declared_scale=pixel if wcs is None else None,
    )


def onto(cutout: Cutout, wcs: WCS, shape: tuple[int, int], shift: tuple[float, float] = (0.0, 0.0)) -> Cutout:
    """The cutout in the pixels (ny, nx) of another WCS, by cubic splines; blank as in ``regrid``, its noise kept.

    ``shift`` (east, north) in arcsec is how far sources lie from where they should: it is taken back. Brightness is
    that at the new pixel centres: the new pixels are fine enough where the beam is two of them or more.

    Raises MatchError without a WCS, or where the two cannot be followed.
    """
    matrix = _matrix(cutout)
    if cutout.wcs is None:
        raise MatchError("The image has no sky coordinates (WCS): it cannot be laid over another.")
    rows, columns = np.indices(shape, float)
    with mapped(lambda error: MatchError(f"The image's coordinates cannot be followed ({reason(error)}).")):
        x, y = to_pixels(cutout.wcs, wcs.pixel_to_world(columns, rows))
    moved = np.linalg.solve(matrix, shift)
    note = f"Laid onto pixels of {quantities.angle(float(np.sqrt(pixel_shape(wcs, *_middle(shape)).area)))}."
    if any(shift):
        note = f"{note[:-1]}, moved by {-shift[0]:+.2f}″ east and {-shift[1]:+.2f}″ north."
    pixels = sampled(cutout.pixels, y + moved[1], x + moved[0])
    found = _changed(cutout, pixels, note, wcs=wcs, row0=cutout.row0, declared_scale=None)
    return replace(found, noise=cutout.noise)


def _middle(shape: tuple[int, int]) -> tuple[float, float]:
    return (shape[0] - 1) / 2, (shape[1] - 1) / 2


def starting_beam(cutout: Cutout) -> Beam:
    """The beam of a cutout whose brightness is per this beam; raises MatchError with the reason where there is none."""
    if cutout.beam is None:
        is_cube = str(cutout.header.get("CASAMBM", "")).upper() in ("T", "TRUE")
        why = "each plane has a beam of its own and this one's is not known" if is_cube else "its beam is not known"
        raise MatchError(f"The image cannot be smoothed to another beam: {why}.")
    if cutout.kind != "fits" and cutout.stretch is None:
        raise MatchError("The image cannot be smoothed to another beam: declare how it was stretched, perhaps linear.")
    if cutout.kind == "fits" and cutout.unit not in measure.TO_JY_BEAM:
        unit = f"in {cutout.unit}" if cutout.unit else "of no named unit"
        raise MatchError(f"The image cannot be smoothed to another beam: its brightness is {unit}, not Jy/beam.")
    return cutout.beam


def _matrix(cutout: Cutout) -> Array:
    """What turns an offset (x, y) in pixels into (east, north) in arcsec at the centre of the image."""
    ny, nx = cutout.shape
    if cutout.wcs is not None:
        matrix = to_sky(cutout, (ny - 1) / 2, (nx - 1) / 2)
    else:
        side = cutout.declared_scale
        matrix = None if side is None else np.diag([-side, side])
    if matrix is None or not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0.0:
        raise MatchError("The image has no sky coordinates (WCS) that tell how large its pixels are.")
    return matrix


def _convolved(image: Array, kernel: Array) -> Array:
    """Mean of the finite pixels (ny, nx) under a Gaussian of a covariance (x, y) in square pixels; NaN stays NaN."""
    # Here and not above: scipy.signal brings scipy.stats, and an answer without matching needs neither.
    from scipy import signal

    half_x, half_y = np.ceil(REACH * np.sqrt(np.diag(kernel))).astype(int)
    dy, dx = np.mgrid[-half_y : half_y + 1, -half_x : half_x + 1]
    (xx, xy), (_, yy) = np.linalg.inv(kernel)
    weights = np.exp(-0.5 * (xx * dx**2 + 2.0 * xy * dx * dy + yy * dy**2))
    weights /= weights.sum()
    has_data = np.isfinite(image)
    total = signal.oaconvolve(np.where(has_data, image, 0.0), weights, mode="same")
    seen = signal.oaconvolve(has_data.astype(np.float64), weights, mode="same")
    return np.divide(total, seen, out=np.full(image.shape, np.nan), where=has_data)


def _upright(old: WCS, size: tuple[int, int], pixel: float, shape: tuple[int, int]) -> WCS:
    """WCS of ``shape`` square pixels about the centre of an image of ``size``, in its own coordinate system."""
    (ny, nx), (new_y, new_x) = size, shape
    (centre,) = old.all_pix2world([[(nx - 1) / 2, (ny - 1) / 2]], 0)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<4}-SIN" for name in (old.wcs.lngtyp, old.wcs.lattyp)]
    wcs.wcs.crval = centre[[old.wcs.lng, old.wcs.lat]]
    wcs.wcs.crpix = [(new_x + 1) / 2, (new_y + 1) / 2]
    wcs.wcs.cdelt = [-pixel / 3600.0, pixel / 3600.0]
    wcs.wcs.radesys, wcs.wcs.equinox = old.wcs.radesys, old.wcs.equinox
    wcs.wcs.set()
    wcs.array_shape = shape
    return wcs


def sampled(image: NDArray[np.float32], y: Array, x: Array) -> NDArray[np.float32]:
    """Image (ny, nx) at places between its pixels, by cubic splines; NaN where the nearest pixel is, or is none."""
    has_data = np.isfinite(image)
    # A spline knows no blanks: they are filled from the nearest data for it, and none of the fill is shown.
    filled = image.astype(np.float64)
    if not has_data.all():
        nearest = ndimage.distance_transform_edt(~has_data, return_distances=False, return_indices=True)
        filled = filled[tuple(nearest)]
    is_sky = np.isfinite(x) & np.isfinite(y)
    places = np.where(is_sky, np.stack([y, x]), -1.0)
    rows, columns = np.floor(places + 0.5).astype(int)
    inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    inside[inside] = has_data[rows[inside], columns[inside]]
    values = ndimage.map_coordinates(filled, places, order=3, mode="nearest")
    return np.where(inside, values, np.nan).astype(np.float32)


def _changed(cutout: Cutout, pixels: NDArray[np.float32], note: str, **changes: object) -> Cutout:
    """The cutout with new pixels (ny, nx), its noise measured where it had one; what was done is told first of all."""
    native = cutout.native or Native(cutout.sha256, cutout.beam, cutout.pixel_scale, cutout.noise)
    native = replace(native, steps=(*native.steps, note))
    notes = (*native.steps, *(told for told in cutout.notes if told not in native.steps))
    return replace(
        cutout,
        pixels=pixels,
        noise=None if cutout.noise is None else measure.noise(pixels),
        colour=None,
        sha256="",
        notes=notes[:5],
        more_notes=(*notes[5:], *cutout.more_notes),
        native=native,
        **changes,  # type: ignore[arg-type]
    )


def _sides(scale: tuple[float, float]) -> str:
    height, width = (quantities.angle(side) for side in scale)
    return height if height == width else f"{width} × {height}"
