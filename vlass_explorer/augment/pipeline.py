"""From a cutout to what training sees of it: prepared once, augmented in each epoch, the same for pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import preprocess
from ..schema import Cutout, InputSpec, RunConfig, Window
from .brightness import blurred, reclipped, with_noise
from .draws import draw
from .geometry import cut, reach, sample, sample_labels, within


@dataclass(frozen=True)
class Prepared:
    """A stretched cutout with as much margin around the model's window as any augmentation can bring in."""

    image: Tensor
    """(C, ny, nx) at native resolution, NaN for no data."""
    window: Window
    """Field of view of the model in the pixels of ``image``."""
    rms: float | None
    """Noise of the whole cutout before the stretch, None where it was clipped away."""
    maximum: float
    """Largest pixel of the whole stretched cutout."""


def prepare(cutout: Cutout, spec: InputSpec, config: RunConfig) -> Prepared:
    """What training looks at of a cutout; raises InputError as the steps of ``preprocess`` do."""
    image = preprocess.stretched(cutout, spec).reshape(-1, *cutout.shape)
    window = preprocess.window(cutout, spec)
    wide = reach(window, config)
    return Prepared(
        image=torch.from_numpy(preprocess.crop(image, wide)),
        window=within(window, wide),
        rms=None if cutout.noise is None else float(cutout.noise.rms) * preprocess.unit_factor(cutout, spec),
        maximum=float(preprocess.maximum(torch.from_numpy(image)[None])[0]),
    )


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
    """Augmented crops (B, C, h, w) of stretched images (B, C, ny, nx) at native resolution, for ``finish``.

    ``window`` lies on the images in their own pixels; ``indices`` (B,) are the samples' indices in the data set;
    ``rms`` (B,) is the noise of each whole cutout before the stretch, needed for added noise. Sky outside the image
    and NaN stay NaN and spread nowhere. Without any geometric option the crop is returned exactly. Raises ConfigError
    where blur, noise or reclip does not apply to the stretch or the images.
    """
    draws = [draw(config, epoch, index) for index in indices]
    crops = sample(images, window, draws)
    still = [row for row, one in enumerate(draws) if one.is_identity]
    if still:
        crops[still] = cut(images[still], window)
    if config.blur > 0:
        crops = blurred(crops, spec, draws, rms)
    if config.noise > 0:
        crops = with_noise(crops, spec, draws, rms)
    if config.reclip > 0:
        crops = reclipped(crops, spec, draws)
    return crops


def augment_masks(
    masks: Tensor, window: Window, config: RunConfig, *, epoch: int, indices: Sequence[int], outside: int
) -> Tensor:
    """Labels (B, h, w) of masks (B, ny, nx), moved as ``augment`` moves the images of the same epoch and indices.

    No label is mixed with its neighbour; what lies beyond the image, or where the image has no pixel, is ``outside``.
    """
    return sample_labels(masks, window, [draw(config, epoch, index) for index in indices], outside)


def preview(
    cutout: Cutout, spec: InputSpec, options: RunConfig, count: int, seed: int | None = None, index: int = 0
) -> list[Tensor]:
    """Model inputs (C, S, S) of a cutout as the first ``count`` epochs of a training would see it.

    ``options`` are the run's; ``seed`` replaces theirs where given; ``index`` is the cutout's index in the data set.
    Raises as ``prepare`` and ``augment`` do.
    """
    config = options if seed is None else replace(options, seed=seed)
    one = prepare(cutout, spec, config)
    maximum = torch.tensor([one.maximum])
    found = []
    for epoch in range(count):
        crops = augment(one.image[None], one.window, spec, config, epoch=epoch, indices=[index], rms=[one.rms])
        found.append(preprocess.finish(crops, spec, maximum)[0])
    return found
