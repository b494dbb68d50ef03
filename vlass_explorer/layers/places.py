"""Where the output of each module lies on the image, without a table of families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from timm.models.hiera import Hiera
from timm.models.nest import Nest, deblockify
from torch import Tensor, nn

from .calls import Call, Grid, Layout


def place(root: Call, model: nn.Module, images: Tensor) -> list[Grid]:
    """Say of each call where its output lies on the images; grids of tokens are those of feature maps seen before."""
    size = images.shape[-2:]
    grids: list[Grid] = []
    for embedding in model.children():  # patch_embed, but TNT's pixel_embed, too
        says: Any = getattr(embedding, "dynamic_feat_size", None)
        if says is not None:
            grids.append(tuple(says(tuple(size))))
    orders = _orders(model)
    prefix = max(2, int(getattr(model, "num_prefix_tokens", 0)))
    for call in root.walk():
        # Learned tokens have no place on the image, however many there are.
        if call.output is None or len(call.output) != len(images) or getattr(call.module, "learned_tokens", False):
            continue
        call.order, grid = next((found for find in orders if (found := find(call.name, call.output))), (None, None))
        if grid is not None:
            call.place = ("tokens", grid, 0) if call.calls or "Norm" in type(call.module).__name__ else None
            continue
        if _attention(call):
            continue
        if call.output.ndim == 4:
            _, a, b, c = call.output.shape
            if _is_grid((a, b), size) and not _is_grid((b, c), size):
                call.place = "channels last", (a, b), 0
            elif _is_grid((b, c), size):
                call.place = "channels first", (b, c), 0
            if call.place is not None and call.place[1] not in grids:
                grids.append(call.place[1])
        elif call.calls or "Norm" in type(call.module).__name__:
            # Queries, keys and hidden units of a token are no features: only norms and whole blocks.
            call.place = _tokens(call.output.shape[1], grids, prefix)
    return grids


def _orders(model: Any) -> list[Callable[[str, Tensor], tuple[Tensor, Grid] | None]]:
    """Where tokens stand in another order than row by row: Hiera's unrolled lists, NesT's blocks."""
    found: list[Callable[[str, Tensor], tuple[Tensor, Grid] | None]] = []
    if isinstance(model, Hiera):
        unrolled = {}
        for block, (_, size) in model.reroll.schedule.items():
            count = size[0] * size[1]
            places = model.reroll(torch.arange(count).reshape(1, count, 1), block)
            unrolled[count] = (places.ravel(), (int(size[0]), int(size[1])))
        found.append(lambda name, output: unrolled.get(output.shape[1]) if output.ndim == 3 else None)
    if isinstance(model, Nest):
        blocks: Any = model.levels
        sides = {f"levels.{index}.transformer_encoder.": int(level.block_size) for index, level in enumerate(blocks)}

        def blockwise(name: str, output: Tensor) -> tuple[Tensor, Grid] | None:
            side = next((side for stem, side in sides.items() if f"{name}.".startswith(stem)), 0)
            if output.ndim != 4 or not side or output.shape[2] != side**2:
                return None
            listed = torch.arange(output.shape[1] * side**2).reshape(1, output.shape[1], side**2, 1)
            places = deblockify(listed, side)
            return places.ravel(), (int(places.shape[1]), int(places.shape[2]))

        found.append(blockwise)
    return found


def _attention(call: Call) -> bool:
    """Is the output a stack of matrices of attention (or what a dropout hands on), whose shape may look like a map."""
    assert call.output is not None
    if call.output.ndim != 4 or isinstance(call.module, nn.Dropout | nn.Softmax):
        return call.output.ndim == 4
    values = call.output.detach()
    return bool((values >= 0).all()) and bool(torch.isclose(values.sum(-1), torch.ones(()).to(values), atol=1e-3).all())


def _is_grid(grid: Grid, size: Sequence[int]) -> bool:
    """Has a grid of more than one cell the aspect ratio of the image, up to the rounding of its cells."""
    (gy, gx), (height, width) = grid, size
    return gy * gx > 1 and gy <= height and gx <= width and abs(gy * width - gx * height) < max(height, width)


def _tokens(count: int, grids: Sequence[Grid], prefix: int) -> tuple[Layout, Grid, int] | None:
    """Grid of so many tokens: one that was seen, latest first, or one made by halving it; few may stand before."""
    halved = [grid for seen in grids for grid in _halvings(seen)]
    for candidates in (grids[::-1], halved):
        fitting = [(count - gy * gx, (gy, gx)) for gy, gx in candidates if 0 <= count - gy * gx <= prefix]
        if fitting:
            before, grid = min(fitting, key=lambda pair: pair[0])
            return "tokens", grid, before
    return None


def _halvings(grid: Grid) -> Iterator[Grid]:
    gy, gx = grid
    while gy * gx > 4:
        gy, gx = -(-gy // 2), -(-gx // 2)
        yield gy, gx
