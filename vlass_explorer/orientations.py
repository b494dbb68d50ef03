"""The eight orientations of an image: the sky has no up, so neither should an answer have."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def eight(x: Tensor) -> list[Tensor]:
    """Images (..., y, x) after no, one, two and three quarter turns, then the mirror images of these four."""
    turned = [x.rot90(turns, (-2, -1)) for turns in range(4)]
    return turned + [view.flip(-1) for view in turned]


def back(number: int, values: Tensor) -> Tensor:
    """Values (..., y, x) on the pixels of view ``number`` of ``eight``, on those of the image as it was."""
    return (values.flip(-1) if number >= 4 else values).rot90(-(number % 4), (-2, -1))


class EightViews(nn.Module):
    """A network (B, C, S, S) -> logits (B, K, S, S) whose scores are the mean over the eight orientations.

    Each view's softmax scores are turned back before they are averaged, and the logarithm of the mean is given as
    logits: the classes of an image that is turned or mirrored are those of the image, turned or mirrored. Eight times
    the cost.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Logarithm of the mean scores (B, K, S, S), float32."""
        total: Tensor | None = None
        for number, view in enumerate(eight(x)):
            found = back(number, torch.log_softmax(self.network(view).float(), dim=1))
            total = found if total is None else torch.logaddexp(total, found)
        assert total is not None
        return total - math.log(8)
