"""Vision transformers whose patches come from a few convolutions, for data sets of a thousand cutouts.

Early convolutions (Xiao et al. 2021, "Early Convolutions Help Transformers See Better", arXiv:2106.14881) give the
tokens the sense of neighbourhood that a plain ViT has to learn from many images. There is no class token: the head
reads the mean of all patches, so that the token graph is average pooling.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.layers.hybrid_embed import HybridEmbed
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..headed import entry

STRIDE = 8
"""Pixels a patch on each axis."""

default_cfgs = generate_default_cfgs(
    {"conv_stem_vit_mini": entry(4, (1, 64, 64), "patch_embed.backbone.layers.0.0", fixed_input_size=True)}
)


class ConvStem(nn.Module):
    """Feature map (batch, width, y / 8, x / 8) of images (batch, chan, y, x): four convolutions, three poolings."""

    def __init__(self, in_chans: int, width: int) -> None:
        super().__init__()
        plan = [(in_chans, width // 2), (width // 2, width // 2), (width // 2, width), (width, width)]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, 3, padding=1, bias=False),
                    nn.BatchNorm2d(b),
                    nn.ReLU(),
                    nn.MaxPool2d(2) if stage < 3 else nn.Identity(),
                )
                for stage, (a, b) in enumerate(plan)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, D, S/8, S/8) of images (B, C, S, S)."""
        features: Tensor = self.layers(x)
        return features


def _embed(in_chans: int = 1, embed_dim: int = 96, **options: Any) -> HybridEmbed:
    options["patch_size"] = 1
    return HybridEmbed(ConvStem(in_chans, embed_dim), in_chans=in_chans, embed_dim=embed_dim, **options)


@register_model
def conv_stem_vit_mini(pretrained: bool = False, **kwargs: Any) -> VisionTransformer:
    """Three blocks of width 96 with four heads over patches of 8 pixels, read by average pooling."""
    shape = {"embed_dim": 96, "depth": 3, "num_heads": 4, "mlp_ratio": 3.0}
    pooling = {"class_token": False, "global_pool": "avg", "fc_norm": True}
    defaults = {"img_size": 64, "in_chans": 1, "patch_size": STRIDE, "embed_layer": partial(_embed)}
    model: VisionTransformer = build_model_with_cfg(
        VisionTransformer, "conv_stem_vit_mini", pretrained, **{**defaults, **shape, **pooling, **kwargs}
    )
    return model
