"""Residual network whose features turn and mirror with the sky: a radio source has no preferred orientation.

Each convolution uses one kernel in its eight orientations (four rotations, each mirrored or not), and the class scores
average over them: turning the input by 90 degrees or mirroring it changes no score. Group convolutions of Cohen &
Welling 2016 (arXiv:1602.07576, group p4m); for radio galaxies see Scaife & Porter 2021 (arXiv:2102.08252).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..headed import Headed, architecture, entry

ORIENTATIONS = 8


def orientations(size: int) -> Tensor:
    """Where each pixel of a kernel comes from in its eight orientations, (8, size * size): mirror, then rotations."""
    # On the CPU even where the model is built elsewhere, or on no device at all to count its parameters.
    plain = torch.arange(size * size, device="cpu").view(size, size)
    moved = [torch.rot90(side, turns, (0, 1)) for side in (plain, plain.flip(1)) for turns in range(4)]
    return torch.stack([one.flatten() for one in moved])


def relative() -> Tensor:
    """Entry [g, h] is the orientation g^-1 h, (8, 8)."""
    moves = [tuple(row.tolist()) for row in orientations(3)]
    product = [[moves.index(tuple(h[pixel] for pixel in g)) for h in moves] for g in moves]
    inverse = [row.index(0) for row in product]
    table = [[product[inverse[g]][h] for h in range(ORIENTATIONS)] for g in range(ORIENTATIONS)]
    return torch.tensor(table, device="cpu")


class OrientedConv(nn.Module):
    """Convolution with every kernel in eight orientations.

    Channels are (field, orientation), flattened; ``lifting`` takes a plain image instead. Places of a kernel lie
    ``dilation`` pixels apart.
    """

    index: Tensor

    def __init__(self, fields: int, out: int, size: int = 3, *, lifting: bool = False, dilation: int = 1) -> None:
        super().__init__()
        self.size, self.depth, self.dilation = size, 1 if lifting else ORIENTATIONS, dilation
        fan_in = fields * self.depth * size * size
        self.weight = nn.Parameter(torch.randn(out, fields, self.depth * size * size) * (2.0 / fan_in) ** 0.5)
        pixels = orientations(size)
        index = pixels if lifting else (relative()[:, :, None] * size * size + pixels[:, None, :]).flatten(1)
        self.register_buffer("index", index.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, fields * depth, H, W) to (B, out * 8, H, W)."""
        return F.conv2d(x, self.kernels(), padding=self.dilation * (self.size // 2), dilation=self.dilation)

    def kernels(self) -> Tensor:
        """Every kernel in its eight orientations, (out * 8, fields * depth, size, size)."""
        out, fields, _ = self.weight.shape
        if torch.is_grad_enabled():  # its gradient adds up in the order in which runs began
            kernels = self.weight[:, :, self.index]
        else:  # the same values in a fifth of the time
            kernels = self._selected(self.index).view(out, fields, ORIENTATIONS, -1)
        kernels = kernels.permute(0, 2, 1, 3)
        return kernels.reshape(out * ORIENTATIONS, fields * self.depth, self.size, self.size)

    def plain(self) -> nn.Module:
        """The same as an ordinary convolution, which holds all kernels of these weights."""
        out, fields, _ = self.weight.shape
        pixels, chans = self.size**2, fields * self.depth
        # Channels last: the layout in which torch convolves fastest on a processor.
        kernels = self._selected(self.index.view(ORIENTATIONS, self.depth, pixels).transpose(1, 2))
        kernels = kernels.view(out, fields, ORIENTATIONS, pixels, self.depth).permute(0, 2, 3, 1, 4)
        kernels = kernels.reshape(out * ORIENTATIONS, self.size, self.size, chans).permute(0, 3, 1, 2)
        kind = nn.Conv2d if self.depth > 1 else PlainStem
        reach, far = self.dilation * (self.size // 2), self.dilation
        made = kind(chans, len(kernels), self.size, padding=reach, dilation=far, bias=False, device="meta")
        made.weight = nn.Parameter(kernels, requires_grad=False)
        return made

    def _selected(self, index: Tensor) -> Tensor:
        """Weights (out * fields, n) of n places in a kernel."""
        return self.weight.detach().flatten(0, 1).index_select(1, index.flatten())


class PlainStem(nn.Conv2d):
    """A convolution of a plain image with fixed kernels, whose gradient by the image costs less than torch's own."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W)."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return super().forward(x)
        answer: Tensor = _StemByProduct.apply(x, self.weight.detach())
        return answer


class _StemByProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        size = weight.shape[-1]
        # One product over all places; torch's own is slow where the image has one channel.
        places = grad.movedim(1, -1).flatten(1, 2) @ weight.flatten(1)
        return F.fold(places.transpose(1, 2), grad.shape[-2:], size, padding=size // 2), None


class OrientedNorm(nn.BatchNorm2d):
    """Batch norm with one mean and scale for the eight orientations of a field."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, fields * 8, H, W), same out."""
        batch, chans, height, width = x.shape
        return super().forward(x.reshape(batch, chans // ORIENTATIONS, ORIENTATIONS * height, width)).view_as(x)

    def plain(self) -> nn.Module:
        """The same for evaluation as one factor and one summand a channel, whose gradient costs a product."""
        assert self.running_mean is not None and self.running_var is not None
        factor = torch.rsqrt(self.running_var.detach().double() + self.eps) * self.weight.detach().double()
        summand = self.bias.detach().double() - self.running_mean.detach().double() * factor
        return PlainNorm(*(each.repeat_interleave(ORIENTATIONS).to(self.weight) for each in (factor, summand)))


class PlainNorm(nn.Module):
    """A norm whose statistics are fixed: x * factor + summand, both (C)."""

    factor: Tensor
    summand: Tensor

    def __init__(self, factor: Tensor, summand: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor.view(-1, 1, 1))
        self.register_buffer("summand", summand.view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), same out."""
        return torch.addcmul(self.summand, x, self.factor)


class OrientedBlock(nn.Module):
    """Two convolutions and a shortcut, after halving the image where ``pool`` is set.

    With ``dilation`` 2 the image keeps its size and is smoothed; the kernels see what those of a pooled block see.
    """

    def __init__(self, fields: int, out: int, *, pool: bool, dilation: int = 1) -> None:
        super().__init__()
        self.pool, self.dilation = pool, dilation
        self.conv1, self.norm1 = OrientedConv(fields, out, dilation=dilation), OrientedNorm(out)
        self.conv2, self.norm2 = OrientedConv(out, out, dilation=dilation), OrientedNorm(out)
        self.shortcut = OrientedConv(fields, out, 1) if fields != out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, fields * 8, H, W) to (B, out * 8, H / 2 or H, W / 2 or W)."""
        if self.pool:
            x = F.avg_pool2d(x, 2)
        elif self.dilation > 1:
            x = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


@architecture("d4_resnet", entry(4, (1, 64, 64), "stem", pool_size=(8, 8)))
class D4ResNet(Headed):
    """Stem 5 x 5, one or more blocks a stage, average over pixels and orientations; any even input size from 16 on."""

    def __init__(
        self,
        num_classes: int = 4,
        in_chans: int = 1,
        fields: Sequence[int] = (6, 12, 24, 48),
        depths: Sequence[int] = (1, 1, 1, 1),
        drop_rate: float = 0.2,
    ) -> None:
        super().__init__()
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, fields[-1], fields[-1]
        self.stem, self.norm = OrientedConv(in_chans, fields[0], 5, lifting=True), OrientedNorm(fields[0])
        stages, width = [], fields[0]
        for number, (out, depth) in enumerate(zip(fields, depths, strict=True)):
            blocks = []
            for position in range(depth):
                blocks.append(OrientedBlock(width, out, pool=number > 0 and position == 0))
                width = out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: the stem, then each stage or block."""
        return {"stem": r"^stem|^norm", "blocks": r"^stages\.(\d+)" if coarse else r"^stages\.(\d+)\.(\d+)"}

    def forward_features(self, x: Tensor) -> Tensor:
        """Feature map (B, fields * 8, H / 16, W / 16)."""
        # The largest of four is cut at zero, not all four: the same, on a quarter of the values.
        features: Tensor = self.stages(torch.relu(F.max_pool2d(self.norm(self.stem(x)), 2)))
        return features

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (B, num_classes), or the orientation-free features (B, num_features)."""
        x = self.head_drop(x.mean(dim=(2, 3)).view(len(x), self.num_features, ORIENTATIONS).mean(dim=2))
        if pre_logits:
            return x
        logits: Tensor = self.head(x)
        return logits
