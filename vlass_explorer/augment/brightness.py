"""Resolution and noise of crops, in the sky's own brightness: a wider beam, more noise, a higher clip level."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from torch import Tensor

from ..schema import ConfigError, InputSpec
from .draws import WIDEST, Draw

CLIPPING = ("first_png", "sqrt")
INVERTIBLE = ("first_png", "sqrt", "linear", "asinh")


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


def _beam_variance(spec: InputSpec, option: str) -> float:
    """Variance of the beam in square pixels; ConfigError where an option cannot work on such images.

    The turned image has no beam angle any more: a round beam of the same area.
    """
    if spec.stretch not in INVERTIBLE:
        raise ConfigError(f"{option} works with the stretches {', '.join(INVERTIBLE)}, not with {spec.stretch}.")
    if spec.beam_arcsec is None or spec.pixel_scale_arcsec is None:
        raise ConfigError(f"{option} needs the beam and the pixel scale of the data set.")
    return float(spec.beam_arcsec[0] * spec.beam_arcsec[1] / spec.pixel_scale_arcsec**2 / (8 * np.log(2)))


def blurred(crops: Tensor, spec: InputSpec, draws: Sequence[Draw], rms: Sequence[float | None] | None) -> Tensor:
    """See the crops (B, C, h, w) through a wider beam.

    A beam w times as wide has w² times the area: Jy/beam of extended emission rises by that, of a point source not at
    all, and the rms of noise that the beam correlates rises by w, which is the noise that the stretch then knows.
    """
    variance = _beam_variance(spec, "blur")
    width = torch.tensor([one.blur for one in draws], device=crops.device, dtype=crops.dtype)[:, None, None, None]
    sigma = None
    if rms is not None and all(value is not None for value in rms):
        sigma = torch.tensor(list(rms), device=crops.device, dtype=crops.dtype)[:, None, None, None]
    # A clipping stretch took this off every pixel that it left.
    clip = spec.clip_sigma * sigma if sigma is not None and spec.stretch in CLIPPING else torch.zeros_like(width)
    sky = _linear(crops, spec, sigma)
    sky = torch.where(sky > 0, sky + clip, sky)
    wide = width.square() * _smoothed(sky, variance * (width.square() - 1), variance * (WIDEST**2 - 1))
    if spec.stretch in CLIPPING:
        wide = (wide - clip * width).clamp_min(0)
    return torch.where(width > 1, _stretched(wide, spec, None if sigma is None else sigma * width), crops)


def _smoothed(sky: Tensor, variance: Tensor, largest: float) -> Tensor:
    """Convolve images (B, C, h, w) with round Gaussians of unit sum and ``variance`` (B, 1, 1, 1) in square pixels.

    NaN stay and weigh nothing, as does what lies outside the image; ``largest`` is the largest possible variance.
    """
    radius = int(np.ceil(3 * np.sqrt(largest)))
    known = ~torch.isnan(sky)
    parts = torch.cat([torch.nan_to_num(sky, nan=0.0), known.to(sky.dtype)], dim=1)
    offsets = torch.arange(-radius, radius + 1, device=sky.device, dtype=sky.dtype)
    kernel = torch.exp(-0.5 * offsets.square() / variance.clamp_min(1e-6))
    kernel = kernel / kernel.sum(dim=3, keepdim=True)
    for axis in (2, 3):
        pad = (radius, radius, 0, 0) if axis == 3 else (0, 0, radius, radius)
        padded, size = F.pad(parts, pad), parts.shape[axis]
        # Tap by tap: a convolution would choose its order of additions by the size of the batch.
        taps = (kernel[..., k : k + 1] * padded.narrow(axis, k, size) for k in range(2 * radius + 1))
        parts = functools.reduce(torch.add, taps)
    smooth = parts[:, : sky.shape[1]] / parts[:, sky.shape[1] :].clamp_min(1e-6)
    return torch.where(known, smooth, torch.full_like(smooth, torch.nan))


def with_noise(crops: Tensor, spec: InputSpec, draws: Sequence[Draw], rms: Sequence[float | None] | None) -> Tensor:
    """Add beam-correlated noise; a clipping stretch keeps its empty sky and raises its clip to the new noise."""
    variance = _beam_variance(spec, "noise")
    known = [value * one.blur for value, one in zip(rms or (), draws, strict=False) if value is not None]
    if len(known) != len(draws):
        raise ConfigError("noise needs the rms of every image, which already clipped images lack: use reclip instead.")
    shape = (crops.shape[-2], crops.shape[-1])
    fields = np.stack([beam_noise(one.generator, shape, variance * one.blur**2 * np.eye(2)) for one in draws])
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


def reclipped(crops: Tensor, spec: InputSpec, draws: Sequence[Draw]) -> Tensor:
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
