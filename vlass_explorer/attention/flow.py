"""Attention flow: how much can flow from the read-out to each token through the layers, capacities being attention.

Abnar and Zuidema 2020, arXiv:2005.00928: a maximum flow a token, which bounds the number of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import maximum_flow
from torch import nn

from .. import progress
from ..schema import AttentionMaps, FloatArray, Place, Tokens, UnsupportedError
from .graphs import describe
from .rollout import start_row

MOST_TOKENS = 100
UNIT = 10**7
"""Capacities are whole numbers of 1e-7."""


def supports(model: nn.Module) -> tuple[bool, str]:
    """Do all layers run over the same tokens, few enough for a maximum flow each, and if not, why."""
    try:
        _check([layer.place for layer in describe(model).drawn])
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def _check(places: Sequence[Place]) -> Tokens:
    tokens = places[0].before
    for place in places:
        if (place.before, place.after, place.keys) != (tokens,) * 3 or place.query_index is not None:
            raise UnsupportedError(
                "Attention flow needs layers that all run over the same tokens; use rollout instead."
            )
    if tokens.size > MOST_TOKENS:
        raise UnsupportedError(f"Attention flow is offered up to {MOST_TOKENS} tokens; this input has {tokens.size}.")
    return tokens


def attention_flow(maps: AttentionMaps, query: int | None = None) -> FloatArray:
    """Maximum flow (token,) from the read-out, or patch ``query``, to each input token, divided by its sum.

    Edges carry (A + I) / 2 with heads averaged. Raises UnsupportedError above 100 tokens, or where the layers do not
    all run over the same tokens.
    """
    tokens = _check([layer.place for layer in maps.layers])
    start = start_row(maps, query)
    size, depth = tokens.size, len(maps.layers)
    rows, columns, capacities = [], [], []
    for level, layer in enumerate(reversed(maps.layers)):
        matrix = 0.5 * layer.weights[:, 0].mean(axis=0) + 0.5 * np.eye(size)
        asks, answers = np.nonzero(matrix)
        rows.append(asks + level * size)
        columns.append(answers + (level + 1) * size)
        capacities.append(matrix[asks, answers])
    source = (depth + 1) * size
    read = np.nonzero(start)[0]
    rows.append(np.full(read.size, source))
    columns.append(read)
    # One token that is read may send all that its links carry; several share as the head does.
    capacities.append(np.full(read.size, 1.0) if read.size == 1 else start[read].astype(np.float64))
    whole = np.round(np.concatenate(capacities) * UNIT).astype(np.int32)
    graph = coo_matrix((whole, (np.concatenate(rows), np.concatenate(columns))), shape=(source + 1, source + 1)).tocsr()
    flows = np.zeros(size)
    for token in range(size):
        flows[token] = maximum_flow(graph, source, depth * size + token).flow_value
        progress.report(token + 1, size)
    shares: FloatArray = (flows / flows.sum()).astype(np.float32)
    return shares
