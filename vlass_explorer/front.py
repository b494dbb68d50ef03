"""What may stand before any backbone: a spatial transformer that turns, shifts and scales the image.

Jaderberg et al. 2015, "Spatial Transformer Networks" (arXiv:1506.02025). It starts as the identity, so that a backbone
with trained weights scores as before, and learns with it. The localisation network is that of the EVA6 exercise on
CIFAR-10 (see ``backbones/stn_cnn.py``), its map averaged to 4 x 4 before the dense layer: 8,544 parameters for three
channels, images of any size from 18 pixels on; at 32 x 32 it is the exercise's own.

A checkpoint says so by ``front`` among its ``model_args``; timm alone does not know that argument.
"""

from __future__ import annotations

import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST = 18
"""Pixels of the smallest image that the localisation network can read."""
GRID = 4
"""Cells a side that the dense layer reads."""
OFF = (
    "A spatial transformer turns the image before this model: a map over its layers lies on the turned image, not on "
    "the sky; try integrated gradients or occlusion instead."
)
"""Why attention and class activation maps are off."""


class SpatialTransformer(nn.Module):
    """Images (B, C, H, W) resampled by an affine matrix that a small network reads from each; same shape out.

    Bilinear, zero outside. Raises ValueError for images below 18 pixels.
    """

    def __init__(self, in_chans: int) -> None:
        super().__init__()
        self.localisation = nn.Sequential(
            nn.Conv2d(in_chans, 8, 7), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(8, 10, 5), nn.MaxPool2d(2), nn.ReLU()
        )
        last = nn.Linear(32, 6)
        nn.init.zeros_(last.weight)
        last.bias = nn.Parameter(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
        self.regressor = nn.Sequential(nn.Linear(10 * GRID**2, 32), nn.ReLU(), last)

    def theta(self, x: Tensor) -> Tensor:
        """Affine matrices (B, 2, 3) from output to input positions, both in units of the half side (-1 to 1)."""
        if min(x.shape[-2:]) < SMALLEST:
            raise ValueError(f"front=stn needs an img_size of at least {SMALLEST}.")
        matrices: Tensor = self.regressor(F.adaptive_avg_pool2d(self.localisation(x), GRID).flatten(1))
        return matrices.view(-1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Images as the backbone sees them."""
        # In whole precision: a position in bfloat16 would be off by a pixel.
        with torch.autocast(x.device.type, enabled=False):
            x = x.to(next(self.regressor.parameters()).dtype)
            grid = F.affine_grid(self.theta(x), list(x.shape), align_corners=False)
            return F.grid_sample(x, grid, align_corners=False)


FRONTS: dict[str, type[nn.Module]] = {"stn": SpatialTransformer}
"""Name in a run or a checkpoint -> what stands before the backbone."""


class Fronted(nn.Module):
    """A backbone with something before it; timm's functions and the classifier are those of the backbone."""

    def __init__(self, front: nn.Module, body: Any) -> None:
        super().__init__()
        self.front, self.body = front, body
        config = dict(getattr(body, "pretrained_cfg", None) or {})
        config |= {key: _within(config[key]) for key in ("first_conv", "classifier") if config.get(key)}
        self.pretrained_cfg = config
        self.num_features = body.num_features

    @property
    def num_classes(self) -> int:
        """Classes of the backbone."""
        return int(self.body.num_classes)

    @property
    def head_hidden_size(self) -> int:
        """Values that the classifier reads."""
        return int(self.body.head_hidden_size)

    def get_classifier(self) -> Any:
        """That of the backbone."""
        return self.body.get_classifier()

    def reset_classifier(self, num_classes: int, *arguments: Any, **options: Any) -> None:
        """A fresh head of the backbone."""
        self.body.reset_classifier(num_classes, *arguments, **options)

    @torch.jit.ignore
    def no_weight_decay(self) -> set[str]:
        """Parameters that weight decay leaves alone, as the backbone says."""
        own: set[str] = getattr(self.body, "no_weight_decay", set)()
        return {f"body.{name}" for name in own}

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: what stands in front, then those of the backbone."""
        groups: dict[str, Any] = {"front": r"^front\."}
        for name, spec in self.body.group_matcher(coarse=coarse).items():
            single = spec is None or isinstance(spec, str)
            groups[name] = _inner(spec) if single else [(_inner(one), order) for one, order in spec]
        return groups

    def forward_features(self, x: Tensor) -> Tensor:
        """Features of the backbone."""
        features: Tensor = self.body.forward_features(self.front(x))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits of features, or the values before the head."""
        logits: Tensor = self.body.forward_head(x, pre_logits=pre_logits)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (B, C, H, W)."""
        logits: Tensor = self.body(self.front(x))
        return logits


def with_front(model: nn.Module, name: str, in_chans: int) -> nn.Module:
    """The model behind a front of ``FRONTS``; ValueError for an unknown one."""
    if name not in FRONTS:
        raise ValueError(f"there is no front {name!r}, only {', '.join(FRONTS)}")
    return Fronted(FRONTS[name](in_chans), model)


def backbone(model: nn.Module) -> nn.Module:
    """The model itself, or what stands behind its front."""
    return model.body if isinstance(model, Fronted) else model


def is_fronted(model: nn.Module) -> bool:
    """True where something turns the image before the backbone sees it."""
    return isinstance(model, Fronted)


def _within(names: Any) -> Any:
    return f"body.{names}" if isinstance(names, str) else tuple(f"body.{name}" for name in names)


def _inner(pattern: str | None) -> str | None:
    """timm's regular expression of names, for names that begin with ``body.``."""
    return None if pattern is None else r"body\.(?:" + re.sub(r"(?<!\[)\^", "", pattern) + ")"
