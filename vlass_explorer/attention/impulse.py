"""The impulse test: attention is put on one key, and the map must draw it where the image reaches that key.

Where that is comes from the running model alone (``tracing``), the map from what people are shown: a token graph that
is wrong about windows, shifts, pooled keys, orders or prefix tokens is found out, for any architecture and size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from ..schema import AttentionLayer, AttentionMaps, FloatArray, IndexArray, Place, Tokens
from .graph import TokenGraph
from .graphs import describe
from .rollout import layer_map
from .tracing import Traced, trace
from .walk import answers, on_grid, to_before

MOST_STRIPS = 24
MOST_KEYS = 192
FAINT = 1e-5
ALIKE = 0.7
"""Correlation over the tokens of a layer between where they are drawn and where the image changes them."""
FEW_PLACES, ALIKE_OF_FEW = 5, 0.3
OFFSET = 0.7
"""Mean distance in cells that a layer may lie beside its map: strided convolutions without padding on the far side lie
up to half a cell to one side of the patch that they are drawn on."""


@dataclass(frozen=True)
class LayerVerdict:
    """What the impulse test says of one layer."""

    name: str
    tokens: int
    """Keys and queries that were tried."""
    fault: str = ""
    """One sentence on the first that is drawn in the wrong place; empty where all are right."""


def verify(model: nn.Module, x: Tensor) -> tuple[LayerVerdict, ...]:
    """Impulse test of every layer of a model for inputs shaped as ``x`` (1, C, H, W), whose values do not matter.

    All keys of a small layer, a sample of a large one; queries where they lie on other tokens than keys. Raises
    UnsupportedError where the attention of the model is not drawn, or its values cannot be followed.
    """
    graph = describe(model, (x.shape[-2], x.shape[-1]))
    maps = _without_attention(graph, x)
    strips = [_strips(count) for count in maps.grid]
    rows, columns = trace(model, graph, x, strips)
    return tuple(_layer(maps, number, (rows[number], columns[number]), strips) for number in range(len(maps.layers)))


def _without_attention(graph: TokenGraph, x: Tensor) -> AttentionMaps:
    """Maps of a pass in which no token attends to any, heads fused."""
    layers = []
    for layer in graph.drawn:
        place = layer.place
        queries, keys = (
            np.arange(tokens.size)[None] if index is None else index
            for index, tokens in ((place.query_index, place.after), (place.key_index, place.keys))
        )
        shape = (1, layer.windows, queries.shape[1], keys.shape[1])
        weights = np.broadcast_to(np.zeros((), np.float32), shape)
        layers.append(AttentionLayer(layer.name, weights, place, layer.heads))
    size = (int(x.shape[-2]), int(x.shape[-1]))
    grid = layers[0].place.before.grid
    return AttentionMaps(
        tuple(layers), graph.kind, grid, graph.prefix_tokens, graph.readout, size, graph.registers, graph.notes
    )


def _strips(count: int) -> IndexArray:
    """Rows or columns that are tried: all of a few; of many both edges and a spread."""
    if count <= MOST_STRIPS:
        return np.arange(count)
    edge = MOST_STRIPS // 4
    spread = np.linspace(edge, count - 1 - edge, MOST_STRIPS - 2 * edge).round().astype(int)
    return np.unique(np.concatenate([np.arange(edge), spread, np.arange(count - edge, count)]))


def _layer(maps: AttentionMaps, number: int, traced: tuple[Traced, Traced], strips: list[IndexArray]) -> LayerVerdict:
    layer = maps.layers[number]
    place = layer.place
    # Cells of a strip's width, and those that a module pools, are read whole; a step between stages may skip some.
    aligned = all(side % count == 0 for side, count in zip(maps.image_size, maps.grid, strict=True))
    whole = aligned and place.pools_keys is not None
    tried, faults = 0, []
    sides = [("key", [each.keys for each in traced])]
    if not (place.after == place.keys and place.query_index is place.key_index):
        sides.append(("query", [each.queries for each in traced]))
    for side, heard in sides:
        centres: list[FloatArray] = []
        loudest = [float(answer.max()) for answer in heard]
        for window, token in _sample(heard[0].shape[1:]):
            drawn = _drawn(maps, number, side, window, token)
            if drawn is None:
                continue
            tried += 1
            profiles = [answer[:, window, token] for answer in heard]
            fault, centre = _compare(drawn, profiles, loudest, strips, whole and side == "key")
            if fault:
                faults.append(f"{side.capitalize()} {token} of window {window} {fault}")
            centres.append(centre)
        if not faults and centres:
            every = all(len(each) == count for each, count in zip(strips, maps.grid, strict=True))
            faults += _together(side, np.array(centres), every)
    return LayerVerdict(layer.name, tried, faults[0] if faults else "")


def _together(side: str, centres: FloatArray, every: bool) -> list[str]:
    """Faults of all tokens of a layer, from where each (token, axis) answers, is drawn, and how wide it is."""
    faults = []
    for axis, (found, drawn, width) in enumerate(np.moveaxis(centres, (2, 1, 0), (0, 1, 2))):
        found, drawn, width = (each[~np.isnan(found)] for each in (found, drawn, width))
        places = len(set(drawn.tolist()))
        if places < 2 or (places == 2 and len(found) < 8) or np.ptp(drawn) < width.mean():
            continue  # too few to tell, or all of them on much the same place
        beside = abs(float(np.mean(found - drawn))) / width.max()  # the last cell of a row may be cut
        alike = float(np.corrcoef(found, drawn)[0, 1]) if np.ptp(found) > 0 else 0.0
        way = ("rows", "columns")[axis]
        if every and beside > OFFSET:
            faults.append(f"The {side} tokens lie {beside:.2f} patches ({way}) beside where they are drawn.")
        elif alike < (ALIKE if places > FEW_PLACES else ALIKE_OF_FEW):
            faults.append(
                f"Where {side} tokens are drawn ({way}) is not where the image changes them (r = {alike:.2f})."
            )
    return faults


def _sample(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Windows and tokens that are tried: all of a few, of many an even spread."""
    total = shape[0] * shape[1]
    chosen = np.unique(np.linspace(0, total - 1, min(total, MOST_KEYS)).round().astype(int))
    return [(int(each) // shape[1], int(each) % shape[1]) for each in chosen]


def _drawn(maps: AttentionMaps, number: int, side: str, window: int, token: int) -> FloatArray | None:
    """Map (gy, gx) that people see where all attention of a layer is on one key, or where one query stands.

    None for a query that is no patch.
    """
    layer = maps.layers[number]
    if side == "query":
        one = _one(_asking(layer.place, window, token), layer.place.after)
        return None if one is None else on_grid(one, maps, number, handed_on=True).reshape(maps.grid)
    # The other keys, on which there is no attention, are left out.
    weights = np.zeros((*layer.weights.shape[:3], 1), np.float32)
    weights[0, window] = 1.0
    keys = np.arange(layer.place.keys.size)[None] if layer.place.key_index is None else layer.place.key_index
    layer = replace(layer, weights=weights, place=replace(layer.place, key_index=keys[:, [token]]))
    layers = list(maps.layers)
    layers[number] = layer
    forced = replace(maps, layers=tuple(layers))
    drawn = layer_map(forced, number)
    if not drawn.any():  # the read-out may hear of no query of this window: then from all that ask
        place, every = layer.place, np.full(layer.place.after.size, 1.0 / layer.place.after.size)
        row = to_before(answers(every, place, weights[0]), place)
        drawn = on_grid(row, maps, number).reshape(maps.grid)
    return drawn


def _asking(place: Place, window: int, token: int) -> IndexArray:
    """Tokens that a query of a window stands for: those of all windows where all have the same keys."""
    index, keys = place.query_index, place.key_index
    if index is None:
        return np.array([token])
    shared = len(index) > 1 and keys is not None and (keys == keys[0]).all()
    return index[:, token] if shared else index[window, [token]]


def _one(asking: IndexArray, tokens: Tokens) -> FloatArray | None:
    if asking.min() < tokens.prefix:
        return None
    row = np.zeros(tokens.size, np.float32)
    row[asking] = 1.0 / len(asking)
    return row


def _compare(
    drawn: FloatArray, profiles: list[FloatArray], loudest: list[float], strips: list[IndexArray], whole: bool
) -> tuple[str, FloatArray]:
    """A fault, or none; and for both axes the strip where a token answers, where it is drawn, and its width there."""
    centres = np.full((3, 2), np.nan)
    for axis, (profile, loud, tried) in enumerate(zip(profiles, loudest, strips, strict=True)):
        what = ("rows", "columns")[axis]
        if not drawn.any():
            if len(profile) > 3 and profile.max() > 1e-3 * loud and profile.max() > 4 * np.median(profile):
                return f"is not drawn, but {what} {int(tried[profile.argmax()])} of the image change it.", centres
            continue
        marginal = drawn.sum(1 - axis)
        on = np.flatnonzero(marginal > 1e-6 * marginal.max())
        own = np.isin(tried, on)
        if not own.any():
            continue
        place = f"is drawn on {what} {on[0]} to {on[-1]} of the map"
        if not profile.max() > FAINT * loud:
            return f"{place}, but nothing in the image changes it.", centres
        silent = profile[own] <= FAINT * profile.max()
        if silent.all() or (whole and silent.any()):
            return f"{place}, but {what} {int(tried[own][silent][0])} of the image do not change it.", centres
        energy = (profile - profile.min() * (len(profile) > 2)) ** 2
        if not energy.any():
            continue
        centre = float((energy * tried).sum() / energy.sum())
        width = int(on[-1] - on[0]) + 1
        # What a token sees of the image is wider than its patch where convolutions overlap, and weighted at random. One
        # that sees something of all (squeeze and excitation) is told by its whole layer.
        heard = tried[profile > FAINT * profile.max()]
        reach = max(int(np.ptp(heard)), width) if len(heard) < len(tried) else len(marginal)
        far = (tried < on[0] - reach) | (tried > on[-1] + reach)
        if far.any() and profile[far].max() > profile[own].max():
            return f"{place}, but {what} {int(tried[far][profile[far].argmax()])} of the image change it most.", centres
        middle = float((marginal[tried] * tried).sum() / marginal[tried].sum())
        centres[:, axis] = centre, middle, width
    return "", centres
