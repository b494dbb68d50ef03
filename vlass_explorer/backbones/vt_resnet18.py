"""ResNet-18 whose last stage is two visual transformers over sixteen tokens that gather the image by meaning.

Wu et al., "Visual Transformers" (arXiv:2006.03677). This is the version of AndreyBocharnikov/Visual-Transformers with
12.7 million parameters for 144 classes: tokens of width 1024, value matrices and scaled scores, close to the first
version of the paper. The ICCV 2021 text has tokens as wide as the feature map (256), no value matrices, no scaling.
Matrices start as torch draws them: from the Kaiming start of the source, without any layer norm, training diverges.

Every attention is a softmax over the last axis, so ``attention.capture`` sees five calls in this order: pixels of each
token (B, L, HW), tokens (B, L, L), tokens of each pixel (B, HW, L), pixels of each token (B, L, HW), tokens (B, L, L).
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.resnet import resnet18
from torch import Tensor, nn

from ..headed import Headed, architecture, entry

CHANS, WIDTH, TOKENS = 256, 1024, 16
"""Channels of the feature map, width of a token, number of tokens."""


def _linear(chans: int, out: int) -> nn.Linear:
    """A matrix without bias."""
    return nn.Linear(chans, out, bias=False)


class FilterTokenizer(nn.Module):
    """Tokens by learnt filters: softmax over the pixels of W_a X gathers the values of each token."""

    learned_tokens = True

    def __init__(self) -> None:
        super().__init__()
        self.filters, self.values = _linear(CHANS, TOKENS), _linear(CHANS, WIDTH)

    def forward(self, x: Tensor, tokens: Tensor | None) -> Tensor:
        """Pixels (B, HW, C) to tokens (B, L, 1024); there are no earlier tokens."""
        weights = (self.filters(x).transpose(1, 2) / CHANS**0.5).softmax(-1)
        return weights @ self.values(x)


class RecurrentTokenizer(nn.Module):
    """Tokens by filters that the earlier tokens choose."""

    learned_tokens = True

    def __init__(self) -> None:
        super().__init__()
        self.filters, self.values = _linear(WIDTH, CHANS), _linear(CHANS, WIDTH)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Pixels (B, HW, C) and earlier tokens (B, L, 1024) to tokens (B, L, 1024)."""
        weights = (self.filters(tokens) @ x.transpose(1, 2) / CHANS**0.5).softmax(-1)
        return weights @ self.values(x)


class Transformer(nn.Module):
    """Self-attention with one head, then two matrices, each with a residual; no layer norm."""

    learned_tokens = True

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = _linear(WIDTH, WIDTH // 2), _linear(WIDTH, WIDTH // 2)
        self.value, self.expand, self.reduce = (_linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, 1024), same out."""
        scores = self.query(tokens) @ self.key(tokens).transpose(1, 2) / (WIDTH // 2) ** 0.5
        tokens = tokens + scores.softmax(-1) @ self.value(tokens)
        return tokens + self.reduce(self.expand(tokens).relu())


class Projector(nn.Module):
    """Writes tokens back onto the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = _linear(CHANS, CHANS), _linear(WIDTH, CHANS), _linear(WIDTH, CHANS)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Pixels (B, HW, C) and tokens (B, L, 1024) to pixels (B, HW, C)."""
        weights = (self.query(x) @ self.key(tokens).transpose(1, 2) / CHANS**0.5).softmax(-1)
        return x + weights @ self.value(tokens)


class VisualTransformer(nn.Module):
    """Tokenizer, transformer and, but for the last one, projector."""

    def __init__(self, tokenizer: nn.Module, *, project: bool) -> None:
        super().__init__()
        self.tokenizer, self.transformer = tokenizer, Transformer()
        self.projector = Projector() if project else None

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """Pixels (B, HW, C) and tokens (B, L, 1024) after this module."""
        out: Tensor = self.transformer(self.tokenizer(x, tokens))
        return (x if self.projector is None else self.projector(x, out)), out


@architecture("vt_resnet18", entry(144, (3, 224, 224), "stem.0", crop_pct=0.875))
class VtResNet18(Headed):
    """Any input size of the ResNet; the head reads the mean of the tokens."""

    def __init__(self, num_classes: int = 144, in_chans: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, WIDTH, WIDTH
        trunk: Any = resnet18(num_classes=0, in_chans=in_chans)
        self.stem = nn.Sequential(trunk.conv1, trunk.bn1, trunk.act1, trunk.maxpool)
        self.stages = nn.Sequential(trunk.layer1, trunk.layer2, trunk.layer3)
        self.vt1 = VisualTransformer(FilterTokenizer(), project=True)
        self.vt2 = VisualTransformer(RecurrentTokenizer(), project=False)
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: the stem, each stage or block, each visual transformer."""
        stages = r"^stages\.(\d+)" if coarse else r"^stages\.(\d+)\.(\d+)"
        return {"stem": r"^stem", "blocks": [(stages, None), (r"^vt(\d)", (10,))]}

    def forward_features(self, x: Tensor) -> Tensor:
        """Tokens (B, 16, 1024) of images (B, chan, y, x); the feature map they read is (y / 16, x / 16)."""
        pixels, tokens = self.vt1(self.stages(self.stem(x)).flatten(2).transpose(1, 2), None)
        tokens = self.vt2(pixels, tokens)[1]
        return tokens

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (B, num_classes), or the mean token (B, 1024)."""
        x = self.head_drop(x.mean(dim=1))
        return x if pre_logits else self.head(x)
