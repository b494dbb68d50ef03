"""What the tests of the command line share beside their fixtures."""

from __future__ import annotations

from collections.abc import Callable

HOSTILE = "<img src=x onerror=alert(1)>.fits"
"""A file name that must never be taken for HTML."""
Run = Callable[..., tuple[int, str, str]]
"""The command line in this process: arguments to exit code, standard output and standard error."""
