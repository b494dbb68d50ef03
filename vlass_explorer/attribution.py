"""What the attribution methods share: gradients, baselines, contrasts of two labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from .attention import AttentionGradients, prefix_shares, start_words
from .private import private_copy
from .progress import report
from .schema import Explanation, FloatArray, InputSpec

BATCH_SIZE = 25  # images a pass, which bounds the memory

Baseline = Literal["zero", "noise", "blur", "mean"]
BASELINE_WORDS: dict[Baseline, str] = {
    "zero": "empty sky",
    "noise": "noise like that of the cutout",
    "blur": "the cutout blurred",
    "mean": "the data-set mean (tensor 0)",
}


def supports(model: nn.Module) -> tuple[bool, str]:
    """Every classifier with parameters is supported by the methods that only ask it about changed inputs."""
    if next(model.parameters(), None) is None:
        return False, "This model has no parameters."
    return True, ""


def contrast(model: nn.Module, against: int) -> nn.Module:
    """The model with logit ``against`` subtracted from all: explain label a of it to see why a and not ``against``.

    A private copy of the same type that shares the weights, so that every method takes it.
    """
    with torch.inference_mode(False):
        copy = private_copy(model)
    copy.register_forward_hook(lambda _module, _inputs, logits: logits - logits[:, against : against + 1])
    return copy


def with_progress(model: nn.Module, total: int) -> Callable[[Tensor], Tensor]:
    """The model as a function that reports progress; ``total`` images make the whole."""
    done = 0

    def forward(images: Tensor) -> Tensor:
        nonlocal done
        logits: Tensor = model(images)
        done += len(images)
        report(done, total)
        return logits

    return forward


def gradient(model: nn.Module, images: Tensor, target: int) -> Tensor:
    """Gradient of the target's logit with respect to each of the images (B, C, H, W), same shape."""
    images = images.detach().requires_grad_()
    (found,) = torch.autograd.grad(model(images)[:, target].sum(), images)
    return found


def baseline_image(model: nn.Module, x: Tensor, kind: Baseline) -> Tensor:
    """Image without the source, in the model's own input, shape of ``x`` (1, C, H, W).

    zero: empty sky, the value that stands for no data (tensor 0 where the model has no ``input_spec``); noise: Gaussian
    noise with median and MAD of each channel, seed 0; blur: Gaussian filter of an eighth of the side; mean: tensor 0,
    which is the data-set mean where the input description standardises.
    """
    if kind == "mean":
        return torch.zeros_like(x)
    pixels = x.detach().cpu().numpy()
    if kind == "blur":
        return torch.from_numpy(gaussian_filter(pixels, (0, 0, x.shape[-2] / 8, x.shape[-1] / 8), mode="nearest")).to(x)
    if kind == "noise":
        level, rms = background(pixels)
        noise = np.random.default_rng(0).standard_normal(pixels.shape, np.float32)
        return torch.from_numpy(level + rms * noise).to(x)
    spec = getattr(model, "input_spec", None)
    if not isinstance(spec, InputSpec):
        return torch.zeros_like(x)
    # In the steps and the precision of ``preprocess.finish``, so that empty sky is this very value.
    mean, std = (torch.tensor(values, dtype=torch.float32) for values in (spec.mean, spec.std))
    fill = (torch.full_like(mean, spec.nan_fill) - mean) / std
    return fill.to(x).view(1, -1, 1, 1).expand_as(x).clone()


def background(pixels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median and 1.4826 MAD of each channel, (..., 1, 1): rms 0 where the noise was clipped away."""
    level = np.median(pixels, axis=(-2, -1), keepdims=True)
    return level, 1.4826 * np.median(np.abs(pixels - level), axis=(-2, -1), keepdims=True)


def pixel_map(attribution: Tensor) -> FloatArray:
    """Map (1, H, W) of one attribution (1, C, H, W), summed over channels."""
    summed: FloatArray = attribution.detach()[0].sum(dim=0)[None].float().cpu().numpy()
    return summed


def completeness_error(total: float, difference: float) -> float:
    """Relative error of attributions that should sum to the change of the logit; 0 where both are 0."""
    return abs(total - difference) / max(abs(difference), float(np.finfo(np.float32).tiny))


def of_tokens(tokens: FloatArray, found: AttentionGradients, title: str, query: int | None) -> Explanation:
    """Relevance of each token (prefix tokens first) for a label as one unsigned map (gy, gx) of the patches."""
    maps = found.maps
    values, total = tokens[maps.prefix_tokens :], tokens.sum()
    return Explanation(
        maps=values.reshape(1, *maps.grid).astype(np.float32),
        titles=(f"{title} from {start_words(maps, query)}",),
        signed=False,
        unit="attention times gradient of the logit",
        caption=" ".join(("Where attention raised this label's logit.", *maps.notes)),
        numbers={
            "layers": len(maps.layers),
            "token_graph": maps.kind,
            "logit": found.score,
            "sum": float(values.sum()),
            "prefix_share": float(tokens[: maps.prefix_tokens].sum() / total) if total else 0.0,
            **prefix_shares(maps, tokens),
        },
    )
