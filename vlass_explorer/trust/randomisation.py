"""Model-randomisation check: a map that hardly changes when the weights become random does not show the model.

Adebayo et al. 2018, arXiv:1810.03292: layers are initialised again from the top, one after the other, as Quantus
``MPRT`` does (top_down); parameters that no layer can initialise (class token, kernels of our own layers) are drawn
from a Gaussian of their own mean and scatter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from scipy.stats import rankdata
from torch import Tensor, nn

from ..private import private_copy, renewed, unrolled
from ..progress import part
from ..schema import FloatArray, UnsupportedError
from . import side_by_side
from .side_by_side import Together
from .symmetry import correlation

Similarity = Literal["spearman", "ssim"]
POINTS = 8
_DRAWING = Lock()  # layers initialise themselves from the generator that all threads share


@dataclass(frozen=True, eq=False)
class Randomisation:
    """Similarity of the map of a model to that of its cascade of randomised copies."""

    layers: tuple[str, ...]
    """The last layer randomised at each point, the top of the model first."""
    similarities: tuple[float, ...]
    """1: nothing changed; near 0 at the end is what a map of the model should show."""
    similarity: Similarity

    @property
    def last(self) -> float:
        """Similarity to the map of a wholly random model."""
        return self.similarities[-1]


def randomisation(
    model: nn.Module,
    explain: Callable[[nn.Module], FloatArray],
    *,
    points: int | None = POINTS,
    similarity: Similarity = "spearman",
    seed: int = 42,
    known: FloatArray | None = None,
    together: Together | None = None,
) -> Randomisation:
    """Randomise a copy of the model layer by layer and compare its maps; ``explain`` gives the map (gy, gx) of a model.

    ``points`` places of the cascade are explained, evenly spread and with the last; None explains after each layer.
    ``known``: the map of the model itself, where it was made already. ``together``: the maps of a model for the image
    repeated in a batch, where the method makes them in one pass; copies are then asked side by side where they can be.
    Spearman's correlation of absolute values, or structural similarity. The model itself is not touched. Raises
    UnsupportedError where there is nothing to randomise.
    """
    names = [name for name, module in list(model.named_modules())[::-1] if _can_be_random(module)]
    if not names or (points is not None and points < 1):
        raise UnsupportedError("The randomisation check needs a model with parameters and at least one point.")
    count = len(names) if points is None else min(points, len(names))
    wanted = {len(names) - 1 - i * len(names) // count for i in range(count)}
    compare = spearman if similarity == "spearman" else ssim
    with part(0, len(wanted) + 1):
        original = explain(model) if known is None else known
    layers: list[str] = []
    values: list[float] = []
    for name, found in _explained(model, names, sorted(wanted), seed, explain, together):
        layers.append(name)
        values.append(compare(original, found))
    return Randomisation(tuple(layers), tuple(values), similarity)


def _explained(
    model: nn.Module,
    names: list[str],
    wanted: list[int],
    seed: int,
    explain: Callable[[nn.Module], FloatArray],
    together: Together | None,
) -> Iterator[tuple[str, FloatArray]]:
    """The last name and the map of each wanted place of the cascade."""
    steps = enumerate(cascade(model, names, seed))
    count = bisect_left(wanted, side_by_side.leaves(model, names)) if together is not None else 0
    found = None
    if together is not None and count > 1:
        copy = next(copy for number, (_, copy) in steps if number == wanted[count - 1])
        first = {name: bisect_left(wanted, number) for number, name in enumerate(names[: wanted[count - 1] + 1])}
        with part(1, len(wanted) + 1):
            found = side_by_side.explained(unrolled(model), unrolled(copy), first, count, together)
        if found is None:
            steps = enumerate(cascade(model, names, seed))
    yield from zip([names[number] for number in wanted], found or (), strict=False)
    changed: list[str] = []
    asked: nn.Module | None = None
    for number, (name, copy) in steps:
        changed.append(name)
        if number in wanted:
            asked = unrolled(copy) if asked is None else renewed(asked, copy, changed)
            with part(wanted.index(number) + 1, len(wanted) + 1):
                map_ = explain(asked)
            yield name, map_
            changed.clear()


def cascade(model: nn.Module, names: list[str], seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Each name with a copy of the model in which the modules up to it are random; always the same copy."""
    with torch.inference_mode(False), torch.no_grad():
        plain = _plain(model)
        # What gets new weights needs no copy of those before.
        shared = {id(tensor) for module in plain.values() for tensor in module.parameters()}
        tensors = (*model.parameters(), *model.buffers())
        copy = private_copy(model, own=[tensor for tensor in tensors if id(tensor) not in shared])
    drawn: dict[object, dict[str, nn.Parameter | None]] = {}
    for name in names:
        module = copy.get_submodule(name)
        with _DRAWING, torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
            if name in plain:
                # Each module is drawn from the same seed: those of one kind and shape get the same numbers.
                kind = type(module), *((t.shape, t.stride(), t.dtype, t.device) for t in module.parameters())
                if kind not in drawn:
                    _set(module, {key: None if t is None else torch.empty_like(t) for key, t in _tensors(module)})
                    _reset(module, seed)
                    drawn[kind] = dict(_tensors(module))
                else:
                    _set(module, drawn[kind])
            else:
                _reset(module, seed)
        yield name, copy


def _plain(model: nn.Module) -> dict[str, nn.Module]:
    """Modules of torch whose start depends on the shape of their weights alone, which nothing else touches."""
    uses = Counter(id(tensor) for _, tensor in model.named_parameters(remove_duplicate=False))
    resetting = [name for name, module in model.named_modules() if callable(getattr(module, "reset_parameters", None))]
    return {
        name: module
        for name, module in model.named_modules()
        if type(module) in (nn.Linear, nn.Conv2d)
        and module._parameters.keys() == {"weight", "bias"}
        and all(uses[id(tensor)] == 1 for tensor in module.parameters())
        and not any(other != name and name.startswith(f"{other}." if other else "") for other in resetting)
    }


def _reset(module: nn.Module, seed: int) -> None:
    own = list(module.parameters())
    # What torch.manual_seed does on a processor; it asks for other devices, too, which takes a millisecond.
    on_cpu = all(tensor.device.type == "cpu" for tensor in own)
    (torch.default_generator.manual_seed if on_cpu else torch.manual_seed)(seed + 1)
    if callable(reset := getattr(module, "reset_parameters", None)):
        reset()
    else:
        for parameter in module.parameters(recurse=False):
            _draw(parameter)


def _tensors(module: nn.Module) -> list[tuple[str, nn.Parameter | None]]:
    return list(module._parameters.items())


def _set(module: nn.Module, tensors: Mapping[str, Tensor | None]) -> None:
    """Parameters of its own with the memory of these tensors."""
    for key, tensor in tensors.items():
        if tensor is not None:
            setattr(module, key, nn.Parameter(tensor.detach(), requires_grad=getattr(module, key).requires_grad))


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Rank correlation of the absolute values of two maps; without contrast 1 if they are equal, else 0."""
    return correlation(rankdata(np.abs(a)), rankdata(np.abs(b)))


def ssim(a: FloatArray, b: FloatArray) -> float:
    """Structural similarity of two maps, each divided by its largest absolute value; windows of 7 cells or fewer.

    Wang et al. 2004, doi:10.1109/TIP.2003.819861, uniform windows with the unbiased variance, edges left out, as
    scikit-image computes it.
    """
    first, second = (np.asarray(one, np.float64) / max(float(np.abs(one).max()), 1e-30) for one in (a, b))
    side = min(7, *first.shape)
    side -= 1 - side % 2
    spread = max(first.max(), second.max()) - min(first.min(), second.min())
    c1, c2 = (0.01 * spread) ** 2, (0.03 * spread) ** 2
    mean_a, mean_b = uniform_filter(first, side), uniform_filter(second, side)
    unbiased = side**2 / max(side**2 - 1, 1)
    variance_a = unbiased * (uniform_filter(first * first, side) - mean_a**2)
    variance_b = unbiased * (uniform_filter(second * second, side) - mean_b**2)
    covariance = unbiased * (uniform_filter(first * second, side) - mean_a * mean_b)
    upper = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    lower = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    edge = (side - 1) // 2
    inner = tuple(slice(edge, length - edge) for length in first.shape)
    if spread == 0.0:
        return 1.0
    return float((upper / lower)[inner].mean())


def _can_be_random(module: nn.Module) -> bool:
    return hasattr(module, "reset_parameters") or next(module.parameters(recurse=False), None) is not None


def _draw(parameter: Tensor) -> None:
    """Gaussian of the parameter's own mean and scatter, at least 0.02, so that zeros do not stay zeros."""
    scatter = float(parameter.std(correction=0))
    parameter.normal_(float(parameter.mean()), max(scatter, 0.02))
