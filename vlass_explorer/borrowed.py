"""How a cutout of a data set or of an archive is read again, as bytes that outlive the process.

Such a cutout is no file of its own: it is read by a function of this package (``functools.partial``) from a file on the
server. What is kept names function, arguments and the key under which a browser knows the cutout, never code: it is
read again only by the readers of data sets, cutouts and archives, and only from folders that are open at that time.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from .schema import Cutout

READERS = ("vlass_explorer.cutouts", "vlass_explorer.datasets", "vlass_explorer.archives")
"""Packages whose functions may read a borrowed cutout."""
PLAIN = (str, bool, int, float, type(None))


@dataclass(frozen=True)
class Borrowed:
    """One such cutout: its key and hash in a browser session, and how it is read."""

    key: str
    sha256: str
    source: Callable[[], Cutout]


def packed(borrowed: Borrowed) -> bytes | None:
    """A borrowed cutout as JSON; None where its source is no ``partial`` of a reader with plain arguments and paths."""
    source = borrowed.source
    if not isinstance(source, partial) or not _is_reader(source.func):
        return None
    try:
        given = {"args": _plain(source.args), "options": _plain(source.keywords)}
    except TypeError:
        return None
    told = {"key": borrowed.key, "sha256": borrowed.sha256, "module": source.func.__module__}
    return json.dumps({**told, "reader": source.func.__name__, **given}).encode()


def unpacked(content: bytes, roots: Sequence[Path]) -> Borrowed | None:
    """The cutout of ``packed``; None where it is damaged, or names a file that is gone or outside of the roots."""
    try:
        told = json.loads(content)
        if not _is_inside(told["module"]):
            return None
        reader = getattr(importlib.import_module(told["module"]), told["reader"])
        args, options = _given(told["args"], roots), _given(told["options"], roots)
        if not _is_reader(reader):
            return None
        return Borrowed(str(told["key"]), str(told["sha256"]), partial(reader, *args, **options))
    except (ValueError, KeyError, TypeError, AttributeError, ImportError, OSError):
        return None


def _is_inside(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in READERS)


def _is_reader(function: Any) -> bool:
    """Is this a function at the top of one of these packages, which its name leads back to, and gives it a cutout?"""
    return (
        isinstance(function, FunctionType)
        and _is_inside(function.__module__)
        and function.__qualname__ == function.__name__
        and function.__annotations__.get("return") in ("Cutout", Cutout)
    )


def _plain(value: Any) -> Any:
    """Arguments as JSON: paths and tuples are told apart from texts and lists; TypeError for anything else."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): _plain(each) for key, each in value.items()}}
    raise TypeError(f"{type(value).__name__} cannot be kept.")


def _given(value: Any, roots: Sequence[Path]) -> Any:
    """The arguments of ``_plain``; ValueError for a path that is no file below one of the roots, links followed."""
    if isinstance(value, PLAIN):
        return value
    ((kind, inner),) = value.items()
    if kind == "tuple":
        return tuple(_given(each, roots) for each in inner)
    if kind == "dict":
        return {key: _given(each, roots) for key, each in inner.items()}
    path = Path(inner)
    real = path.resolve()
    if kind != "path" or not real.is_file() or not any(real.is_relative_to(root.resolve()) for root in roots):
        raise ValueError(f"{inner} cannot be read any more.")
    return path
