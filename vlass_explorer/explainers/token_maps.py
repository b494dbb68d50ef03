"""Token maps: where on the image each learned token of a visual transformer gathers from.

Wu et al. 2020, arXiv:2006.03677, figure 6. Low entropy and high localness are a token of one place on the sky. Models
that label pixels have a tokenizer for each level of their pyramid, from 1/4 to 1/32 of the image, and one transformer
over the tokens of all: after it a token is drawn from every level, on the grid of the finest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..attention import capture
from ..attention.graph import coarser
from ..backbones.vt_resnet import VtResNet
from ..backbones.vt_resnet18 import VtResNet18
from ..schema import Explanation, FloatArray, UnsupportedError
from ..segmentation.networks import STRIDES, VtFpn

TITLE = "Token maps"
OF_PIXELS = True
NONE = "This model has no learned tokens; vt_r18, vt_resnet18 and vt_fpn have."
MODELS = (VtResNet, VtResNet18, VtFpn)
STRIDE = 16
"""Pixels of the model input that one cell of the feature map stands for."""


@dataclass(frozen=True, eq=False)
class TokenMaps:
    """Maps (token, gy, gx) of one tokenizer, each summing to 1, row 0 at the bottom, and numbers (token,) of each."""

    maps: FloatArray
    entropy: FloatArray
    """−Σ a ln a in nats: 0 for one cell, ln of the number of cells for an even map."""
    entropy_share: FloatArray
    """The same as a share of the largest possible one."""
    localness: FloatArray
    """Share inside the 3 x 3 cells around the strongest one: the paper's share around a query, which tokens lack."""
    spread: FloatArray
    """Mean distance of the mass from its centroid, in pixels of the model input."""
    stride: int = STRIDE
    """Pixels of the model input that one cell stands for."""


def supports(model: nn.Module) -> tuple[bool, str]:
    """Models with learned tokens."""
    return (True, "") if type(model) in MODELS else (False, NONE)


def explain(
    model: nn.Module,
    x: Tensor,
    target: int,
    *,
    token: int | None = None,
    tokenizer: int = -1,
    after_attention: bool = False,
) -> Explanation:
    """Maps (gy, gx) of shares, unsigned: the mean over the tokens, then each, or one; ``target`` does not matter.

    token: Learned token, counted from 0; none is the mean over all tokens, which the head reads, and then each.
    tokenizer: Tokenizer, counted from 0; negative counts from the last, -1.
    after_attention: Follow the tokens through the self-attention after their tokenizer, which mixes them.

    Raises UnsupportedError for a model without learned tokens, or a token or tokenizer that does not exist.
    """
    every = token_maps(model, x, after_attention=after_attention)
    if not -len(every) <= tokenizer < len(every):
        raise UnsupportedError(f"There is no tokenizer {tokenizer}: this model has {len(every)}, counted from 0.")
    found, count = every[tokenizer], len(every[tokenizer].maps)
    if token is not None and not 0 <= token < count:
        raise UnsupportedError(f"There is no token {token}: this model has {count}, counted from 0.")
    which = f"tokenizer {range(len(every))[tokenizer] + 1} of {len(every)}"
    if isinstance(model, VtFpn):
        which = f"level 1/{STRIDES[tokenizer]}"
    chosen = slice(None) if token is None else slice(token, token + 1)
    titles = [f"Token {number + 1}, {which}" for number in range(count)][chosen]
    maps = found.maps[chosen]
    if token is None:
        maps, titles = np.concatenate([maps.mean(0, keepdims=True), maps]), [f"Mean of the tokens, {which}", *titles]
    mean = "" if token is not None else "mean_"
    measured = {
        "entropy_nats": found.entropy,
        "entropy_share": found.entropy_share,
        "localness_share": found.localness,
        "spread_pixels": found.spread,
    }
    return Explanation(
        maps=maps,
        titles=tuple(titles),
        signed=False,
        unit="share of the token",
        caption="What each token is gathered from, not a cause. Localness: share in the 3 x 3 cells around the "
        "strongest. Spread: mean distance from the centroid, in pixels of the model input.",
        numbers={
            "tokens": count,
            **{f"{mean}{name}": float(values[chosen].mean()) for name, values in measured.items()},
            **({"most_local_token": int(np.argmax(found.localness)) + 1} if token is None else {}),
        },
    )


def token_maps(model: nn.Module, x: Tensor, *, after_attention: bool = False) -> tuple[TokenMaps, ...]:
    """Maps of all tokens of one image (1, C, H, W), one a tokenizer in forward order, from one forward pass.

    ``after_attention``: W A with the tokens' self-attention W, without its residual. Raises UnsupportedError for a
    model without learned tokens.
    """
    if type(model) not in MODELS:
        raise UnsupportedError(NONE)
    with torch.no_grad(), capture() as calls:
        model(x)
    if isinstance(model, VtFpn):
        return _of_pyramid([call.weights[0] for call in calls], x, after_attention)
    # Tokenizer, self-attention, projector, again and again; the last projector is left out, as the backbones say.
    gathered = [call.weights[0] for call in calls[0::3]]
    mixing = [call.weights[0] for call in calls[1::3]]
    if after_attention:
        gathered = [mix @ maps for mix, maps in zip(mixing, gathered, strict=True)]
    grid = coarser((int(x.shape[-2]), int(x.shape[-1])), STRIDE)
    return tuple(_measured(maps.cpu().numpy().reshape(-1, *grid)) for maps in gathered)


def _of_pyramid(weights: list[Tensor], x: Tensor, after_attention: bool) -> tuple[TokenMaps, ...]:
    """Of a pyramid: four tokenizers, the one self-attention over all of their tokens, four projectors.

    After the attention W the map of a token is the sum of W times the maps of all tokens, each on the finest grid.
    """
    levels, mixing = weights[: len(STRIDES)], weights[len(STRIDES)]
    grids = [coarser((int(x.shape[-2]), int(x.shape[-1])), stride) for stride in STRIDES]
    maps = [each.reshape(-1, *grid) for each, grid in zip(levels, grids, strict=True)]
    if not after_attention:
        return tuple(_measured(each.cpu().numpy(), stride) for each, stride in zip(maps, STRIDES, strict=True))
    finest = torch.cat([on_grid(each, grids[0]) for each in maps])
    mixed = torch.einsum("ij,jyx->iyx", mixing, finest).split([len(each) for each in maps])
    return tuple(_measured(each.cpu().numpy(), STRIDES[0]) for each in mixed)


def on_grid(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps (token, y, x) of shares on a finer grid, each still of the same sum: a cell is spread over those inside."""
    fine = F.interpolate(maps[None], grid, mode="nearest-exact")[0]
    return fine * (maps.sum((1, 2)) / fine.sum((1, 2)))[:, None, None]


def _measured(maps: FloatArray, stride: int = STRIDE) -> TokenMaps:
    """Entropy, localness and spread of maps (token, gy, gx), each summing to 1."""
    cells = maps.reshape(len(maps), -1).astype(np.float64)
    cells /= cells.sum(axis=1, keepdims=True)  # rows of float32 sum to 1 but for rounding
    entropy = -np.sum(cells * np.log(cells, out=np.zeros_like(cells), where=cells > 0), axis=1)
    rows, columns = (each.ravel() for each in np.indices(maps.shape[1:]))
    strongest = cells.argmax(axis=1)
    near = np.maximum(abs(rows - rows[strongest, None]), abs(columns - columns[strongest, None])) <= 1
    apart = np.hypot(rows - (cells @ rows)[:, None], columns - (cells @ columns)[:, None])
    return TokenMaps(
        maps,
        entropy,
        entropy / max(np.log(cells.shape[1]), 1e-12),
        np.sum(cells * near, axis=1),
        stride * np.sum(cells * apart, axis=1),
        stride,
    )
