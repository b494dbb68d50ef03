"""A network of pixels asked in all eight orientations: the sky has no up, so neither should an answer have."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class EightViews(nn.Module):
    """A network (B, C, S, S) -> logits (B, K, S, S) whose scores are the mean over four turns and their mirror images.

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
        for turn in range(4):
            for mirrored in (False, True):
                view = x.rot90(turn, (2, 3))
                view = view.flip(3) if mirrored else view
                found = torch.log_softmax(self.network(view).float(), dim=1)
                found = found.flip(3) if mirrored else found
                found = found.rot90(-turn, (2, 3))
                total = found if total is None else torch.logaddexp(total, found)
        assert total is not None
        return total - math.log(8)
