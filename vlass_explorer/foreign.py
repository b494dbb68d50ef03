"""Errors of other people's libraries become typed ones where the library is called, once for each kind of reader.

No list of expected exceptions: on damaged content a library raises whatever its code runs into, an AssertionError or a
ZeroDivisionError as readily as an error of its own. So put the library's calls inside ``mapped`` and nothing else: what
our own code raises there would be taken for bad input.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .schema import ExplorerError

__all__ = ["mapped", "reason", "sentence"]

_LOG = logging.getLogger(__name__)


@contextmanager
def mapped(to: Callable[[Exception], ExplorerError]) -> Iterator[None]:
    """Raise what ``to`` makes of any error inside in its place, chained to it; typed errors pass as they are."""
    try:
        yield
    except ExplorerError:
        raise
    except Exception as error:
        _LOG.debug("A library refused what it was given.", exc_info=True)
        raise to(error) from error


def reason(error: Exception, longest: int = 100) -> str:
    """What a library says, on one line without its full stop; the kind of error where it says nothing."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split())[:longest].rstrip(". ") or type(error).__name__


def sentence(error: ExplorerError | OSError) -> str:
    """What a user is told of an error that is no bug: bad input, or a file or disk that refuses."""
    if isinstance(error, ExplorerError) or not error.strerror:
        return str(error)
    about = f" {str(error.filename)!r}" if error.filename else ""
    return f"The file system refuses{about}: {error.strerror}. Check that it is there, its permissions and its space."
