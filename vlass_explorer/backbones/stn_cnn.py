"""A small CNN that first turns, shifts and scales its own input: a spatial transformer network.

Jaderberg et al. 2015, "Spatial Transformer Networks" (arXiv:1506.02025), in the form of the EVA6 exercise on CIFAR-10
(MittalNeha/vision_pytorch, models/spatialtransformer.py): 39,884 parameters at 3 x 32 x 32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..headed import Headed, architecture, entry

SMALLEST = 18
"""Pixels of the smallest input that the localisation network can read."""


@architecture("stn_cnn", entry(10, (3, 32, 32), ("localisation.0", "features.0"), fixed_input_size=True))
class StnCnn(Headed):
    """Localisation network, affine resampling, two convolutions; input (batch, chan, img_size, img_size).

    The resampling starts as the identity. Raises ValueError for an ``img_size`` below 18.
    """

    turns_input = True

    def __init__(
        self, num_classes: int = 10, in_chans: int = 3, img_size: int = 32, drop_rate: float = 0.5, **_: Any
    ) -> None:
        super().__init__()
        side = img_size[0] if isinstance(img_size, tuple | list) else img_size
        if side < SMALLEST:
            raise ValueError(f"stn_cnn needs an img_size of at least {SMALLEST}.")
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, 20, 50
        self.localisation = nn.Sequential(
            nn.Conv2d(in_chans, 8, 7), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(8, 10, 5), nn.MaxPool2d(2), nn.ReLU()
        )
        last = nn.Linear(32, 6)
        nn.init.zeros_(last.weight)
        last.bias = nn.Parameter(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
        self.regressor = nn.Sequential(nn.Linear(10 * (((side - 6) // 2 - 4) // 2) ** 2, 32), nn.ReLU(), last)
        self.features = nn.Sequential(
            nn.Conv2d(in_chans, 10, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(10, 20, 5),
            nn.Dropout2d(0.5),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        self.hidden = nn.Sequential(nn.Linear(20 * (((side - 4) // 2 - 4) // 2) ** 2, 50), nn.ReLU())
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: the spatial transformer, the convolutions, the hidden layer."""
        blocks = [(r"^features\.0", (1,)), (r"^features\.3", (2,)), (r"^hidden", (3,))]
        return {"stem": r"^localisation|^regressor", "blocks": blocks}

    def theta(self, x: Tensor) -> Tensor:
        """Affine matrices (batch, 2, 3) from output to input positions, both in units of the half side (-1 to 1)."""
        matrices: Tensor = self.regressor(self.localisation(x).flatten(1))
        return matrices.view(-1, 2, 3)

    def transform(self, x: Tensor) -> Tensor:
        """Images as the classifier sees them: bilinear, zero outside, same shape as ``x``."""
        grid = F.affine_grid(self.theta(x), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def forward_features(self, x: Tensor) -> Tensor:
        """Feature map (batch, 20, r, r) of the transformed images, r about img_size / 4 - 3."""
        features: Tensor = self.features(self.transform(x))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (batch, num_classes), or the 50 values before them."""
        x = self.head_drop(self.hidden(x.flatten(1)))
        return x if pre_logits else self.head(x)
