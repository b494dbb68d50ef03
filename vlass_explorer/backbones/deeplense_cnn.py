"""The baseline CNN of DeepLense: seven convolutions, two of them with a skip; 6.6 million parameters at 150 pixels.

Source: ML4SCI/DeepLense, classification with transformers (A. Srivastava 2022), models/baseline.py. Its dense layer is
sized here by counting pixels instead of a rounded formula, so that every input from 42 pixels on fits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..headed import Headed, architecture, entry

SMALLEST = 42
"""Pixels of the smallest input that leaves one pixel for the dense layer."""


class Stage(nn.Module):
    """Convolution, batch norm, ReLU; then a 1 x 1 skip is added (``skip``) or the image halved (``pool``)."""

    def __init__(self, chans: int, out: int, size: int, *, pool: bool = False, skip: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(chans, out, size, padding=size // 2 if skip else 0)
        self.norm, self.act = nn.BatchNorm2d(out), nn.ReLU()
        self.skip = nn.Conv2d(chans, out, 1) if skip else None
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, chans, y, x) to (B, out, y', x')."""
        y: Tensor = self.act(self.norm(self.conv(x)))
        return self.pool(y) if self.skip is None else y + self.skip(x)


@architecture("deeplense_cnn", entry(3, (1, 150, 150), "features.0.conv", fixed_input_size=True))
class DeepLenseCnn(Headed):
    """Features of 128 channels, dropout, two hidden layers; input (batch, chan, img_size, img_size).

    Raises ValueError for an ``img_size`` below 42.
    """

    def __init__(
        self, num_classes: int = 3, in_chans: int = 1, img_size: int = 150, drop_rate: float = 0.5, **_: Any
    ) -> None:
        super().__init__()
        side = img_size[0] if isinstance(img_size, tuple | list) else img_size
        if side < SMALLEST:
            raise ValueError(f"deeplense_cnn needs an img_size of at least {SMALLEST}.")
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, 128, 32
        self.features = nn.Sequential(
            Stage(in_chans, 16, 5),
            Stage(16, 32, 3, pool=True),
            Stage(32, 32, 3, pool=True),
            Stage(32, 32, 3, pool=True),
            Stage(32, 64, 3, skip=True),
            Stage(64, 64, 3, skip=True),
            Stage(64, 128, 3),
        )
        pooled = (((side - 6) // 2 - 2) // 2 - 2) // 2 - 2
        self.drop = nn.Dropout(drop_rate)
        self.hidden = nn.Sequential(nn.Linear(128 * pooled**2, 256), nn.ReLU(), nn.Linear(256, 32), nn.ReLU())
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: each convolution with its norm, then the hidden layers."""
        return {"stem": r"^features\.0", "blocks": [(r"^features\.(\d+)", None), (r"^hidden", (10,))]}

    def forward_features(self, x: Tensor) -> Tensor:
        """Feature map (batch, 128, r, r), r about img_size / 8 - 4.5."""
        features: Tensor = self.features(x)
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (batch, num_classes), or the 32 values before them."""
        x = self.hidden(self.drop(x.flatten(1)))
        return x if pre_logits else self.head(x)
