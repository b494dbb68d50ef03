"""Augmentations that respect the sky: rotation by any angle and mirroring before the crop, small shifts and zooms.

A radio source has no preferred orientation, but its angular size and brightness profile tell its class: so rotation
and mirroring are free, zoom stays small, and brightness is never scaled. What each sample gets depends on the seed, the
training epoch and its index in the data set alone, not on batches, order or loader processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from torch import Tensor

from .schema import ConfigError, InputSpec, RunConfig, Window

# Raised clip levels, as a share of the peak: from a slightly to a clearly shallower image of the same source.
RECLIP = (0.003, 0.05)
CLIPPING = ("first_png", "sqrt")
INVERTIBLE = ("first_png", "sqrt", "linear", "asinh")


@dataclass(frozen=True)
class Draw:
    """What one sample gets."""

    angle: float
    """Radians."""
    mirror: tuple[float, float]
    """-1 on the mirrored axis (y, x), 1 elsewhere."""
    shift: tuple[float, float]
    """Native pixels (y, x)."""
    zoom: float
    """Above 1 the source appears larger."""
    noise: float
    """Added noise in units of the rms of the image; 0 for none."""
    reclip: float
    """Raised clip level as a share of the peak; 0 for none."""
    generator: np.random.Generator

    @property
    def is_identity(self) -> bool:
        """True where the geometry leaves the crop as it is."""
        return self.angle == 0 and self.mirror == (1, 1) and self.shift == (0, 0) and self.zoom == 1


def draw(config: RunConfig, epoch: int, index: int) -> Draw:
    """The augmentation of sample ``index`` in training epoch ``epoch`` under ``config.seed``."""
    generator = np.random.default_rng(np.random.SeedSequence((config.seed, epoch, index)))
    u = generator.random(10)  # always ten, so that switching one option off leaves the others as they were
    mirrored = u[1] < config.flip
    return Draw(
        angle=float(2 * np.pi * u[0]) if config.rotate else 0.0,
        mirror=(-1 if mirrored and u[2] < 0.5 else 1, -1 if mirrored and u[2] >= 0.5 else 1),
        shift=(float(config.shift * (2 * u[3] - 1)), float(config.shift * (2 * u[4] - 1))),
        zoom=float((1 + config.zoom) ** (2 * u[5] - 1)),
        noise=float(u[7]) if u[6] < config.noise else 0.0,
        reclip=float(RECLIP[0] * (RECLIP[1] / RECLIP[0]) ** u[9]) if u[8] < config.reclip else 0.0,
        generator=generator,
    )


def reach(window: Window, config: RunConfig) -> Window:
    """The window grown to hold all that any augmentation can bring into it: more of the image is never looked at."""
    height, width = window.shape
    grow = (float(np.sqrt(2.0)) if config.rotate else 1.0) * (1 + config.zoom)
    dy, dx = (int(np.ceil(side * (grow - 1) / 2 + config.shift)) + 2 for side in (height, width))
    return Window(window.y0 - dy, window.y1 + dy, window.x0 - dx, window.x1 + dx)


def within(window: Window, outer: Window) -> Window:
    """The window in pixels of the crop ``outer``."""
    return Window(window.y0 - outer.y0, window.y1 - outer.y0, window.x0 - outer.x0, window.x1 - outer.x0)


def augment(
    images: Tensor,
    window: Window,
    spec: InputSpec,
    config: RunConfig,
    *,
    epoch: int,
    indices: Sequence[int],
    rms: Sequence[float | None] | None = None,
) -> Tensor:
    """Augmented crops (B, 1, h, w) of stretched images (B, 1, ny, nx) at native resolution, for ``finish``.

    ``window`` lies on the images in their own pixels; ``indices`` (B,) are the samples' indices in the data set;
    ``rms`` (B,) is the noise of each whole cutout before the stretch, needed for added noise. Sky outside the image
    and NaN stay NaN and spread nowhere. Without any geometric option the crop is returned exactly. Raises ConfigError
    where noise or reclip does not apply to the stretch or the images.
    """
    draws = [draw(config, epoch, index) for index in indices]
    crops = _sample(images, window, draws)
    still = [row for row, one in enumerate(draws) if one.is_identity]
    if still:
        crops[still] = _cut(images[still], window)
    if config.noise > 0:
        crops = _with_noise(crops, spec, draws, rms)
    if config.reclip > 0:
        crops = _reclipped(crops, spec, draws)
    return crops


def _sample(images: Tensor, window: Window, draws: Sequence[Draw]) -> Tensor:
    """One affine resampling, bilinear; a pixel with less than half of its weight on data is NaN."""
    ny, nx = images.shape[-2:]
    (height, width), device = window.shape, images.device
    turn = np.array([[np.cos(d.angle), np.sin(d.angle), *d.mirror, *d.shift, d.zoom] for d in draws])
    cos, sin, mirror_y, mirror_x, shift_y, shift_x, zoom = turn.T
    # Pixel edges of the source per unit of the window's half sides: rotation acts on the sky, so on the unit square.
    table = np.stack(
        [
            (window.x0 + window.x1 + 2 * shift_x) / nx - 1, cos * mirror_x / zoom * width / nx,
            -sin * mirror_y / zoom * width / nx,
            (window.y0 + window.y1 + 2 * shift_y) / ny - 1, sin * mirror_x / zoom * height / ny,
            cos * mirror_y / zoom * height / ny,
        ]
    )  # fmt: skip
    x0, xx, xy, y0, yx, yy = torch.from_numpy(table).to(device, torch.float32)[..., None, None]
    x = (torch.arange(width, device=device) * 2 + 1 - width)[None, None] / width
    y = (torch.arange(height, device=device) * 2 + 1 - height)[None, :, None] / height
    grid = torch.stack([x0 + xx * x + xy * y, y0 + yx * x + yy * y], dim=-1)  # (B, h, w, 2)

    is_whole = not bool(torch.isnan(images.sum()))
    inside = bool((grid.abs().amax(dim=(0, 1, 2)) <= 1 - 1 / torch.tensor([nx, ny], device=device)).all())
    if is_whole and inside:
        return F.grid_sample(images, grid, align_corners=False)
    values = F.grid_sample(torch.nan_to_num(images, nan=0.0), grid, align_corners=False)
    weight = F.grid_sample((~torch.isnan(images)).to(images.dtype), grid, align_corners=False)
    values = torch.where(weight > 0.999, values, values / weight.clamp_min(0.5))
    return torch.where(weight < 0.5, torch.full_like(values, torch.nan), values)


def _cut(images: Tensor, window: Window) -> Tensor:
    """The window of images (B, 1, ny, nx), NaN outside."""
    ny, nx = images.shape[-2:]
    return F.pad(images, (-window.x0, window.x1 - nx, -window.y0, window.y1 - ny), value=torch.nan)


def _linear(crops: Tensor, spec: InputSpec, rms: Tensor | None) -> Tensor:
    """Undo an invertible stretch."""
    if spec.stretch == "sqrt":
        return crops.square()
    return torch.sinh(crops) * (spec.softening * rms) if rms is not None and spec.stretch == "asinh" else crops


def _stretched(crops: Tensor, spec: InputSpec, rms: Tensor | None) -> Tensor:
    """Apply an invertible stretch again, to pixels that need no clipping."""
    if spec.stretch == "sqrt":
        return crops.sqrt()
    return torch.asinh(crops / (spec.softening * rms)) if rms is not None and spec.stretch == "asinh" else crops


def _with_noise(crops: Tensor, spec: InputSpec, draws: Sequence[Draw], rms: Sequence[float | None] | None) -> Tensor:
    """Add beam-correlated noise; a clipping stretch keeps its empty sky and raises its clip to the new noise."""
    if spec.stretch not in INVERTIBLE:
        raise ConfigError(f"noise works with the stretches {', '.join(INVERTIBLE)}, not with {spec.stretch}.")
    known = [value for value in rms or () if value is not None]
    if len(known) != len(draws):
        raise ConfigError("noise needs the rms of every image, which already clipped images lack: use reclip instead.")
    if spec.beam_arcsec is None or spec.pixel_scale_arcsec is None:
        raise ConfigError("noise needs the beam and the pixel scale of the data set.")
    # The turned image has no beam angle any more: a round beam of the same area.
    variance = spec.beam_arcsec[0] * spec.beam_arcsec[1] / spec.pixel_scale_arcsec**2 / (8 * np.log(2))
    shape = (crops.shape[-2], crops.shape[-1])
    fields = np.stack([beam_noise(one.generator, shape, variance * np.eye(2)) for one in draws])
    sigma, added = (
        torch.tensor(values, device=crops.device, dtype=crops.dtype)[:, None, None, None]
        for values in (known, [value * one.noise for value, one in zip(known, draws, strict=True)])
    )
    sky = _linear(crops, spec, sigma)
    noisy = sky + added * torch.from_numpy(fields)[:, None].to(crops)
    if spec.stretch in CLIPPING:
        raised = spec.clip_sigma * (torch.hypot(sigma, added) - sigma)
        noisy = torch.where(sky > 0, (noisy - raised).clamp_min(0), sky)
    return torch.where(added > 0, _stretched(noisy, spec, sigma), crops)


def _reclipped(crops: Tensor, spec: InputSpec, draws: Sequence[Draw]) -> Tensor:
    """Subtract a share of the peak and cut at zero, as a shallower image would have been clipped."""
    if spec.stretch not in CLIPPING:
        raise ConfigError(f"reclip works with the stretches {', '.join(CLIPPING)}, not with {spec.stretch}.")
    share = torch.tensor([one.reclip for one in draws], device=crops.device, dtype=crops.dtype)[:, None, None, None]
    sky = _linear(crops, spec, None)
    peak = torch.nan_to_num(sky, nan=0.0).amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(share > 0, _stretched((sky - share * peak).clamp_min(0), spec, None), crops)


def beam_noise(
    generator: np.random.Generator, shape: tuple[int, int], covariance: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Gaussian noise (ny, nx) of unit rms, correlated as a Gaussian beam correlates it.

    ``covariance`` (2, 2) of the beam is in square pixels, axes (x, y).
    """
    ny, nx = (next_fast_len(side + 16, real=True) for side in shape)  # the margin keeps opposite edges independent
    ky, kx = 2 * np.pi * np.fft.fftfreq(ny)[:, None], 2 * np.pi * np.fft.rfftfreq(nx)[None]
    (xx, xy), (_, yy) = covariance
    transfer = np.exp(-0.5 * (xx * kx**2 + 2 * xy * kx * ky + yy * ky**2))
    twice = np.where((kx == 0) | (kx == np.pi), 1, 2)  # columns of the half spectrum that stand for two
    power = (twice * transfer**2).sum() / (ny * nx)
    field = irfft2(rfft2(generator.standard_normal((ny, nx))) * transfer, s=(ny, nx))
    return np.asarray(field[: shape[0], : shape[1]] / np.sqrt(power), np.float32)
