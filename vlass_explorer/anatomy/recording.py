"""Every tensor of one real forward pass in order, with the module it was made in; nothing is attached to the model.

Functions are overheard (``torch.overrides.TorchFunctionMode``); which module asks is read from the frames of the pass
itself, so that a residual in a block's own ``forward`` belongs to the block.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..attention.capture import read_attention
from ..attention.taking import taking

QUIET = {
    "__get__",
    "dim",
    "size",
    "numel",
    "is_floating_point",
    "stride",
    "is_contiguous",
    "type",
    "__getitem__",
    "view",
}
QUIET |= {"reshape", "flatten", "unflatten", "transpose", "permute", "contiguous", "expand", "unbind", "chunk", "split"}
QUIET |= {"squeeze", "unsqueeze", "to", "float", "clone", "detach", "expand_as", "view_as", "roll", "pad"}
"""Functions that look at a tensor or lay it out anew and compute nothing."""
FROM_IMAGE = "_is_from_image"
"""Attribute of what the image has a part in, as against weights that are made of weights."""
MOST = 256 * 2**20
"""Bytes of all tensors kept; beyond them an operation keeps its numbers and no tensor."""


@dataclass(frozen=True, eq=False)
class Attention:
    """Attention in one fused function: (..., heads, tokens, channels), weights (..., heads, query, key)."""

    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    weights: Tensor
    """Computed once more with the mask of the call, as ``attention.capture`` does."""
    is_masked: bool
    """Is a mask or bias added to the scores."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One function of the pass: what went in, what came out, and the parameters it used.

    ``module``: dotted name of the module in whose ``forward`` it ran, "" for the model itself. ``output`` is a copy,
    None where the pass as a whole is too large to keep. ``norm`` is the root mean square of the output.
    """

    number: int
    module: str
    kind: str
    function: str
    shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    parameters: tuple[str, ...]
    norm: float
    output: Tensor | None
    attention: Attention | None = None
    """What a fused function hides, of attention alone."""


def record(model: nn.Module, x: Tensor) -> tuple[Tensor, tuple[Operation, ...]]:
    """Logits (1, K) of one image (1, C, H, W), bit for bit those of a plain pass, and its operations in order.

    Raises ValueError for more than one image and UnsupportedError where the model does not take it.
    """
    if x.ndim != 4 or x.shape[0] != 1:
        raise ValueError(f"One image (1, C, H, W) is recorded, not {tuple(x.shape)}.")
    listener = _Listener(model)
    image = x.detach().clone()
    setattr(image, FROM_IMAGE, True)
    with taking(model, x), torch.no_grad(), listener:
        logits: Tensor = model(image)
    return logits.detach(), tuple(listener.operations)


class _Listener(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.names = {id(module): name for name, module in model.named_modules()}
        self.parameters = {id(tensor): name for name, tensor in (*model.named_parameters(), *model.named_buffers())}
        self.operations: list[Operation] = []
        self.kept = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", str(func))
        given = list(_tensors((*args, *kwargs.values())))
        images = [value for value in given if hasattr(value, FROM_IMAGE)]
        if not images:
            return result
        for each in _tensors((result,)):
            setattr(each, FROM_IMAGE, True)
        if name in QUIET or not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        if name.startswith("dropout") and not kwargs.get("training", args[2] if len(args) > 2 else True):
            return result  # the identity
        module, kind = self._asking()
        self.operations.append(
            Operation(
                len(self.operations),
                module,
                kind,
                name.strip("_").removesuffix("_"),
                tuple(tuple(value.shape) for value in images),
                tuple(result.shape),
                self._used(module, given),
                rms(result),
                self._copy(result),
                _attention(args, kwargs) if name == "scaled_dot_product_attention" else None,
            )
        )
        return result

    def _used(self, module: str, given: list[Tensor]) -> tuple[str, ...]:
        """Parameters and buffers among the arguments; those of the module itself where its weights are made of them."""
        named = tuple(self.parameters[id(value)] for value in given if id(value) in self.parameters)
        if named or all(hasattr(value, FROM_IMAGE) for value in given):
            return named
        return tuple(name for name in self.parameters.values() if name.rpartition(".")[0] == module)

    def _copy(self, result: Tensor) -> Tensor | None:
        self.kept += result.numel() * result.element_size()
        return result.detach().clone() if self.kept <= MOST else None

    def _asking(self) -> tuple[str, str]:
        """Name and class of the innermost module of the model whose code is running."""
        frame = sys._getframe(2)
        while frame is not None:
            owner = frame.f_locals.get("self")
            if isinstance(owner, nn.Module) and id(owner) in self.names:
                return self.names[id(owner)], type(owner).__name__
            frame = frame.f_back  # type: ignore[assignment]
        return "", ""


def rms(tensor: Tensor) -> float:
    """Root mean square of a tensor."""
    return float(tensor.detach().float().square().mean().sqrt())


def _attention(args: tuple[Any, ...], options: dict[str, Any]) -> Attention:
    query, key, value, *_ = (tensor.detach().clone() for tensor in _tensors((*args, *options.values())))
    scale = options.get("scale")
    return Attention(
        query,
        key,
        value,
        query.shape[-1] ** -0.5 if scale is None else float(scale),
        read_attention(None, *args, **options).weights,
        (args[3] if len(args) > 3 else options.get("attn_mask")) is not None or bool(options.get("is_causal")),
    )


def _tensors(values: tuple[Any, ...]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(tuple(value))
