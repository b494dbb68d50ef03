"""CrossViT's two branches as dense matrices: all tokens of one branch, then all of the other."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from .rollout import Grid, record, rolled


def dense_branches(model: nn.Module, x: Tensor, readout: str) -> tuple[list[str], np.ndarray]:
    """Names of the layers, and the rollout: both class tokens, then the patches of both branches on the finer grid.

    Which branch asks and which answers is read off the number of keys.
    """
    with torch.no_grad():
        images = model._embed(x)
    sizes = [tokens.shape[1] for tokens in images]
    assert sizes[0] != sizes[1], "branches are told apart by their number of tokens"
    slices = [slice(0, sizes[0]), slice(sizes[0], sum(sizes))]
    names, steps = [], []
    for name, weights, found in record(model, x):
        names.append(name)
        mean = weights[0].mean(0).numpy()
        read = sizes.index(mean.shape[1])
        attention = np.zeros((sum(sizes),) * 2)
        if type(found[0][0]).__name__ == "CrossAttention":
            asks = slices[1 - read].start
            attention[asks, asks] = mean[0, 0]
            attention[asks, slices[read].start + 1 : slices[read].stop] = mean[0, 1:]
        else:
            attention[slices[read], slices[read]] = mean
        steps.append((attention, np.eye(sum(sizes))))
    row = np.zeros(sum(sizes))
    for each in slices:
        part = slice(each.start + 1, each.stop) if readout == "patches" else slice(each.start, each.start + 1)
        row[part] = 0.5 / (part.stop - part.start)
    row = rolled(row, steps)
    grids = [record(model, x)[0][2].grid(size - 1) for size in sizes]
    patches = [row[each][1:].reshape(grid) for each, grid in zip(slices, grids, strict=True)]
    return names, np.concatenate(
        [row[[each.start for each in slices]], (patches[0] + shared(patches[1], grids[0])).ravel()]
    )


def shared(coarse: np.ndarray, fine: Grid) -> np.ndarray:
    """Patches of one grid over another of the same image, by cutting both into cells of a common size."""
    for axis, (have, want) in enumerate(zip(coarse.shape, fine, strict=True)):
        cells = math.lcm(have, want)
        coarse = coarse.repeat(cells // have, axis) * (have / cells)
        coarse = np.add.reduceat(coarse, np.arange(0, cells, cells // want), axis)
    return coarse
