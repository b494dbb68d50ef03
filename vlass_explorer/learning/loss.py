"""Targets and loss: label smoothing, mixup and CutMix, class weights, distillation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import segmentation
from ..schema import RunConfig
from .seeds import MIX, generator


def class_weights(labels: Tensor, classes: int, config: RunConfig) -> Tensor:
    """Weight of each class (K,), inverse frequency to a power, with mean 1 over the training cutouts."""
    counts = torch.bincount(labels, minlength=classes).float().clamp_min(1.0)
    if not config.class_weighting:
        return torch.ones(classes)
    weights = (counts.mean() / counts) ** config.class_weight_power
    return weights / (weights * counts).sum() * counts.sum()


def pixel_weights(counts: Tensor, config: RunConfig) -> Tensor:
    """Weight of each class of pixels (K,) from their numbers (K,), as ``class_weights`` makes it from labels."""
    if not config.class_weighting:
        return torch.ones(len(counts))
    counts = counts.double().clamp_min(1.0)
    weights = (counts.mean() / counts) ** config.class_weight_power
    return (weights / (weights * counts).sum() * counts.sum()).float()


def mask_loss(logits: Tensor, masks: Tensor, weights: Tensor, name: str) -> Tensor:
    """The loss of a run, "cross_entropy+dice" for a sum: logits (B, K, H, W), masks (B, H, W), class weights (K,).

    The weights are those of the cross-entropy alone.
    """
    terms = [
        segmentation.cross_entropy(logits.float(), masks, weight=weights)
        if part == "cross_entropy"
        else segmentation.LOSSES[part](logits.float(), masks)
        for part in name.split("+")
    ]
    return torch.stack(terms).sum()


def targets(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """Smoothed one-hot rows (B, K)."""
    return F.one_hot(labels, classes).float() * (1.0 - smoothing) + smoothing / classes


def mix(x: Tensor, target: Tensor, config: RunConfig, epoch: int, step: int) -> tuple[Tensor, Tensor]:
    """Mixup or CutMix of images (B, C, S, S) and targets (B, K), drawn for each pair.

    The draw depends on (seed, epoch, step) alone, which timm's Mixup could not promise. Zhang et al. 2018
    (arXiv:1710.09412); Yun et al. 2019 (arXiv:1905.04899).
    """
    random = generator(MIX, config.seed, epoch, step)
    if not (config.mixup or config.cutmix) or float(torch.rand((), generator=random)) >= config.mixup_probability:
        return x, target
    cuts = bool(config.cutmix) and (not config.mixup or float(torch.rand((), generator=random)) < 0.5)
    # Beta(a, a) as a ratio of two gamma variates, which torch draws from the generator it is given.
    alpha = torch.full((2, len(x)), config.cutmix if cuts else config.mixup)
    first, second = torch._standard_gamma(alpha, generator=random).clamp_min(1e-12)
    share = first / (first + second)
    partner = torch.randperm(len(x), generator=random).to(x.device)
    if cuts:
        kept = boxes(share, (x.shape[2], x.shape[3]), random).to(x.device)
        mixed = torch.where(kept[:, None], x, x[partner])
        share = kept.float().mean(dim=(1, 2))
    else:
        share = torch.maximum(share, 1.0 - share).to(x.device)
        wide = share[:, None, None, None]
        mixed = wide * x + (1 - wide) * x[partner]
    return mixed, share[:, None] * target + (1 - share[:, None]) * target[partner]


def boxes(share: Tensor, shape: tuple[int, int], random: torch.Generator) -> Tensor:
    """Masks (B, h, w), False in a box of about 1 - share (B,) of the area at a random place, cut off at the edge."""
    height, width = shape
    side = (1 - share).sqrt() / 2
    centre = torch.rand((2, len(share)), generator=random)
    y, x = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    in_y = (y[None] - centre[0, :, None] * height).abs() < side[:, None] * height
    in_x = (x[None] - centre[1, :, None] * width).abs() < side[:, None] * width
    return ~(in_y[:, :, None] & in_x[:, None, :])


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean over the batch of the class-weighted cross-entropy of logits (B, K) against soft targets (B, K)."""
    return -(target * weights * F.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()


@torch.no_grad()
def teacher_scores(teachers: Sequence[nn.Module], x: Tensor, temperature: float) -> Tensor:
    """Mean softened scores (B, K) of the teachers on the same images."""
    return torch.stack([(teacher(x).float() / temperature).softmax(dim=1) for teacher in teachers]).mean(dim=0)


def distillation(logits: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of softened logits against the teachers' scores (Hinton et al. 2015), times temperature squared."""
    return -(scores * F.log_softmax(logits.float() / temperature, dim=1)).sum(dim=1).mean() * temperature**2
