"""The command line: a file for each command, and what they share.

Exit codes: 0, all done; 2, something could not be done, each told in one sentence on standard error, the rest is done.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..foreign import sentence
from ..schema import ExplorerError
from . import (
    audit,
    batch,
    classify,
    cutouts,
    epochs,
    explain,
    listing,
    methods,
    paper,
    parts,
    predict,
    profile,
    segment,
    simulate,
    transform,
)
from .terminal import FAILED, complain

__all__ = ["main", "parser"]


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="python -m vlass_explorer",
        description="Ask trained vision models about radio cutouts, and see where they looked.",
    )
    top.add_argument("--version", action="version", version=f"VLASS Explorer {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (
        listing,
        methods,
        profile,
        predict,
        classify,
        batch,
        parts,
        audit,
        paper,
        explain,
        transform,
        segment,
        cutouts,
        epochs,
        simulate,
    ):
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = parser().parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of a pipe left; nothing more can be printed, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ExplorerError, OSError) as error:
        complain(sentence(error))
        return FAILED
    except KeyboardInterrupt:
        complain("Stopped.")
        return 130
