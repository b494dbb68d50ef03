"""Cutout + InputSpec to model input: the one description of preprocessing, for training, page and command line.

Order: unit, NaN mask, noise of the whole cutout, stretch, field of view, normalisation, NaN fill, anti-aliased resize,
mean and std, channels. Nothing here reads a file or measures noise: ``Cutout.noise`` was measured once, on all pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .measure import TO_JY_BEAM
from .schema import Cutout, InputError, InputSpec, Window

Image = NDArray[np.float32]
Stretch = Callable[[Image, float | None, InputSpec], Image]

SMALLEST_WINDOW, LARGEST_WINDOW = 4, 4096  # native pixels: below there is no image, above it would not fit in memory


def linear(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """Pixel values as they are."""
    return image


def first_png(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """Subtract ``clip_sigma`` rms and cut at zero: how the PNGs of FIRST classification sets were made.

    An already clipped image has no rms, and is kept. Measured on sources that exist as FITS and as PNG; set by
    Griese et al. 2023 (Data in Brief 47, 108974).
    """
    return np.maximum(image - (0.0 if rms is None else spec.clip_sigma * rms), 0.0)


def sqrt(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """Square root of ``first_png``: lifts faint lobes without noise, on FITS and on already clipped PNG alike."""
    return np.sqrt(first_png(image, rms, spec))


def mirabest(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """Set pixels below ``clip_sigma`` rms to zero; with normalisation this is the min-max of MiraBest.

    Needs an rms. Aniyan & Thorat 2017 (ApJS 230, 20); Porter & Scaife 2023 (RASTI 2, 293).
    """
    return np.where(image < spec.clip_sigma * require_rms(rms, "mirabest"), np.float32(0.0), image)


def asinh(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """asinh(x / (``softening`` rms)): linear in the noise, logarithmic in the source, as on CIRADA's thumbnails.

    Needs an rms; negative pixels stay negative. Lupton et al. 1999 (AJ 118, 1406).
    """
    return np.arcsinh(image / (spec.softening * require_rms(rms, "asinh")))


def asinh_peak(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """asinh of ``first_png`` softened at a fiftieth of its own maximum: needs no rms, so works on clipped PNG, too."""
    clipped = first_png(image, rms, spec)
    peak = float(np.nanmax(clipped, initial=0.0))
    return np.arcsinh(clipped * (50.0 / peak)) if peak > 0 else clipped


def percentile_asinh(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """Clip at two percentiles of the finite pixels, scale to 0..1, asinh(10 x): as galaxy-datasets does for Zoobot.

    Refused where the percentiles coincide (an already clipped image is almost everywhere zero).
    Walmsley et al. 2023 (JOSS 8, 5312).
    """
    low, high = np.nanpercentile(image, spec.percentiles)
    return np.arcsinh(10.0 * unit_interval(image, low, high, "percentile_asinh"))


def zscale(image: Image, rms: float | None, spec: InputSpec) -> Image:
    """Linear between the IRAF zscale limits, to 0..1: poor for sparse radio fields; needs an rms."""
    # Here and not above: it brings matplotlib.
    from astropy.visualization import ZScaleInterval

    require_rms(rms, "zscale")
    low, high = ZScaleInterval().get_limits(image[np.isfinite(image)])
    return unit_interval(image, low, high, "zscale")


STRETCHES: dict[str, Stretch] = {
    stretch.__name__: stretch
    for stretch in (sqrt, first_png, mirabest, asinh, asinh_peak, percentile_asinh, zscale, linear)
}


BY_PIXEL = frozenset({"sqrt", "first_png", "mirabest", "asinh", "linear"})
"""Stretches that make of each pixel what it is whatever the others are."""


def require_rms(rms: float | None, stretch: str) -> float:
    """The rms, or InputError where the noise was clipped away before the file was written."""
    if rms is None:
        raise InputError(
            f"The stretch {stretch} needs the noise of the image, which was clipped away before this file was "
            "written; give the FITS file, or a checkpoint trained with first_png or sqrt."
        )
    return rms


def unit_interval(image: Image, low: float, high: float, stretch: str) -> Image:
    """Pixels clipped to low..high and scaled to 0..1, or InputError where nothing lies between."""
    if not high > low:
        raise InputError(
            f"The stretch {stretch} finds no range of values in this image (already clipped, or empty); "
            "give the FITS file, or a checkpoint trained with first_png or sqrt."
        )
    return ((np.clip(image, low, high) - low) / (high - low)).astype(np.float32)


def window(cutout: Cutout, spec: InputSpec) -> Window:
    """Field of view of the model on a cutout: whole native pixels, centred to half a pixel, perhaps beyond the image.

    ``field_of_view`` arcsec by the pixel scale of each axis on the sky, else ``field_of_view_pixels``, rounded to whole
    pixels. Raises InputError where the pixel scale makes the field smaller than 4 or larger than 4096 pixels.
    """
    if cutout.pixel_scale is None:
        sides = (float(spec.field_of_view_pixels),) * 2
    else:
        if not (np.isfinite(cutout.pixel_scale).all() and min(cutout.pixel_scale) > 0):
            raise InputError("The coordinates of this file give no pixel size, so no field of view can be cut.")
        sides = (spec.field_of_view / cutout.pixel_scale[0], spec.field_of_view / cutout.pixel_scale[1])
    if min(sides) < SMALLEST_WINDOW - 0.5 or max(sides) >= LARGEST_WINDOW + 0.5:
        raise InputError(
            f"The field of view of this checkpoint would be {sides[1]:.3g} × {sides[0]:.3g} pixels of this image "
            f"(it must be {SMALLEST_WINDOW} to {LARGEST_WINDOW}); its pixels are too unlike the training data."
        )
    height, width = (int(np.floor(side + 0.5)) for side in sides)
    y0, x0 = (cutout.shape[0] - height) // 2, (cutout.shape[1] - width) // 2
    return Window(y0, y0 + height, x0, x0 + width)


def stretched(cutout: Cutout, spec: InputSpec, rows: slice = slice(None)) -> Image:
    """Whole cutout (ny, nx) after the stretch, float32, writable; NaN and infinite pixels are NaN.

    Its three channels (3, ny, nx) where the model takes colour and the cutout has it. ``rows``: these alone, which is
    right for the stretches of ``BY_PIXEL``.

    Raises InputError for an unknown stretch, or one that needs an rms where the cutout has none.
    """
    apply = stretch_of(spec)
    factor = unit_factor(cutout, spec)
    pixels = (cutout.pixels if cutout.colour is None or not spec.colour else cutout.colour)[..., rows, :]
    image = np.where(np.isfinite(pixels), pixels, np.float32(np.nan)) * np.float32(factor)
    rms = None if cutout.noise is None else float(cutout.noise.rms) * factor
    return apply(image, rms, spec).astype(np.float32, copy=False)


def stretch_of(spec: InputSpec) -> Stretch:
    """The stretch of a model input; InputError where its name is unknown."""
    if spec.stretch not in STRETCHES:
        raise InputError(f"Unknown stretch {spec.stretch!r}; known are {', '.join(STRETCHES)}.")
    return STRETCHES[spec.stretch]


def unit_factor(cutout: Cutout, spec: InputSpec) -> float:
    """What turns the cutout's unit into that of the training data: mJy/beam to Jy/beam; 1 for any other unit."""
    here, there = TO_JY_BEAM.get(cutout.unit or ""), TO_JY_BEAM.get(spec.unit or "")
    return here / there if here and there else 1.0


def crop(image: Image, window: Window) -> Image:
    """The window (..., h, w) of images (..., ny, nx), float32; NaN outside the image."""
    ny, nx = image.shape[-2:]
    cut = np.full((*image.shape[:-2], *window.shape), np.nan, np.float32)
    y0, x0 = max(window.y0, 0), max(window.x0, 0)
    y1, x1 = min(window.y1, ny), min(window.x1, nx)
    if y1 > y0 and x1 > x0:
        cut[..., y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0] = image[..., y0:y1, x0:x1]
    return cut


def maximum(images: Tensor) -> Tensor:
    """Largest finite pixel of each image, (B, C, h, w) to (B,); -inf where all is NaN."""
    return torch.nan_to_num(images, nan=-torch.inf).flatten(1).amax(dim=1)


def finish(crops: Tensor, spec: InputSpec, field_maximum: Tensor | None = None) -> Tensor:
    """Stretched crops (B, 1 or C, h, w), NaN for no data, to model input (B, C, S, S); each row independent of others.

    Normalisation, NaN fill, anti-aliased bilinear resize, mean and std, channels. ``field_maximum`` (B,) is the
    maximum of each whole stretched cutout, needed for normalisation "field". A crop without any positive pixel is not
    divided.
    """
    crops = crops.to(torch.float32)
    if spec.normalisation != "none":
        if spec.normalisation == "field" and field_maximum is None:
            raise ValueError('normalisation "field" needs field_maximum.')
        peak = maximum(crops) if spec.normalisation == "crop" or field_maximum is None else field_maximum.to(crops)
        crops = crops / torch.where(peak > 0, peak, torch.ones_like(peak))[:, None, None, None]
    crops = torch.nan_to_num(crops, nan=spec.nan_fill)
    size = (spec.img_size, spec.img_size)
    if crops.shape[-2:] != size:
        crops = F.interpolate(crops, size, mode="bilinear", align_corners=False, antialias=True)
    mean, std = (torch.tensor(values, dtype=crops.dtype, device=crops.device) for values in (spec.mean, spec.std))
    return ((crops - mean[:, None, None]) / std[:, None, None]).expand(-1, spec.in_chans, -1, -1).contiguous()


def to_tensor(cutout: Cutout, spec: InputSpec) -> Tensor:
    """Model input (1, C, S, S) of one cutout, float32, row 0 at the bottom; raises InputError as its steps do."""
    return to_tensors([cutout], spec)


def to_tensors(cutouts: Sequence[Cutout], spec: InputSpec) -> Tensor:
    """Model inputs (B, C, S, S) of cutouts that are alike: as large, in pixels of one size, all grey or all in colour.

    Each row is as ``to_tensor`` makes it. Raises InputError for the first that its steps refuse.
    """
    crops, maxima = [], []
    for cutout in cutouts:
        planes = stretched(cutout, spec).reshape(-1, *cutout.shape)
        crops.append(torch.from_numpy(crop(planes, window(cutout, spec))))
        if spec.normalisation == "field":
            maxima.append(maximum(torch.from_numpy(planes)[None]))
    return finish(torch.stack(crops), spec, torch.cat(maxima) if maxima else None)


def input_image(x: Tensor, spec: InputSpec) -> Image:
    """What the model saw, for display: (S, S) in 0..1, row 0 at the bottom, from one model input (C, S, S).

    (S, S, 3), red, green and blue, where the model takes colour and the picture has it.
    """
    planes = x.detach().cpu().reshape(-1, *x.shape[-2:]).to(torch.float32)
    image = planes[0] * spec.std[0] + spec.mean[0]
    if spec.colour:
        mean, std = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in (spec.mean, spec.std))
        colour = planes * std + mean
        is_grey = torch.allclose(colour, colour[:1].expand_as(colour), rtol=0.0, atol=1e-5)
        image = image if is_grey else colour.movedim(0, -1)
    if spec.normalisation == "none":
        image = image / image.amax().clamp_min(torch.finfo(torch.float32).tiny)
    return np.ascontiguousarray(image.clamp(0.0, 1.0).numpy(), np.float32)
