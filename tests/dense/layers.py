"""Dense matrices of the attention layers of timm's families, read off the stack of the running model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from timm.models import hieradet_sam2, maxxvit, nest, swin_transformer, vision_transformer_sam
from torch import Tensor, nn

from .branches import dense_branches
from .pooled import pooled_both, pooled_keys
from .rollout import Dense, Grid, Stack, lifted, local, numbered, pooling, record, rolled, scatter
from .talking import talking


def dense_token_rollout(model: nn.Module, x: Tensor, readout: str, prefix: int) -> tuple[list[str], np.ndarray]:
    """Names of the layers, and the rollout (token,) over the patches of the first, prefix tokens in front.

    ``readout``: first (token), two (the mean of the first two), patches, all, pool (what the last layer says).
    """
    if type(model).__name__ == "CrossVit":
        return dense_branches(model, x, readout)
    layers = dense_layers(model, x, prefix)
    last = layers[-1]
    row = np.zeros(1 if last.attention.shape[0] == 1 else prefix + math.prod(last.after))
    read = {"first": slice(0, 1), "two": slice(0, 2), "all": slice(None), "pool": slice(0, 1)}
    row[read.get(readout, slice(prefix, None))] = 1.0
    row /= row.sum()
    steps = []
    for index, layer in enumerate(layers):
        if index and layers[index - 1].after != layer.before:
            # Between layers patches are merged: the mean of an area.
            fine = layers[index - 1].after
            halves = all(n // 2 <= m <= -(-n // 2) for n, m in zip(fine, layer.before, strict=True))
            merge = lifted(pooling(fine, layer.before, (2, 2) if halves else None), 0, prefix)
            steps.append((merge, np.zeros_like(merge)))
        if layer.attention.shape[0] == 1:
            steps.append((layer.attention, layer.residual))
            continue
        whole = lifted(layer.attention, layer.prefix, prefix)
        kept = lifted(layer.residual, layer.prefix, prefix)
        if layer.prefix < prefix:
            whole[: prefix - layer.prefix] = 0.0  # a token that is not there yet neither asks nor moves
        steps.append((whole, kept))
    return [layer.name for layer in layers], rolled(row, steps)


def dense_layers(model: nn.Module, x: Tensor, prefix: int) -> list[Dense]:
    """Every layer of a forward pass as dense matrices."""
    layers: list[Dense] = []
    content: Tensor | None = None
    order: np.ndarray | None = None
    for name, weights, found in record(model, x):
        owner = found[0][0]
        kind = type(owner).__name__
        if name.endswith("attn_in") or kind == "XCA":
            continue  # between the pixels of one patch, or between channels
        if kind == "GPSA":
            if content is None:
                content = weights
                continue
            gate = torch.sigmoid(owner.gating_param.detach().double()).view(1, -1, 1, 1)
            weights, content = (1 - gate) * content + gate * weights, None
        if kind == "TalkingHeadAttn":
            projection = owner.proj_w
            mixed = torch.einsum("gh,bhqk->bgqk", projection.weight.detach().double(), weights)
            weights = (mixed + projection.bias.detach().double().view(1, -1, 1, 1)).abs()
            weights = weights / weights.sum(-1, keepdim=True)
        if kind == "MaskUnitAttention":
            layer, order = _hiera(name, model, owner, weights, order, found)
        elif type(owner).__module__.endswith("efficientformer_v2"):
            layer = talking(name, owner, weights, found)
        elif kind in WINDOWS:
            layer = WINDOWS[kind](name, owner, weights, found)
        else:
            layer = _plain(name, owner, weights, found, prefix)
        layers.append(layer)
    return layers


def _square(count: int, found: Stack) -> Grid:
    grid = found.grid(count)
    assert grid is not None, f"{count} patches make no grid of the shape of {found.size}"
    return grid


def _plain(name: str, owner: Any, weights: Tensor, found: Any, prefix: int) -> Dense:
    """Tokens that attend everywhere; keys may be pooled, queries may be."""
    mean = (weights[0] if weights.ndim == 4 else weights).mean(0).numpy()
    queries, keys = mean.shape
    kind = type(owner).__name__
    if kind == "AttentionPoolLatent":
        # Some heads read the patches alone.
        hidden = prefix if found.grid(keys - prefix) is None or found.grid(keys) is not None else 0
        mean = np.pad(mean, ((0, 0), (hidden, 0)))
        grid = _square(keys + hidden - prefix, found)
        return Dense(name, mean, np.zeros_like(mean), prefix, grid, grid)
    if queries == 1:  # only the class token asks
        attention = np.zeros((keys, keys))
        attention[0] = mean
        return Dense(name, attention, np.eye(keys), 1, _square(keys - 1, found), _square(keys - 1, found))
    if kind in ("AttentionPool2d", "RotAttentionPool2d"):
        return Dense(name, mean, np.zeros_like(mean), 1, _square(keys - 1, found), _square(keys - 1, found))
    if kind in ("GlobalSubSampleAttn", "EfficientAttention") or type(owner).__module__.endswith("pvt_v2"):
        return pooled_keys(name, owner, mean, found)
    if kind == "MultiScaleAttention":
        return pooled_both(name, owner, mean, found, prefix)
    # A late class token is missing in some layers: then the keys alone are a square.
    own = prefix if found.grid(keys - prefix) is not None else 0
    after = _square(queries - own, found)
    before = after
    if kind == "AttentionDownsample":
        before = _square(keys, found)
    spreaded = mean @ lifted(pooling(before, _square(keys - own, found)), 0, own)
    residual = lifted(pooling(before, after), 0, own)
    return Dense(name, spreaded, residual * (kind != "AttentionDownsample"), own, before, after)


def _windows(name: str, weights: Tensor, grid: Grid, index: Tensor) -> Dense:
    """``weights`` (window, query, key), heads averaged; ``index`` (window, place)."""
    size = math.prod(grid)
    return Dense(name, scatter(weights, index, index, (size, size)), np.eye(size), 0, grid, grid)


def _swin(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    block = next(module for module, _ in found if type(module).__name__.endswith("Block"))
    variables = next(v for m, v in found if m is block and "H" in v or m is block and "feat_size" in v)
    height, width = (variables["H"], variables["W"]) if "H" in variables else variables["feat_size"]
    image = torch.roll(numbered((height, width)), (-block.shift_size[0], -block.shift_size[1]), (1, 2))
    window = tuple(block.window_size)
    image = F.pad(image, (0, 0, 0, -width % window[1], 0, -height % window[0]), value=-1)
    index = swin_transformer.window_partition(image, window).flatten(1)
    return _windows(name, weights.mean(1), (height, width), index)


def _maxvit(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    block = next((m for m, _ in found if type(m).__name__.startswith("PartitionAttention")), None)
    if block is None:
        mean = weights[0].mean(0).numpy()
        return Dense(name, mean, np.eye(len(mean)), 0, _square(len(mean), found), _square(len(mean), found))
    cut = maxxvit.window_partition if block.partition_block else maxxvit.grid_partition
    grid = _square(weights.shape[0] * weights.shape[2], found)
    return _windows(name, weights.mean(1), grid, cut(numbered(grid), block.partition_size).flatten(1))


def _blocks(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    kind = type(owner).__module__.rpartition(".")[2]
    if kind == "nest" and weights.ndim == 5:
        grid = _square(weights.shape[2] * weights.shape[3], found)
        return _windows(
            name, weights[0].mean(0), grid, nest.blockify(numbered(grid), math.isqrt(weights.shape[3]))[0, :, :, 0]
        )
    if kind == "tiny_vit":
        height, width = local(found, "TinyVitBlock", "H", "W")
        side = math.isqrt(weights.shape[-1])
        image = F.pad(numbered((height, width)), (0, 0, 0, -width % side, 0, -height % side), value=-1)
        return _windows(
            name, weights.mean(1), (height, width), swin_transformer.window_partition(image, (side, side)).flatten(1)
        )
    if kind == "vision_transformer_sam":
        side = math.isqrt(weights.shape[-1])
        block = next(m for m, _ in found if type(m).__name__ == "Block")
        grid, heads = found[-1][0].patch_embed.grid_size, owner.num_heads
        index = torch.arange(math.prod(grid)).reshape(1, -1)
        if block.window_size:  # its padding is 0
            index = vision_transformer_sam.window_partition(numbered(grid) + 1, side)[0].flatten(1) - 1
        return _windows(name, weights.unflatten(0, (-1, heads)).mean(1), grid, index)
    if kind == "byobnet" or "MobileVitBlock" in [type(m).__name__ for m, _ in found]:
        height, width, patch_h, patch_w = local(found, "MobileVitBlock", "new_h", "new_w", "patch_h", "patch_w")
        image = torch.arange(height * width).reshape(height // patch_h, patch_h, width // patch_w, patch_w)
        index = image.permute(1, 3, 0, 2).reshape(patch_h * patch_w, -1)
        return _windows(name, weights.mean(1), (height, width), index)
    model = found[-1][0]
    return _plain(
        name, owner, weights, found, getattr(model, "num_prefix_tokens", None) or getattr(model, "num_tokens", 0)
    )


def _local_window(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    if type(owner).__name__ == "LocallyGroupedAttn":
        height, width = local(found, "LocallyGroupedAttn", "H", "W")
        side, mean = owner.ws, weights[0].mean(1)
    else:
        height, width = local(found, "GlobalContextVitBlock", "H", "W")
        side, mean = owner.window_size[0], weights.mean(1)
    image = F.pad(numbered((height, width)), (0, 0, 0, -width % side, 0, -height % side), value=-1)
    return _windows(name, mean, (height, width), swin_transformer.window_partition(image, (side, side)).flatten(1))


def _bottleneck(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    height, width = local(found, type(owner).__name__, "H", "W")
    kept = float(next(module for module, _ in found if hasattr(module, "shortcut")).shortcut is not None)
    if type(owner).__name__ == "BottleneckAttn":
        mean = weights.mean(0).numpy()
        return Dense(name, mean, kept * np.eye(len(mean)), 0, (height, width), (height, width))
    numbers = numbered((height, width)).permute(0, 3, 1, 2) + 1
    keys = F.unfold(numbers, owner.win_size, padding=owner.halo_size, stride=owner.block_size)[0].T - 1
    stride = owner.block_stride
    after = (height // stride, width // stride)
    side = owner.block_size // stride
    queries = swin_transformer.window_partition(numbered(after), (side, side)).flatten(1)
    attention = scatter(weights.mean(0), queries, keys, (math.prod(after), height * width))
    return Dense(name, attention, kept * pooling((height, width), after), 0, (height, width), after)


def _outlook(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    height, width = local(found, "OutlookAttention", "H", "W")
    numbers = numbered((height, width)).permute(0, 3, 1, 2) + 1
    index = F.unfold(numbers, owner.kernel_size, padding=owner.padding, stride=owner.stride)[0].T - 1
    return _windows(name, weights[0].mean(0), (height, width), index)


def _multiscale(name: str, owner: Any, weights: Tensor, found: Any) -> Dense:
    if not type(owner).__module__.endswith("hieradet_sam2"):
        return _plain(name, owner, weights, found, found[-1][0].num_prefix_tokens)
    block = next(m for m, _ in found if type(m).__name__ == "MultiScaleBlock")
    variables = next(v for m, v in found if m is block)
    # The shortcut of a pooling block is pooled already.
    height, width = (side * (block.q_stride or (1,))[0] for side in variables["shortcut"].shape[1:3])
    stride = block.q_stride or (1, 1)
    after = (height // stride[0], width // stride[1])
    mean = weights.mean(1)
    if not block.is_windowed:
        return Dense(name, mean[0].numpy(), pooling((height, width), after), 0, (height, width), after)
    window = tuple(block.window_size)
    keys = hieradet_sam2.window_partition(numbered((height, width)), window).flatten(1)
    small = (window[0] // stride[0], window[1] // stride[1])
    queries = hieradet_sam2.window_partition(numbered(after), small).flatten(1)
    attention = scatter(mean, queries, keys, (math.prod(after), height * width))
    return Dense(name, attention, pooling((height, width), after), 0, (height, width), after)


def _hiera(name: str, model: Any, owner: Any, weights: Tensor, order: Any, found: Stack) -> tuple[Dense, np.ndarray]:
    """Hiera's tokens lie in the order that its own ``unroll`` gives them."""
    if order is None:
        size = math.prod(model.unroll.size)
        order = model.unroll(torch.arange(size, dtype=torch.float64).reshape(1, size, 1))[0, :, 0].numpy().astype(int)
    before = _square(order.size, found)
    after, later = before, order
    if owner.q_stride > 1:
        after = (before[0] // 2, before[1] // 2)
        first = order[: order.size // owner.q_stride]
        later = first // before[1] // 2 * after[1] + first % before[1] // 2
    if weights.ndim == 4:
        weights = weights[:, :, None]
    units = weights.shape[2]
    queries, keys = (torch.from_numpy(each.reshape(-1, units).T.copy()) for each in (later, order))
    attention = scatter(weights[0].mean(0), queries, keys, (math.prod(after), math.prod(before)))
    return Dense(name, attention, pooling(before, after), 0, before, after), later


WINDOWS: dict[str, Any] = {
    "WindowAttention": _swin,
    "WindowMultiHeadAttention": _swin,
    "AttentionCl": _maxvit,
    "Attention2d": _maxvit,
    "Attention": _blocks,
    "LocallyGroupedAttn": _local_window,
    "WindowAttentionGlobal": _local_window,
    "BottleneckAttn": _bottleneck,
    "HaloAttn": _bottleneck,
    "OutlookAttention": _outlook,
    "MultiScaleAttention": _multiscale,
}
