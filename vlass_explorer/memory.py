"""A store of results that is bounded by bytes, not by count: a cutout may have 64 MiB, the attention of all heads 3 GB.

What was used longest ago goes until the rest fits. A single object beyond the room is made anew each time. Objects are
shared: nobody changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from threading import Condition
from typing import Any, ParamSpec, TypeVar

import cachetools
import numpy as np
from plotly.basedatatypes import BaseFigure
from torch import Tensor, nn

from .schema import Checkpoint, Cutout, InputSpec

Options = ParamSpec("Options")
Result = TypeVar("Result")
SMALL = 1024
"""Bytes that an object is taken for whose size nobody knows: a number, a header, an error."""


def of_cutout(cutout: Cutout) -> str:
    """The hash tells bytes and reading options apart; the name decides survey and product."""
    return f"{cutout.sha256}{cutout.name}{cutout.shape}{cutout.row0}"


def of_card(card: Checkpoint) -> str:
    """Also what became of the weights since: a folder that is mended or broken meanwhile is read again."""
    weights = card.path / "model.safetensors"
    found = weights.stat() if weights.is_file() else None
    return f"{card.name}{card.sha256}{card.input_spec}{(found.st_size, found.st_mtime_ns) if found else 'gone'}"


KEYS: dict[Any, Callable[[Any], Hashable]] = {Cutout: of_cutout, Checkpoint: of_card, InputSpec: repr}
"""How arguments that have no hash of their own are told apart."""


def size(value: Any) -> int:
    """Bytes of the arrays, tensors and texts in a value, however deep, and a little for everything else."""
    if isinstance(value, np.ndarray | Tensor):
        return SMALL + value.nbytes
    if isinstance(value, nn.Module):
        return SMALL + sum(tensor.nbytes for tensor in (*value.parameters(), *value.buffers()))
    if isinstance(value, BaseFigure):
        return SMALL + size(value.to_plotly_json()["data"])  # in the layout each number would count as SMALL
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return SMALL + sum(map(size, value.values()))
    if isinstance(value, list | tuple):
        return SMALL + sum(map(size, value))
    if is_dataclass(value):
        return SMALL + sum(size(getattr(value, field.name)) for field in fields(value))
    return SMALL


class Memory:
    """Results of functions, at most ``room`` bytes of them; ``keys``: how further types of arguments are told apart."""

    def __init__(self, room: int, keys: Mapping[Any, Callable[[Any], Hashable]] | None = None) -> None:
        self.keys = {**KEYS, **(keys or {})}
        self.store: cachetools.LRUCache[Hashable, Any] = cachetools.LRUCache(room, getsizeof=size)
        self._turn = Condition()

    def cached(self, make: Callable[Options, Result]) -> Callable[Options, Result]:
        """A function of positional arguments whose results are remembered; each is made once, others wait for it."""

        def key(*arguments: Any) -> Hashable:
            return (make.__module__, make.__qualname__, *(self._key(argument) for argument in arguments))

        remembered: Callable[Options, Result] = cachetools.cached(self.store, key, condition=self._turn)(make)
        return remembered

    def get_or_compute(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """The result of work that may be stopped and that draws its progress, so that nobody waits for another's."""
        with self._turn:
            if key in self.store:
                found: Result = self.store[key]
                return found
        made = work()
        with self._turn:
            if size(made) <= self.store.maxsize:
                self.store[key] = made
        return made

    def known(self, key: Hashable) -> Any:
        """The result under a key of ``get_or_compute``, None where it is not remembered."""
        with self._turn:
            return self.store.get(key)

    def _key(self, argument: Any) -> Hashable:
        return self.keys[type(argument)](argument) if type(argument) in self.keys else argument
