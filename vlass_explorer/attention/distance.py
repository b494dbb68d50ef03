"""Attention distance: how far, in pixels of the model input, a head looks from the patch that asks.

Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7 right and 11.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch import Tensor, nn

from ..progress import report
from ..schema import AttentionMaps, FloatArray, IndexArray, Place, Tokens, UnsupportedError
from .graphs import describe
from .recording import attention_maps


def attention_distances(maps: AttentionMaps) -> tuple[FloatArray, ...]:
    """For each layer, one distance a head (head,) in pixels of the model input: mean over the patches that ask.

    Sum over keys of attention times the distance between patch centres. Attention on prefix tokens and padding counts
    as distance 0 and is not renormalised; a pooled key lies at the centre of the patches that it pools. NaN for a layer
    in which no patch asks.
    """
    return tuple(_mean(query_distances(maps, layer)) for layer in range(len(maps.layers)))


def many_attention_distances(model: nn.Module, images: Iterable[Tensor], count: int = 0) -> tuple[FloatArray, ...]:
    """The same of many images, each (1, C, H, W): for each layer (image, head), in pixels; their mean is figure 7.

    One image is in memory at a time; with their ``count``, progress is reported. Raises ValueError without an image,
    UnsupportedError as ``attention_maps`` does.
    """
    found = []
    for number, image in enumerate(images, start=1):
        found.append(attention_distances(attention_maps(model, image)[1]))
        if count:
            report(number, count)
    if not found:
        raise ValueError("There is no image to measure attention distance on.")
    return tuple(np.stack(layer) for layer in zip(*found, strict=True))


def patches_ask(place: Place) -> bool:
    """Does any patch ask in a layer, or only class tokens and queries of the head."""
    if place.query_index is None:
        return place.after.patches > 0
    return bool((place.query_index >= place.after.prefix).any())


def supports(model: nn.Module) -> tuple[bool, str]:
    """Does a patch ask in any layer of this model, and if not, why."""
    try:
        asking = any(patches_ask(layer.place) for layer in describe(model).drawn)
    except UnsupportedError as error:
        return False, str(error)
    return (True, "") if asking else (False, "No patch asks in this model: its class token alone does.")


def query_distances(maps: AttentionMaps, layer: int) -> FloatArray:
    """Distance (head, patch) of each patch of ``place.after`` in one layer; NaN for one that does not ask."""
    chosen = maps.layers[layer]
    place = chosen.place
    apart = _apart(place, maps.image_size)
    sums = np.einsum("hwqk,wqk->hwq", chosen.weights, apart)
    result = np.full((len(sums), place.after.size), np.nan, np.float32)
    queries = _numbers(place.query_index, place.after)
    inside = queries >= 0
    counts = np.bincount(queries[inside], minlength=place.after.size)
    for head, values in enumerate(sums):
        total = np.bincount(queries[inside], values[inside], minlength=place.after.size)
        np.divide(total, counts, out=result[head], where=counts > 0)
    return result[:, place.after.prefix :]


def _mean(distances: FloatArray) -> FloatArray:
    asked = ~np.isnan(distances).all(axis=0)
    if not asked.any():
        return np.full(len(distances), np.nan, np.float32)
    mean: FloatArray = distances[:, asked].mean(axis=1)
    return mean


def _apart(place: Place, image_size: tuple[int, int]) -> FloatArray:
    """Pixels (window, query, key) between the centres of patches; 0 from or to what is no patch."""
    queries = _centres(place.after, image_size)[_numbers(place.query_index, place.after)]
    keys = _key_centres(place, image_size)[_numbers(place.key_index, place.keys)]
    apart = np.hypot(*np.moveaxis(queries[:, :, None] - keys[:, None], -1, 0))
    return np.nan_to_num(apart, nan=0.0).astype(np.float32)


def _numbers(index: IndexArray | None, tokens: Tokens) -> IndexArray:
    return np.arange(tokens.size)[None] if index is None else index


def _centres(tokens: Tokens, image_size: tuple[int, int]) -> FloatArray:
    """Pixel (y, x) of each token, NaN for prefix tokens and, at the end, for padding (-1)."""
    sets = [np.full((tokens.prefix, 2), np.nan)]
    for grid in (tokens.grid, tokens.second):
        rows, columns = (
            (np.arange(n) + 0.5) * size / n if n else np.zeros(0) for n, size in zip(grid, image_size, strict=True)
        )
        sets.append(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2))
    return np.concatenate([*sets, np.full((1, 2), np.nan)])


def _key_centres(place: Place, image_size: tuple[int, int]) -> FloatArray:
    if not place.strip and place.pools_keys is None:
        return _centres(place.keys, image_size)
    patches = _centres(place.before, image_size)[place.before.prefix : -1]
    if place.pools_keys is None:
        pooled = patches[: place.strip * place.keys.patches].reshape(place.keys.patches, place.strip, 2).mean(axis=1)
    else:
        centres = patches.reshape(*place.before.grid, 2)
        rows = [centres[start:stop, 0, 0].mean() for start, stop in place.pools_keys.rows]
        columns = [centres[0, start:stop, 1].mean() for start, stop in place.pools_keys.columns]
        pooled = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    none = np.full((1, 2), np.nan)
    return np.concatenate([np.repeat(none, place.keys.prefix, axis=0), pooled, none])
