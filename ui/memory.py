"""What the server remembers between clicks: one store for all browser sessions, bounded by bytes, not by count.

A cutout may have 64 MiB, the attention of all heads 3 GB: what was used longest ago goes until the rest fits into
``settings.memory()``. A single object beyond that is made anew each time. Objects are shared: nobody changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from threading import Condition
from typing import Any, ParamSpec, TypeVar

import numpy as np
from cachetools import LRUCache, cached
from torch import Tensor, nn

from vlass_explorer.schema import Checkpoint, Cutout, InputSpec

from . import settings
from .state import Entry

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


def of_entry(entry: Entry) -> tuple[str, str]:
    """A file of a session by its content; the entry itself would hold the content of a forgotten upload."""
    return entry.sha256, entry.name


KEYS: dict[Any, Callable[[Any], Hashable]] = {Cutout: of_cutout, Checkpoint: of_card, InputSpec: repr, Entry: of_entry}
"""How arguments that have no hash of their own are told apart; also the ``hash_funcs`` of Streamlit's caches."""


def size(value: Any) -> int:
    """Bytes of the arrays, tensors and texts in a value, however deep, and a little for everything else."""
    if isinstance(value, np.ndarray | Tensor):
        return SMALL + value.nbytes
    if isinstance(value, nn.Module):
        return SMALL + sum(tensor.nbytes for tensor in (*value.parameters(), *value.buffers()))
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return SMALL + sum(map(size, value.values()))
    if isinstance(value, list | tuple):
        return SMALL + sum(map(size, value))
    if is_dataclass(value):
        return SMALL + sum(size(getattr(value, field.name)) for field in fields(value))
    return SMALL


STORE: LRUCache[Hashable, Any] = LRUCache(settings.memory(), getsizeof=size)
_TURN = Condition()


def kept(make: Callable[Options, Result]) -> Callable[Options, Result]:
    """A function of positional arguments whose results are remembered; each is made once, others wait for it."""

    def key(*arguments: Any) -> Hashable:
        return (make.__module__, make.__qualname__, *(_key(argument) for argument in arguments))

    remembering: Callable[Options, Result] = cached(STORE, key, condition=_TURN)(make)
    return remembering


def once(key: Hashable, work: Callable[[], Result]) -> Result:
    """The result of work that may be stopped and that draws its progress, so that nobody waits for another's."""
    with _TURN:
        if key in STORE:
            found: Result = STORE[key]
            return found
    made = work()
    with _TURN:
        if size(made) <= STORE.maxsize:
            STORE[key] = made
    return made


def _key(argument: Any) -> Hashable:
    return KEYS[type(argument)](argument) if type(argument) in KEYS else argument
