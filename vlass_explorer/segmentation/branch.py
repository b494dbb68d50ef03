"""The semantic branch of Panoptic FPN: four maps of a pyramid brought to the finest one, added, and classified.

Kirillov et al. 2019, "Panoptic Feature Pyramid Networks" (arXiv:1901.02446), section 3.1 and figure 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, OF_A_GROUP = 128, 4
"""Channels of the branch in the paper, and of a group of its norms (there 32 groups)."""


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Maps (B, C, y, x) at another size, bilinear, pixels as areas."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class SemanticBranch(nn.Module):
    """Logits (B, K, y, x) at the size of the finest of four maps, given finest first.

    A map at 1/2, 1/4, 1/8 of the finest takes one, two, three steps of convolution, group norm, ReLU and a resize to
    the next finer map; the finest takes the convolution alone. Any sizes will do, also odd ones.
    """

    def __init__(self, chans: Sequence[int], num_classes: int, width: int = WIDTH) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        for level, first in enumerate(chans):
            widths = [first, *[width] * max(level, 1)]
            steps = [
                nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.GroupNorm(b // OF_A_GROUP, b), nn.ReLU())
                for a, b in zip(widths, widths[1:], strict=False)
            ]
            self.levels.append(nn.ModuleList(steps))
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (B, C of the level, y, x), finest first, to logits."""
        sizes = [each.shape[-2:] for each in maps]
        total: Tensor | None = None
        for level, (x, steps) in enumerate(zip(maps, self.levels, strict=True)):
            assert isinstance(steps, nn.ModuleList)
            for number, step in enumerate(steps, start=1):
                x = step(x)
                if level:
                    x = resized(x, sizes[level - number])
            total = x if total is None else total + x
        assert total is not None
        logits: Tensor = self.classify(total)
        return logits
