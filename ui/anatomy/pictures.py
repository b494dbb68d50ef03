"""Which picture a step of the walk gets, by the shape of its tensor."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from torch import nn

from vlass_explorer.anatomy import Step
from vlass_explorer.figures import anatomy as drawn
from vlass_explorer.schema import FloatArray

Grid = tuple[int, int]
Picture = tuple[go.Figure, str]
IMAGE_CHANNELS = 3
"""Most channels of an image: what reads more looks at feature maps, whose weights say nothing to the eye."""


def picture(step: Step, grid: Grid | None, prefix: int, label_names: tuple[str, ...]) -> Picture:
    """A figure and the sentence under it. ``grid``: patches (gy, gx) of the tokens that follow ``prefix`` others."""
    assert step.output is not None
    values = step.output.float().numpy(force=True)
    values = values[0] if values.shape[0] == 1 else values
    if step.name in ("scores", "softmax"):
        return _attention(values, grid, prefix)
    if values.ndim == 1:
        return _vector(values, label_names)
    if grid is not None and values.shape[-2] == prefix + grid[0] * grid[1]:
        return _tokens(values, grid, prefix)
    if values.ndim == 2:
        return drawn.matrix(values, across="channel", up="token"), "Every number of the tensor."
    flat = values.reshape(-1, *values.shape[-2:])
    few = len(flat) > drawn.MOST
    said = f"The first {drawn.MOST} of {len(flat)} channels" if few else "All channels"
    return drawn.maps(flat, _numbered("channel", len(flat))), f"{said}, on one colour scale."


def filters(step: Step, model: nn.Module) -> Picture | None:
    """The filters of a convolution that reads image channels, and the sentence under them; None for other steps.

    Oriented as the cutout: a filter answers most where the image looks like it.
    """
    named = dict(model.named_parameters())
    weight = next((named[name] for name in step.parameters if name in named and named[name].ndim == 4), None)
    if weight is None or weight.shape[1] > IMAGE_CHANNELS or min(weight.shape[2:]) < 3:
        return None
    values = weight.float().numpy(force=True).mean(1)
    few = f"The first {drawn.MOST} of {len(values)} filters" if len(values) > drawn.MOST else "All filters"
    mean = "" if weight.shape[1] == 1 else ", mean over the input channels"
    size = " × ".join(map(str, weight.shape[2:]))
    said = f"{few}, {size} pixels of the model input{mean}; a response is large where the image looks like its filter."
    return drawn.maps(values, _numbered("filter", len(values))), said


def _numbered(word: str, count: int) -> list[str]:
    return [f"{word} {number}" for number in range(1, count + 1)]


def _vector(values: FloatArray, label_names: tuple[str, ...]) -> Picture:
    if len(values) == len(label_names):
        return drawn.vector(values, label_names, "logit"), "Logits: their softmax is the score of each class."
    return drawn.vector(values, _numbered("", len(values)), "value"), "Every number of the vector."


def _tokens(values: FloatArray, grid: Grid, prefix: int) -> Picture:
    """Tokens (n, c), or of each head (h, n, c), as the size of their vectors on the patch grid."""
    size = np.sqrt((values**2).mean(-1))
    said = "Size of the vector of each patch: root mean square of its numbers."
    if values.ndim == 2 and prefix:
        own = ", ".join(f"{value:.3g}" for value in size[:prefix])
        said += f" The {'class token' if prefix == 1 else 'tokens before the patches'}: {own}."
    shown = size[..., prefix:].reshape(-1, *grid)
    return drawn.maps(shown, _numbered("head", len(shown)) if values.ndim == 3 else ["all channels"]), said


def _attention(values: FloatArray, grid: Grid | None, prefix: int) -> Picture:
    if values.ndim == 3 and grid is not None and prefix and values.shape[-1] == prefix + grid[0] * grid[1]:
        shown = values[:, 0, prefix:].reshape(-1, *grid)
        return drawn.maps(shown, _numbered("head", len(shown))), "From the class token to every patch, in each head."
    mean = values.reshape(-1, *values.shape[-2:]).mean(0)
    what = "heads" if values.ndim == 3 else "windows and heads"
    return drawn.matrix(mean, across="key", up="query"), f"Mean of the {what}: queries down, keys across."
