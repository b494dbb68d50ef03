"""Vision transformer that knows that the sky has no up: no class score depends on how an image is turned or mirrored.

Tokens of 4 x 4 pixels carry each feature in eight orientations, from convolutions as in ``d4_resnet``; all matrices
are those of the group. A head looks one of four ways: it compares the two orientations that mirror each other along it,
and adds what a kernel over offsets, turned with it, says of where the key lies. Turning the image turns the attention
of one head into that of another. Group self-attention of Romero & Cordonnier 2021 (arXiv:2010.00977), with continuous
relative positions of Liu et al. 2022 (arXiv:2111.09883). The class token asks from the middle of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..headed import Headed, architecture, entry
from .d4_resnet import ORIENTATIONS, OrientedBlock, OrientedConv, OrientedNorm, orientations

Grid = tuple[int, int]
STRIDE = 4
"""Pixels a token on each axis."""
WAYS = 4
"""Along which heads look: orientations number way and number way + 4 mirror each other."""
DRAWN = (16, 16)
"""Grid whose offsets ``RelativeBias.get_bias`` holds where none is named: that of 64 pixels."""


def turned() -> Tensor:
    """Matrices (4, 2, 2): where an offset (y, x) under a kernel turned four ways comes from in the plain kernel."""
    source = orientations(3)[:WAYS, [7, 5]]  # of the pixels one step along y and one along x
    return torch.stack([source // 3 - 1, source % 3 - 1], dim=1)


class OrientedLinear(OrientedConv):
    """Matrix over the channels of tokens (..., fields * 8), one for the eight orientations."""

    def __init__(self, fields: int, out: int, gain: float = 0.5) -> None:
        super().__init__(fields, out, 1)
        self.bias = nn.Parameter(torch.zeros(out))
        with torch.no_grad():
            self.weight.mul_(gain**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(..., fields * 8) to (..., out * 8)."""
        return F.linear(x, self.kernels().flatten(1), self.bias.repeat_interleave(ORIENTATIONS))

    def plain(self) -> nn.Module:
        """The same as an ordinary linear layer."""
        weight, bias = self.kernels().detach().flatten(1), self.bias.detach().repeat_interleave(ORIENTATIONS)
        made = nn.Linear(weight.shape[1], len(weight), device="meta")
        made.weight, made.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
        return made


class TokenNorm(nn.Module):
    """Layer norm over all channels of a token, with one scale and summand for the eight orientations of a field."""

    def __init__(self, fields: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(fields)), nn.Parameter(torch.zeros(fields))

    def forward(self, x: Tensor) -> Tensor:
        """(..., fields * 8), same out."""
        weight, bias = (each.repeat_interleave(ORIENTATIONS) for each in (self.weight, self.bias))
        return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-6)


class TurnedKernel(nn.Module):
    """Values over offsets in tokens, one a head and way: a small network of how far along the way and aside."""

    turns: Tensor

    def __init__(self, heads: int, hidden: int = 32) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(3, hidden), nn.GELU(), nn.Linear(hidden, heads))
        self.fall = nn.Parameter(torch.ones(heads))  # training starts from a sense of neighbourhood
        self.register_buffer("turns", turned().float(), persistent=False)

    def forward(self, rows: int, columns: int) -> Tensor:
        """Values (heads * 4, offsets) at all offsets from the middle of so many rows and columns."""
        steps = (torch.arange(side, device=self.turns.device) - (side - 1) / 2 for side in (rows, columns))
        offsets = torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1).flatten(0, 1).to(self.turns.dtype)
        along, aside = (offsets @ self.turns.transpose(1, 2)).split(1, dim=-1)  # each (4, offset, 1)
        length = torch.hypot(along, aside) / STRIDE
        inputs = torch.cat([along.sign() * along.abs().log1p(), aside.abs().log1p(), length], dim=-1)
        values: Tensor = (self.network(inputs) - self.fall * length).permute(2, 0, 1).flatten(0, 1)
        return values


class ReadingBias(nn.Module):
    """What is added to the scores of the class token, which asks from the middle of the grid."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.read, self.own = TurnedKernel(heads), nn.Parameter(torch.zeros(heads))

    def forward(self, grid: Grid) -> Tensor:
        """(1, heads * 4, 1, 1 + patches), its own score first."""
        own = self.own.repeat_interleave(WAYS)[:, None]
        return torch.cat([own, self.read(*grid)], dim=1)[None, :, None]


class RelativeBias(nn.Module):
    """What is added to every score for the offset of the key from the query; to that of the class token, one value."""

    window_size = DRAWN

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.first, self.between = ReadingBias(heads), TurnedKernel(heads)
        self.to_class = nn.Parameter(torch.zeros(heads))

    def get_bias(self, grid: Grid = DRAWN) -> Tensor:
        """(1, heads * 4, 1 + patches, 1 + patches), the class token first."""
        gy, gx = grid
        offsets = self.between(2 * gy - 1, 2 * gx - 1)
        # Key minus query, counted from the smallest offset.
        dy, dx = (
            torch.arange(side - 1, 2 * side - 1, device=offsets.device)[None, :]
            - torch.arange(side, device=offsets.device)[:, None]
            for side in grid
        )
        place = (dy[:, None, :, None] * (2 * gx - 1) + dx[None, :, None, :]).flatten()
        patches = offsets.index_select(1, place).view(1, -1, gy * gx, gy * gx)
        column = self.to_class.repeat_interleave(WAYS)[None, :, None, None].expand(-1, -1, gy * gx, 1)
        return torch.cat([self.first(grid), torch.cat([column, patches], dim=3)], dim=2)

    def forward(self, grid: Grid) -> Tensor:
        """The same."""
        return self.get_bias(grid)


class OrientedAttention(nn.Module):
    """Softmax attention to all tokens, ``heads`` in each of four ways; all tokens ask, or the class token alone."""

    def __init__(self, fields: int, heads: int, *, reads: bool) -> None:
        super().__init__()
        self.reads = reads
        self.heads, self.num_heads = heads, heads * WAYS
        self.qkv, self.proj = OrientedLinear(fields, 3 * fields), OrientedLinear(fields, fields)
        self.position = ReadingBias(heads) if reads else RelativeBias(heads)

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, 1 + patches, fields * 8) to what is added to those that ask."""
        batch, count, chans = x.shape
        parts = self.qkv(x).view(batch, count, 3, self.heads, -1, 2, WAYS)
        # Both mirror images of a way count as dimensions of its head: (3, B, heads * 4, tokens, dim).
        query, key, value = parts.permute(2, 0, 3, 6, 1, 4, 5).flatten(5).flatten(2, 3).contiguous()
        query = query[:, :, :1] if self.reads else query
        bias = self.position(grid).to(query.dtype)
        if self.training:  # torch's own takes three times as long where the bias is learnt
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3) + bias
            answer = scores.softmax(-1) @ value
        else:
            answer = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        answer = answer.unflatten(3, (-1, 2)).unflatten(1, (self.heads, WAYS)).permute(0, 3, 1, 4, 5, 2)
        mixed: Tensor = self.proj(answer.reshape(batch, -1, chans))
        return mixed


class OrientedLayer(nn.Module):
    """Pre-norm attention and two matrices with a GELU between, each with a residual that training drops at random.

    Where it ``reads``, the class token alone asks and changes.
    """

    def __init__(self, fields: int, heads: int, ratio: float, drop_path: float, *, reads: bool) -> None:
        super().__init__()
        hidden = int(fields * ratio)
        self.norm1, self.attn = TokenNorm(fields), OrientedAttention(fields, heads, reads=reads)
        self.norm2, self.fc1 = TokenNorm(fields), OrientedLinear(fields, hidden, 1.0)
        self.fc2 = OrientedLinear(hidden, fields)
        self.drop_path = drop_path

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, 1 + patches, fields * 8), same out."""
        asks = (x[:, :1] if self.attn.reads else x) + self._kept(self.attn(self.norm1(x), grid))
        asks = asks + self._kept(self.fc2(F.gelu(self.fc1(self.norm2(asks)))))
        return torch.cat([asks, x[:, 1:]], dim=1) if self.attn.reads else asks

    def _kept(self, branch: Tensor) -> Tensor:
        if not (self.training and self.drop_path):
            return branch
        kept = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
        return branch * kept / (1 - self.drop_path)


@architecture("d4_former", entry(4, (1, 64, 64), "stem"))
class D4Former(Headed):
    """Equivariant convolutions to a quarter of the size, then ``depth`` layers; sides are multiples of four.

    In the last layer the class token alone asks: what it would do to patches nobody would read.
    """

    num_prefix_tokens = 1
    starts_from = ("d4_resnet",)
    """Architectures whose weights a run may start from; see ``weights_of``."""

    def __init__(
        self,
        num_classes: int = 4,
        in_chans: int = 1,
        fields: Sequence[int] = (6, 6, 12, 24),
        depth: int = 3,
        heads: int = 1,
        mlp_ratio: float = 2.0,
        head_width: int = 48,
        drop_rate: float = 0.2,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, fields[-1], head_width
        self.stem, self.norm0 = OrientedConv(in_chans, fields[0], 5, lifting=True), OrientedNorm(fields[0])
        pairs = zip(fields, fields[1:], strict=False)
        # To a quarter of the size and no further: later blocks of the network look twice as far instead.
        self.stages = nn.Sequential(
            *(
                OrientedBlock(a, b, pool=number == 1, dilation=2 ** max(0, number - 1))
                for number, (a, b) in enumerate(pairs)
            )
        )
        self.cls_token = nn.Parameter(torch.randn(1, 1, fields[-1]) * 0.02)
        rates = [drop_path_rate * (number + 1) / depth for number in range(depth)]
        self.blocks = nn.ModuleList(
            OrientedLayer(fields[-1], heads, mlp_ratio, rate, reads=number == depth - 1)
            for number, rate in enumerate(rates)
        )
        self.norm, self.widen = TokenNorm(fields[-1]), OrientedLinear(fields[-1], head_width, 1.0)
        self.head_drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Layer groups, input first: the stem, each layer, the matrix before the head."""
        return {
            "stem": r"^stem|^norm0|^stages|^cls_token",
            "blocks": [(r"^blocks\.(\d+)", None), (r"^widen", (len(self.blocks),))],
        }

    def weights_of(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is taken of a state of ``d4_resnet``: its stem and its first stages, of one block each."""
        own = self.state_dict()
        named = {"stem.weight": "stem.weight"}
        named |= {key: f"norm.{key.removeprefix('norm0.')}" for key in own if key.startswith("norm0.")}
        for key in own:
            if key.startswith("stages."):
                _, number, rest = key.split(".", 2)
                named[key] = f"stages.{number}.0.{rest}"
        return {key: state[there] for key, there in named.items()}

    def token_grid(self, size: Grid) -> Grid:
        """Patches (gy, gx) of an image (ny, nx); the class token comes before them and is what the head reads."""
        return size[0] // STRIDE, size[1] // STRIDE

    def forward_features(self, x: Tensor) -> Tensor:
        """Tokens (B, 1 + patches, fields * 8) of images (B, chan, y, x), the class token first."""
        x, grid = self._tokens(x)
        for block in self.blocks:
            x = block(x, grid)
        normed: Tensor = self.norm(x)
        return normed

    def forward_intermediates(
        self, x: Tensor, *, norm: bool = False, return_prefix_tokens: bool = False, **_: Any
    ) -> list[Any]:
        """Patches (B, patches, fields * 8) after each layer, or pairs of them and the class token (B, 1, ...)."""
        x, grid = self._tokens(x)
        found = []
        for block in self.blocks:
            x = block(x, grid)
            y = self.norm(x) if norm else x
            found.append((y[:, 1:], y[:, :1]) if return_prefix_tokens else y[:, 1:])
        return found

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (B, num_classes), or what the head reads of the class token, free of orientation (B, head_width)."""
        read = torch.relu(self.widen(x[:, 0])).unflatten(1, (-1, ORIENTATIONS)).mean(dim=2)
        read = self.head_drop(read)
        return read if pre_logits else self.head(read)

    def _tokens(self, x: Tensor) -> tuple[Tensor, Grid]:
        x = self.stages(torch.relu(F.max_pool2d(self.norm0(self.stem(x)), 2)))
        grid = x.shape[2], x.shape[3]
        token = self.cls_token.repeat_interleave(ORIENTATIONS, dim=2).expand(len(x), -1, -1)
        return torch.cat([token.to(x.dtype), x.flatten(2).transpose(1, 2)], dim=1), grid
