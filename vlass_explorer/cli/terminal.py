"""What people see in a terminal: sentences on standard error, and a progress bar where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from tqdm import tqdm

FAILED = 2


def complain(sentence: str, file: str | None = None) -> None:
    """One line on standard error, in front of it the file that it is about."""
    text = f"{file}: {sentence}" if file is not None else sentence
    with tqdm.external_write_mode(sys.stderr):
        print(shown(text), file=sys.stderr, flush=True)


def say(line: str) -> None:
    """One line on standard output, above a progress bar if there is one."""
    with tqdm.external_write_mode(sys.stdout):
        print(line, flush=True)


def shown(text: str) -> str:
    """Text on one line without control characters, so that no file name commands the terminal."""
    return "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else repr(c)[1:-1] for c in text)


def progress(files: Iterable[str], total: int) -> Iterable[str]:
    """The files, with a bar on standard error where that is a terminal."""
    return tqdm(files, total=total, unit="file", disable=None, file=sys.stderr, leave=False)
