"""The calls of modules in one forward pass, with what they answered and where that lies on the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

Layout = Literal["channels first", "channels last", "tokens"]
Grid = tuple[int, int]


@dataclass
class Call:
    """One call of a module with the calls inside it, in order."""

    name: str
    module: nn.Module
    output: Tensor | None = None
    calls: list[Call] = field(default_factory=list)
    place: tuple[Layout, Grid, int] | None = None
    """Layout, grid and prefix tokens, where the output is a map over the image."""
    order: Tensor | None = None
    """Place in the list of the token of each patch, row by row, where tokens stand in another order."""

    def walk(self) -> Iterator[Call]:
        """The calls inside, each after those that it made."""
        for call in self.calls:
            yield from call.walk()
            yield call

    def arranged(self, tensor: Tensor) -> Tensor:
        """A tensor of the output's shape as (image, channel, gy, gx)."""
        assert self.place is not None
        layout, (gy, gx), prefix = self.place
        if layout == "channels first":
            return tensor
        if self.order is not None:
            tensor = tensor.flatten(1, -2)[:, self.order]
        return tensor[:, prefix:].unflatten(1, (gy, gx)).movedim(-1, 1) if tensor.ndim == 3 else tensor.movedim(-1, 1)


def record(model: nn.Module, images: Tensor) -> tuple[Tensor, Call]:
    """Logits and the tree of calls of a pass of images (B, C, H, W) through a private copy."""
    root = Call("", model)
    open_calls = [root]

    def enter(call: Call) -> None:
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
            handles.append(module.register_forward_pre_hook(lambda m, _, name=name: enter(Call(name, m))))
            handles.append(module.register_forward_hook(lambda _m, _inputs, output: leave(output)))
    logits = model(images)
    for handle in handles:  # kept hooks would hold all features in a circle of references
        handle.remove()
    return logits, root
