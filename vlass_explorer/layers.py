"""The feature map of a layer with its gradient, the layer and its layout found for any architecture.

No table of families: one forward pass tells which modules answer with a map over the image (channels first, channels
last, or tokens with a prefix), and one backward pass tells where every patch still reaches the logits. After the last
attention of a model with a class token none does (gradient exactly 0), so that the search goes into that block and
ends at the norm before the attention.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from timm.models.hiera import Hiera
from timm.models.nest import Nest, deblockify
from torch import Tensor, nn

from .front import OFF, is_fronted
from .private import differentiable
from .schema import UnsupportedError

Layout = Literal["channels first", "channels last", "tokens"]
Grid = tuple[int, int]


@dataclass(frozen=True)
class FeatureMap:
    """Features of one layer and the gradient of one logit, both (channel, gy, gx) without the prefix tokens."""

    layer: str
    layout: Layout
    prefix_tokens: int
    values: Tensor
    gradient: Tensor

    @property
    def numbers(self) -> dict[str, float | int | str | bool]:
        """What an explanation says about the layer."""
        _, gy, gx = self.values.shape
        return {
            "layer": self.layer,
            "layout": self.layout,
            "prefix_tokens": self.prefix_tokens,
            "grid_rows": gy,
            "grid_columns": gx,
        }


@dataclass
class _Call:
    """One call of a module with the calls inside it, in order."""

    name: str
    module: nn.Module
    output: Tensor | None = None
    calls: list[_Call] = field(default_factory=list)
    place: tuple[Layout, Grid, int] | None = None
    """Layout, grid and prefix tokens, where the output is a map over the image."""
    order: Tensor | None = None
    """Place in the list of the token of each patch, row by row, where tokens stand in another order."""

    def walk(self) -> Iterator[_Call]:
        """The calls inside, each after those that it made."""
        for call in self.calls:
            yield from call.walk()
            yield call

    def arranged(self, tensor: Tensor) -> Tensor:
        """A tensor of the output's shape as (channel, gy, gx)."""
        assert self.place is not None
        layout, (gy, gx), prefix = self.place
        if self.order is not None:
            return tensor.flatten(0, -2)[self.order].reshape(gy, gx, -1).permute(2, 0, 1)
        if layout == "channels first":
            return tensor[0]
        return (
            tensor[0, prefix:].reshape(gy, gx, -1).permute(2, 0, 1)
            if layout == "tokens"
            else tensor[0].permute(2, 0, 1)
        )


def supports(model: nn.Module) -> tuple[bool, str]:
    """Does the model have a layer over image positions, and if not why (one sentence)."""
    if is_fronted(model):
        return False, OFF
    spatial = (nn.Conv2d, nn.BatchNorm2d)
    if hasattr(model, "patch_embed") or any(isinstance(module, spatial) for module in model.modules()):
        return True, ""
    return False, "This model has no layer whose output is a map over the image."


def feature_map(model: nn.Module, x: Tensor, target: int, layer: str = "") -> FeatureMap:
    """Features (channel, gy, gx) of one image (1, C, H, W) and the gradient of the target's logit, row 0 at the bottom.

    ``layer`` is the name of a module; empty is the last one from which most patches reach the target's logit. One
    forward and at most two backward passes on a private copy. Raises UnsupportedError where there is no such layer.
    """
    applies, reason = supports(model)
    if not applies:
        raise UnsupportedError(reason)
    with differentiable(model) as copy:
        image = x.detach().clone().requires_grad_()
        logits, root = _record(copy, image)
        grids = _place(root, copy, image.shape[-2:])
        placed = [call for call in root.walk() if call.place is not None]
        found = _named(root, layer, grids) if layer else _last(logits[0, target], root, placed)
        assert found.output is not None and found.place is not None
        (gradient,) = torch.autograd.grad(logits[0, target], found.output, allow_unused=True)
        if gradient is None:
            gradient = torch.zeros_like(found.output)
        return FeatureMap(
            found.name,
            found.place[0],
            found.place[2],
            found.arranged(found.output.detach()),
            found.arranged(gradient),
        )


def _record(model: nn.Module, image: Tensor) -> tuple[Tensor, _Call]:
    """Logits and the tree of calls of a pass through a private copy."""
    root = _Call("", model)
    open_calls = [root]

    def enter(call: _Call) -> None:
        open_calls[-1].calls.append(call)
        open_calls.append(call)

    def leave(output: Any) -> Any:
        call = open_calls.pop()
        if not (isinstance(output, Tensor) and output.requires_grad and output.ndim in (3, 4)):
            return None
        call.output = output
        return output.clone()  # what follows may work in place

    handles = []
    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_pre_hook(lambda m, _, name=name: enter(_Call(name, m))))
            handles.append(module.register_forward_hook(lambda _m, _inputs, output: leave(output)))
    logits = model(image)
    for handle in handles:  # kept hooks would hold all features in a circle of references
        handle.remove()
    return logits, root


def _place(root: _Call, model: nn.Module, size: Sequence[int]) -> list[Grid]:
    """Say of each call where its output lies on the image; grids of tokens are those of feature maps seen before."""
    grids: list[Grid] = []
    for embedding in model.children():  # patch_embed, but TNT's pixel_embed, too
        says: Any = getattr(embedding, "dynamic_feat_size", None)
        if says is not None:
            grids.append(tuple(says(tuple(size))))
    orders = _orders(model)
    prefix = max(2, int(getattr(model, "num_prefix_tokens", 0)))
    for call in root.walk():
        # Learned tokens have no place on the image, however many there are.
        if call.output is None or len(call.output) != 1 or getattr(call.module, "learned_tokens", False):
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


def _attention(call: _Call) -> bool:
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


def _last(logit: Tensor, root: _Call, placed: Sequence[_Call]) -> _Call:
    """The latest map of which most patches reach the logit, else the latest of which any does; inside a later one too.

    One patch may reach it behind the last attention: the largest logit of a head on every patch (VOLO).
    """
    if not placed:
        raise UnsupportedError("No layer of this model answers with a map over the image.")
    outputs = [call.output for call in placed if call.output is not None]
    gradients = torch.autograd.grad(logit, outputs, retain_graph=True, allow_unused=True)
    reaching = {
        id(call): float((call.arranged(gradient) != 0).any(dim=0).float().mean())
        for call, gradient in zip(placed, gradients, strict=True)
        if gradient is not None
    }
    for least in (0.5, 0.0):
        found = _search(root, {call for call, share in reaching.items() if share > least})
        if found is not None:
            return found
    if not any(reaching.values()):
        return placed[-1]  # the logit does not depend on the image
    raise UnsupportedError("No map over the image reaches the logits in this model; name a layer.")


def _search(call: _Call, reaching: set[int], tokens: bool = False) -> _Call | None:
    """Backwards through the calls; inside a block of tokens only tokens count, not attention that looks like a map."""
    for inner in reversed(call.calls):
        is_tokens = inner.place is not None and inner.place[0] == "tokens"
        if id(inner) in reaching and (is_tokens or not tokens):
            return inner
        found = _search(inner, reaching, tokens or is_tokens)
        if found is not None:
            return found
    return None


def _named(root: _Call, layer: str, grids: Sequence[Grid]) -> _Call:
    calls = {call.name: call for call in root.walk()}
    if layer in calls and calls[layer].place is not None:
        return calls[layer]
    maps = [name for name, call in calls.items() if call.place is not None]
    near = difflib.get_close_matches(layer, maps, n=3, cutoff=0.0)
    raise UnsupportedError(f"{layer!r} is no layer over image positions; near are {', '.join(near)}.")
