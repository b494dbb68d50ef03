"""The small CNN of VLASS-Vision: three convolutions, 0.87 million parameters at 64 pixels.

Source: https://github.com/khairulislam/VLASS-Vision, models/cnn.py. Its softmax before the cross-entropy is left out:
two softmaxes in a row flatten the gradient. Older checkpoints call it first_cnn; it has nothing to do with FIRST.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..headed import Headed, architecture, entry


def _stage(chans: int, out: int, drop: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(chans, out, 3, padding=1),
        nn.Dropout(drop) if drop else nn.Identity(),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )


@architecture("vlass_vision_cnn", entry(4, (1, 64, 64), "features.0.0", fixed_input_size=True))
class VlassVisionCnn(Headed):
    """Three convolutions, each halved by pooling, then one hidden layer; input (batch, chan, img_size, img_size)."""

    def __init__(
        self, num_classes: int = 4, in_chans: int = 1, img_size: int = 64, drop_rate: float = 0.3, **_: Any
    ) -> None:
        super().__init__()
        side = (img_size[0] if isinstance(img_size, tuple | list) else img_size) // 8
        if side < 1:
            raise ValueError("vlass_vision_cnn needs an img_size of at least 8.")
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, 25, 512
        self.features = nn.Sequential(_stage(in_chans, 75, 0.0), _stage(75, 50, 0.2), _stage(50, 25, 0.0))
        self.hidden = nn.Linear(25 * side * side, 512)
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: each convolution with its norm, then the hidden layer."""
        return {"stem": r"^features\.0", "blocks": [(r"^features\.(\d+)", None), (r"^hidden", (10,))]}

    def forward_features(self, x: Tensor) -> Tensor:
        """Feature map (batch, 25, img_size / 8, img_size / 8)."""
        features: Tensor = self.features(x)
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (batch, num_classes), or the hidden layer (batch, 512)."""
        x = self.head_drop(torch.relu(self.hidden(x.flatten(1))))
        if pre_logits:
            return x
        logits: Tensor = self.head(x)
        return logits
