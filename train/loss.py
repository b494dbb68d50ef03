"""Targets and loss: label smoothing, mixup, class weights, distillation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlass_explorer.schema import RunConfig

from .seeds import MIX, generator


def class_weights(labels: Tensor, classes: int, config: RunConfig) -> Tensor:
    """Weight of each class (K,), inverse frequency to a power, with mean 1 over the training cutouts."""
    counts = torch.bincount(labels, minlength=classes).float().clamp_min(1.0)
    if not config.class_weighting:
        return torch.ones(classes)
    weights = (counts.mean() / counts) ** config.class_weight_power
    return weights / (weights * counts).sum() * counts.sum()


def targets(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """Smoothed one-hot rows (B, K)."""
    return F.one_hot(labels, classes).float() * (1.0 - smoothing) + smoothing / classes


def mix(x: Tensor, target: Tensor, config: RunConfig, epoch: int, step: int) -> tuple[Tensor, Tensor]:
    """Mixup of images (B, C, S, S) and targets (B, K), one weight a pair; the draw depends on (seed, epoch, step)."""
    random = generator(MIX, config.seed, epoch, step)
    if not config.mixup or float(torch.rand((), generator=random)) >= config.mixup_probability:
        return x, target
    # Beta(a, a) as a ratio of two gamma variates, which torch draws from the generator it is given.
    alpha = torch.full((2, len(x)), config.mixup)
    first, second = torch._standard_gamma(alpha, generator=random).clamp_min(1e-12)
    share = first / (first + second)
    share = torch.maximum(share, 1.0 - share).to(x.device)
    partner = torch.randperm(len(x), generator=random).to(x.device)
    wide = share[:, None, None, None]
    return wide * x + (1 - wide) * x[partner], share[:, None] * target + (1 - share[:, None]) * target[partner]


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean over the batch of the class-weighted cross-entropy of logits (B, K) against soft targets (B, K)."""
    return -(target * weights * F.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()


@torch.no_grad()
def taught(teachers: Sequence[nn.Module], x: Tensor, temperature: float) -> Tensor:
    """Mean softened scores (B, K) of the teachers on the same images."""
    return torch.stack([(teacher(x).float() / temperature).softmax(dim=1) for teacher in teachers]).mean(dim=0)


def distillation(logits: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of softened logits against the teachers' scores (Hinton et al. 2015), times temperature squared."""
    return -(scores * F.log_softmax(logits.float() / temperature, dim=1)).sum(dim=1).mean() * temperature**2
