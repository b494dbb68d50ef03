"""Networks for semantic segmentation over a backbone of timm that gives maps at 1/4, 1/8, 1/16 and 1/32 of the image.

``panoptic_fpn`` is the baseline of Kirillov et al. 2019 (arXiv:1901.02446): torchvision's feature pyramid (1 x 1
laterals, nearest top-down, 3 x 3 outputs) and the semantic branch. ``vt_fpn`` is that of Wu et al. 2021
(arXiv:2006.03677, section 4.2) with the pyramid's convolutions replaced by visual transformers: eight tokens of width
1024 from each map, one transformer over the 32 of them, and a projector back onto each map. The FPN decoder of
segmentation-models-pytorch is not used: it has no 3 x 3 outputs, seven eighths of the pyramid's operations in the
paper, aligns corners when it resizes, and takes multiples of 32 pixels only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..foreign import mapped, reason
from ..schema import ConfigError
from .branch import OF_A_GROUP, SemanticBranch, resized

ENCODER = "resnet50"
STRIDES = (4, 8, 16, 32)
PYRAMID, TOKENS = 256, 8
"""Channels of the feature pyramid in the paper, where tokens are four times and the branch half as wide; tokens of
each map."""


class Network(nn.Module):
    """Encoder and semantic branch, with what a checkpoint asks of a model."""

    def __init__(self, encoder: nn.Module, chans: list[int], num_classes: int, pyramid: int) -> None:
        super().__init__()
        self.num_classes, self.num_features, self.encoder = num_classes, chans[-1], encoder
        self.branch = SemanticBranch(self.widths(chans, pyramid), num_classes, pyramid // 2)

    def widths(self, chans: list[int], pyramid: int) -> list[int]:
        """Channels of the maps that the branch is given."""
        return chans

    def get_classifier(self) -> nn.Module:
        """The layer whose first axis is the classes."""
        return self.branch.classify


class PanopticFpn(Network):
    """Encoder, feature pyramid, semantic branch."""

    def __init__(self, encoder: nn.Module, chans: list[int], num_classes: int, pyramid: int = PYRAMID) -> None:
        super().__init__(encoder, chans, num_classes, pyramid)
        # Here and not above: torchvision's operators take a second to load.
        from torchvision.ops import FeaturePyramidNetwork

        self.pyramid = FeaturePyramidNetwork(chans, pyramid)

    def widths(self, chans: list[int], pyramid: int) -> list[int]:
        """Those of the pyramid."""
        return [pyramid] * len(chans)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K, H, W) of images (B, chan, H, W)."""
        maps = self.pyramid({str(level): each for level, each in enumerate(self.encoder(x))})
        return resized(self.branch(list(maps.values())), x.shape[-2:])


class TokenPyramid(nn.Module):
    """Maps that have seen the tokens of all maps, same shapes out: the module that replaces a feature pyramid."""

    def __init__(self, chans: list[int], width: int = 4 * PYRAMID) -> None:
        super().__init__()
        # Here and not above: its file brings timm, which takes longer to import than a prediction.
        from ..backbones.vt_resnet import Projector, Tokenizer, TokenTransformer

        self.tokenizers = nn.ModuleList(Tokenizer(each, width, TOKENS) for each in chans)
        self.transformer = TokenTransformer(width)
        self.projectors = nn.ModuleList(Projector(each, width) for each in chans)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps (B, C of the level, y, x)."""
        pixels = [each.flatten(2).transpose(1, 2) for each in maps]
        tokens = [make(each) for make, each in zip(self.tokenizers, pixels, strict=True)]
        mixed = self.transformer(torch.cat(tokens, 1)).split(TOKENS, 1)
        written = [write(x, own) for write, x, own in zip(self.projectors, pixels, mixed, strict=True)]
        return [x.transpose(1, 2).reshape(each.shape) for x, each in zip(written, maps, strict=True)]


class VtFpn(Network):
    """Encoder, token pyramid, semantic branch over the encoder's own channels."""

    def __init__(self, encoder: nn.Module, chans: list[int], num_classes: int, pyramid: int = PYRAMID) -> None:
        super().__init__(encoder, chans, num_classes, pyramid)
        self.pyramid = TokenPyramid(chans, 4 * pyramid)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K, H, W) of images (B, chan, H, W)."""
        return resized(self.branch(self.pyramid(self.encoder(x))), x.shape[-2:])


NETWORKS: dict[str, Callable[[nn.Module, list[int], int, int], Network]] = {
    "panoptic_fpn": PanopticFpn,
    "vt_fpn": VtFpn,
}
"""Name -> network of an encoder, its channels from fine to coarse, a number of classes and channels of the pyramid."""


def create(
    name: str, num_classes: int, *, encoder: str = ENCODER, in_chans: int = 3, pyramid: int = PYRAMID, **options: Any
) -> nn.Module:
    """An untrained network of ``NETWORKS`` over an architecture of timm; ``options`` are of timm's ``create_model``.

    ``pyramid`` is a multiple of 8: the branch is half as wide, and tokens are four times. Raises ConfigError for
    an unknown network or encoder, and for an encoder without maps at the four strides.
    """
    # Here and not above: timm takes longer to import than a prediction.
    import timm

    if name not in NETWORKS:
        raise ConfigError(f"There is no segmentation network {name!r}, only {', '.join(NETWORKS)}.")
    if pyramid < 2 * OF_A_GROUP or pyramid % (2 * OF_A_GROUP):
        raise ConfigError(f"The pyramid of {name} has a multiple of {2 * OF_A_GROUP} channels, not {pyramid}.")
    with mapped(lambda error: ConfigError(f"{encoder} cannot be the encoder of {name} ({reason(error)}).")):
        body: Any = timm.create_model(encoder, pretrained=False, features_only=True, in_chans=in_chans, **options)
        strides = list(body.feature_info.reduction())
    if not set(STRIDES) <= set(strides):
        raise ConfigError(
            f"{encoder} cannot be the encoder of {name}: its maps are at 1/{', 1/'.join(map(str, strides))} of the "
            "image, and 1/4, 1/8, 1/16 and 1/32 are needed."
        )
    chosen = [max(index for index, stride in enumerate(strides) if stride == wanted) for wanted in STRIDES]
    with mapped(lambda error: ConfigError(f"{encoder} cannot be the encoder of {name} ({reason(error)}).")):
        body = timm.create_model(
            encoder, pretrained=False, features_only=True, in_chans=in_chans, out_indices=chosen, **options
        )
        return NETWORKS[name](body, list(body.feature_info.channels()), num_classes, pyramid)
