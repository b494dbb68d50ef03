"""Which map over the image is the last from which every patch still reaches the logit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..schema import UnsupportedError
from .calls import Call


class Reach:
    """Gradients of the logits by maps over the image, taken from the latest one backwards and no further than asked.

    Their sum over the images is differentiated, of which each depends on its own image.
    """

    def __init__(self, logits: Tensor, placed: Sequence[Call]) -> None:
        self.placed = [call for call in placed if call.output is not None]
        self._sum = logits.sum()
        self._missing = list(self.placed)
        self._found: dict[int, tuple[Tensor | None, Tensor]] = {}

    def gradient(self, call: Call) -> Tensor | None:
        """Gradient of the shape of the output of a call, None where the logits do not depend on it."""
        return self._of(call)[0]

    def share(self, call: Call, image: int) -> float:
        """Share of the patches of one image that reach its logit."""
        return float(self._of(call)[1][image])

    def _of(self, call: Call) -> tuple[Tensor | None, Tensor]:
        while id(call) not in self._found:
            # Twice as many each time: the first is nearly always the one, and a pass reaches back for all of them.
            some = self._missing[-max(1, len(self._found)) :]
            del self._missing[-len(some) :]
            outputs = [one.output for one in some if one.output is not None]
            gradients = torch.autograd.grad(self._sum, outputs, retain_graph=True, allow_unused=True)
            for one, gradient in zip(some, gradients, strict=True):
                self._found[id(one)] = gradient, _shares(one, gradient)
        return self._found[id(call)]


def _shares(call: Call, gradient: Tensor | None) -> Tensor:
    assert call.output is not None
    if gradient is None:
        return torch.zeros(len(call.output))
    return (call.arranged(gradient) != 0).any(dim=1).float().mean(dim=(1, 2))


def last(reach: Reach, root: Call, image: int) -> Call:
    """The latest map of which most patches reach the logit, else the latest of which any does; inside a later one too.

    One patch may reach it behind the last attention: the largest logit of a head on every patch (VOLO).
    """
    if not reach.placed:
        raise UnsupportedError("No layer of this model answers with a map over the image.")
    for least in (0.5, 0.0):
        found = _search(root, reach, image, least)
        if found is not None:
            return found
    if not any(reach.share(call, image) for call in reach.placed):
        return reach.placed[-1]  # the logit does not depend on the image
    raise UnsupportedError("No map over the image reaches the logits in this model; name a layer.")


def _search(call: Call, reach: Reach, image: int, least: float, tokens: bool = False) -> Call | None:
    """Backwards through the calls; inside a block of tokens only tokens count, not attention that looks like a map."""
    for inner in reversed(call.calls):
        is_tokens = inner.place is not None and inner.place[0] == "tokens"
        if inner.place is not None and (is_tokens or not tokens) and reach.share(inner, image) > least:
            return inner
        found = _search(inner, reach, image, least, tokens or is_tokens)
        if found is not None:
            return found
    return None
