"""What was measured on a cutout once is read afterwards: by its validity, by a page and by a row of a table alike."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import Lock
from typing import TypeVar
from weakref import WeakKeyDictionary

from ..schema import Cutout

Result = TypeVar("Result")
LARGEST = 2**22
"""Pixels of a cutout up to which its results are kept; those of a mosaic would hold as much memory as it does."""


def kept(measure: Callable[[Cutout], Result]) -> Callable[[Cutout], Result]:
    """A function of a cutout alone that is asked once in the life of each; its result is shared: never change it.

    A cutout never changes, and one made from it is another. An error is raised anew each time.
    """
    known: WeakKeyDictionary[Cutout, Result] = WeakKeyDictionary()
    turn = Lock()

    @functools.wraps(measure)
    def read(cutout: Cutout) -> Result:
        with turn:
            if cutout in known:
                return known[cutout]
        found = measure(cutout)
        if cutout.pixels.size <= LARGEST:
            with turn:
                known[cutout] = found
        return found

    return read
