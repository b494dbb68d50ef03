"""Attention flow: the most that can flow from the read-out to each patch when attention is the width of the pipes.

Abnar and Zuidema 2020, arXiv:2005.00928. A maximum flow a token: offered for up to 100 tokens.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import attention_maps, flow, start_words
from ..schema import Explanation

TITLE = "Attention flow"

supports = flow.supports


def explain(model: nn.Module, x: Tensor, target: int, *, query: int | None = None) -> Explanation:
    """One map (gy, gx), unsigned, all tokens summing to 1; ``target`` does not matter.

    query: Patch to start from (row * columns + column, row 0 at the bottom) instead of the read-out.

    Raises UnsupportedError above 100 tokens or for layers that do not run over the same tokens.
    """
    _, maps = attention_maps(model, x, head_fusion="mean")
    tokens = flow.attention_flow(maps, query)
    values = tokens[maps.prefix_tokens :]
    return Explanation(
        maps=values.reshape(1, *maps.grid),
        titles=(f"Flow from {start_words(maps, query)}",),
        signed=False,
        unit="share of the flow",
        caption="Where attention could flow, not a cause.",
        numbers={"layers": len(maps.layers), "token_graph": maps.kind, "prefix_share": 1.0 - float(values.sum())},
    )
