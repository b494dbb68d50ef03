"""ConViT's gated positional self-attention opened up: content map, position map, and the gate that mixes them.

d'Ascoli et al. 2021, arXiv:2103.10697. A head weights patches with (1 - g) content + g position, rows normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from timm.models.convit import GPSA
from torch import Tensor, nn

from ..schema import FloatArray, UnsupportedError
from .capture import capture


@dataclass(frozen=True, eq=False)
class GatedLayer:
    """One gated layer: maps (head, query, key) over patches, the gate and the non-locality of each head."""

    name: str
    content: FloatArray
    position: FloatArray
    gate: FloatArray
    """Share of the position map (head,), in (0, 1); high is local by habit."""
    nonlocality: FloatArray
    """Mean over queries of the mixed attention times distance (head,), in patches."""


def gated_layers(model: nn.Module, x: Tensor) -> tuple[GatedLayer, ...]:
    """The gated layers of a ConViT on one image (1, C, H, W); raises UnsupportedError for a model without any."""
    names = [(name, module) for name, module in model.named_modules() if type(module) is GPSA]
    if not names:
        raise UnsupportedError("This model has no gated positional attention; ConViT has.")
    gy, gx = patch_grid(model, x)
    with torch.no_grad(), capture() as calls:
        model(x)
    rows, columns = torch.meshgrid(torch.arange(gy), torch.arange(gx), indexing="ij")
    places = torch.stack([rows.ravel(), columns.ravel()], dim=1).float()
    apart = torch.cdist(places, places).to(x.device)
    layers = []
    for (name, module), (content, position) in zip(
        names, _pairs([call.weights for call in calls], gy * gx), strict=False
    ):
        gate = torch.sigmoid(module.gating_param.detach().float())
        share = gate.view(-1, 1, 1)
        mixed = (1.0 - share) * content + share * position
        mixed = mixed / mixed.sum(-1, keepdim=True)
        distance = (mixed * apart).sum(-1).mean(-1)
        layers.append(GatedLayer(name, *(each.cpu().numpy() for each in (content, position, gate, distance))))
    return tuple(layers)


def patch_grid(model: Any, x: Tensor) -> tuple[int, int]:
    """Patches (gy, gx) of an image (1, C, H, W)."""
    gy, gx = model.patch_embed.dynamic_feat_size(x.shape[-2:])
    return int(gy), int(gx)


def _pairs(weights: list[Tensor], patches: int) -> list[tuple[Tensor, Tensor]]:
    """Content and position map of each gated layer: it makes two calls over the patches alone, one after the other."""
    gated = [each[0] for each in weights if each.shape[-1] == patches]
    return list(zip(gated[::2], gated[1::2], strict=True))
