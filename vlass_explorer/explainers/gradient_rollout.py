"""Gradient rollout: attention weighted by its effect on a label, multiplied from layer to layer.

Rollout (Abnar and Zuidema 2020, arXiv:2005.00928) of the mean over heads of attention times gradient where positive,
as in vit-explain, but with each gradient beside the attention of its own layer.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import attention_gradients, relevance, supports
from ..attribution import of_tokens
from ..schema import Explanation

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Gradient rollout"
ZERO = "No attention raises the label's logit; what lowers it is cut at zero."


def explain(model: nn.Module, x: Tensor, target: int, *, query: int | None = None) -> Explanation:
    """One map (gy, gx) on the grid of the first layer for label ``target``, unsigned; costs one backward pass.

    query: Patch to start from (row * columns + column, row 0 at the bottom) instead of the read-out.

    Raises UnsupportedError for an architecture that is not covered or a patch that does not exist.
    """
    found = attention_gradients(model, x, target)
    return of_tokens(relevance.gradient_rollout(found, query), found, TITLE, query)
