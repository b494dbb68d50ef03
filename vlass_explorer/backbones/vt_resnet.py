"""ResNets whose last stage is a row of visual transformers: one for each block that they replace.

Wu et al. 2021, "Visual Transformers: Where Do Transformers Really Belong in Vision Models?" (ICCV, arXiv:2006.03677),
equations 1 to 5 as printed: no value matrices, no scaling of scores, no layer norm. Sixteen tokens, as wide as the map
that they gather (256 for depth 18, 1024 for 50); the first tokenizer has learnt filters, each later one takes them from
the tokens before it. ``width`` sets another width, which takes a matrix from the map to the tokens and one back: the
experiments of the paper have 1024 (``vt_r18_1024``). What an implementation made of it, with value matrices and scaled
scores, is ``vt_resnet18``.

Every attention is a softmax over the last axis, so ``attention.capture`` sees, of each visual transformer in turn, the
pixels of each token (B, L, HW), the tokens of each token (B, L, L) and, but for the last one, the tokens of each pixel
(B, HW, L).
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnet import resnet18, resnet50
from torch import Tensor, nn

from ..headed import Headed, entry

TOKENS = 16
DEPTHS: dict[int, tuple[Any, int]] = {18: (resnet18, 2), 50: (resnet50, 3)}
"""Depth -> timm's builder and the blocks of its last stage."""

default_cfgs = generate_default_cfgs(
    {name: entry(1000, (3, 224, 224), "stem.0", crop_pct=0.875) for name in ("vt_r18", "vt_r18_1024", "vt_r50")}
)


def _matrix(chans: int, out: int) -> nn.Linear:
    return nn.Linear(chans, out, bias=False)


class Tokenizer(nn.Module):
    """Tokens as averages of the pixels, weighed by learnt filters or, ``recurrent``, by filters that tokens choose.

    Equations 1 and 2. A matrix brings the averages to ``width`` where the map has another number of channels.
    """

    learned_tokens = True

    def __init__(self, chans: int, width: int, count: int = TOKENS, *, recurrent: bool = False) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.filters = _matrix(width, chans) if recurrent else _matrix(chans, count)
        self.widen = nn.Identity() if width == chans else _matrix(chans, width)

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Pixels (B, HW, C) and, where recurrent, earlier tokens (B, L, D) to tokens (B, L, D)."""
        scores = self.filters(tokens) @ x.transpose(1, 2) if self.recurrent else self.filters(x).transpose(1, 2)
        gathered: Tensor = self.widen(scores.softmax(-1) @ x)
        return gathered


class TokenTransformer(nn.Module):
    """One head of self-attention without values, then two matrices, each with a residual: equations 3 and 4."""

    learned_tokens = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self.key, self.query = _matrix(width, width // 2), _matrix(width, width // 2)
        self.expand, self.reduce = _matrix(width, width), _matrix(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, D), same out."""
        scores = self.key(tokens) @ self.query(tokens).transpose(1, 2)
        tokens = tokens + scores.softmax(-1) @ tokens
        return tokens + self.reduce(self.expand(tokens).relu())


class Projector(nn.Module):
    """Writes tokens back onto the pixels: equation 5; a matrix narrows tokens that are wider than the map.

    (X W_Q)(T W_K)ᵀ is computed as X (T W_K W_Qᵀ)ᵀ: there are fewer tokens than pixels.
    """

    def __init__(self, chans: int, width: int) -> None:
        super().__init__()
        self.query, self.key = _matrix(chans, chans), _matrix(width, chans)
        self.narrow = nn.Identity() if width == chans else _matrix(width, chans)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Pixels (B, HW, C) and tokens (B, L, D) to pixels (B, HW, C)."""
        weights = (x @ (self.key(tokens) @ self.query.weight).transpose(1, 2)).softmax(-1)
        return x + weights @ self.narrow(tokens)


class VisualTransformer(nn.Module):
    """Tokenizer, transformer and, but for the last one, whose tokens the head reads, projector."""

    def __init__(self, chans: int, width: int, *, is_first: bool, is_last: bool) -> None:
        super().__init__()
        self.tokenizer = Tokenizer(chans, width, recurrent=not is_first)
        self.transformer = TokenTransformer(width)
        self.projector = None if is_last else Projector(chans, width)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """Pixels (B, HW, C) and tokens (B, L, D) after this module."""
        out: Tensor = self.transformer(self.tokenizer(x, tokens))
        return (x if self.projector is None else self.projector(x, out)), out


class VtResNet(Headed):
    """Any input size of the ResNet; the head reads the mean of the last tokens."""

    def __init__(
        self, depth: int, num_classes: int = 1000, in_chans: int = 3, drop_rate: float = 0.0, width: int = 0
    ) -> None:
        super().__init__()
        make, count = DEPTHS[depth]
        trunk: Any = make(num_classes=0, in_chans=in_chans)
        chans = int(trunk.feature_info[-2]["num_chs"])
        width = width or chans
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, width, width
        self.stem = nn.Sequential(trunk.conv1, trunk.bn1, trunk.act1, trunk.maxpool)
        self.stages = nn.Sequential(trunk.layer1, trunk.layer2, trunk.layer3)
        ends = [(index == 0, index == count - 1) for index in range(count)]
        self.vts = nn.ModuleList(VisualTransformer(chans, width, is_first=a, is_last=b) for a, b in ends)
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: the stem, each stage or block, each visual transformer."""
        stages = r"^stages\.(\d+)" if coarse else r"^stages\.(\d+)\.(\d+)"
        return {"stem": r"^stem", "blocks": [(stages, None), (r"^vts\.(\d+)", (10,))]}

    def forward_features(self, x: Tensor) -> Tensor:
        """Tokens (B, 16, D) of images (B, chan, y, x); the feature map they read is (y / 16, x / 16)."""
        pixels, tokens = self.stages(self.stem(x)).flatten(2).transpose(1, 2), None
        for vt in self.vts:
            pixels, tokens = vt(pixels, tokens)
        assert tokens is not None  # there are two or three
        return tokens

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (B, num_classes), or the mean token (B, D)."""
        x = self.head_drop(x.mean(dim=1))
        return x if pre_logits else self.head(x)


def _build(name: str, depth: int, pretrained: bool, **kwargs: Any) -> VtResNet:
    model: VtResNet = build_model_with_cfg(VtResNet, name, pretrained, depth=depth, **kwargs)
    return model


@register_model
def vt_r18(pretrained: bool = False, **kwargs: Any) -> VtResNet:
    """Two visual transformers over the 256 channels of ResNet-18's third stage."""
    return _build("vt_r18", 18, pretrained, **kwargs)


@register_model
def vt_r18_1024(pretrained: bool = False, **kwargs: Any) -> VtResNet:
    """The same with tokens of width 1024."""
    return _build("vt_r18_1024", 18, pretrained, **{"width": 1024, **kwargs})


@register_model
def vt_r50(pretrained: bool = False, **kwargs: Any) -> VtResNet:
    """Three visual transformers over the 1024 channels of ResNet-50's third stage."""
    return _build("vt_r50", 50, pretrained, **kwargs)
