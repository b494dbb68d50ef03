"""How concentrated a map is: entropy and Gini index of its absolute values, as Quantus defines them."""

from __future__ import annotations

import numpy as np

from ..schema import FloatArray


def entropy(relevance: FloatArray) -> float:
    """Entropy in nats of the shares of |relevance|, 0 for one cell, ln(n) for a flat map; NaN for an empty one.

    Bhatt, Weller and Moura 2020, arXiv:2005.00631; Quantus ``Complexity``. Lower is simpler; it grows with the number
    of cells, so compare maps of one grid only.
    """
    values = np.abs(relevance).astype(np.float64).ravel()
    total = values.sum()
    if not total > 0:
        return float("nan")
    shares = values / total
    return float(-(shares * np.log(shares + 1e-12)).sum())


def sparseness(relevance: FloatArray) -> float:
    """Gini index of |relevance|: 0 for a flat map, towards 1 for a single cell; NaN for an empty one.

    Chalasani et al. 2020, arXiv:1810.06583; Quantus ``Sparseness``. Values are divided by their maximum first.
    """
    values = np.sort(np.abs(relevance).astype(np.float64).ravel())
    if not values[-1] > 0:
        return float("nan")
    values = values / values[-1] + 1e-7
    count = len(values)
    return float(((2 * np.arange(1, count + 1) - count - 1) * values).sum() / (count * values.sum()))
