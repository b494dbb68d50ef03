"""Attention rollout: attention of all layers multiplied, from the read-out back to the patches.

Abnar and Zuidema 2020, arXiv:2005.00928. It shows where attention flowed and is the same for every label.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import HeadFusion, attention_maps, supports, token_rollout
from ..schema import Explanation

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Attention rollout"


def explain(
    model: nn.Module,
    x: Tensor,
    target: int,
    *,
    head_fusion: HeadFusion = "mean",
    discard_ratio: float = 0.0,
    query: int | None = None,
) -> Explanation:
    """One map (gy, gx) on the patch grid: the share of each patch, unsigned; ``target`` does not matter.

    head_fusion: Heads of a layer become one matrix by their mean, maximum or minimum.
    discard_ratio: Share of the weakest links of each layer that is dropped; 0 is the published method.
    query: Patch to start from (row * columns + column, row 0 at the bottom) instead of the read-out.

    Raises UnsupportedError for an architecture that is not covered or an option out of its range.
    """
    _, maps = attention_maps(model, x)
    tokens = token_rollout(maps, head_fusion=head_fusion, discard_ratio=discard_ratio, query=query)
    prefix_share = float(tokens[: maps.prefix_tokens].sum())
    start = "the read-out" if query is None else "patch row {}, column {}".format(*divmod(query, maps.grid[1]))
    return Explanation(
        maps=tokens[maps.prefix_tokens :].reshape(1, *maps.grid),
        titles=(f"Rollout from {start}",),
        signed=False,
        caption=f"Where attention flowed, not a cause. {prefix_share:.0%} ended on tokens that are no patches.",
        numbers={
            "layers": len(maps.layers),
            "token_graph": maps.kind,
            "prefix_tokens": maps.prefix_tokens,
            "prefix_share": prefix_share,
        },
    )
