"""Relevance of patches for a label: attention times its gradient, added up over the layers.

Chefer, Gur and Wolf 2021, arXiv:2103.15679, rules 5 and 6. Values grow with depth; only their pattern compares.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import attention_gradients, relevance, supports
from ..attribution import of_tokens
from ..schema import Explanation

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Relevance (Chefer)"
ZERO = "No attention raises the label's logit; what lowers it is cut at zero."


def explain(model: nn.Module, x: Tensor, target: int, *, query: int | None = None) -> Explanation:
    """One map (gy, gx) on the grid of the first layer for label ``target``, unsigned; costs one backward pass.

    query: Patch to start from (row * columns + column, row 0 at the bottom) instead of the read-out.

    Raises UnsupportedError for an architecture that is not covered or a patch that does not exist.
    """
    found = attention_gradients(model, x, target)
    return of_tokens(relevance.generic_relevance(found, query), found, TITLE, query)
