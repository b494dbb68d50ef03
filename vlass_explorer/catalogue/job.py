"""A classification as a run: the words of ``classify`` in a run folder, and the folder of answers below it.

Its process is ``python -m vlass_explorer batch RUN``, begun by a launcher as a training is: it outlives whoever began
it, waits for its turn on its device, and goes on with its folder when it is begun again.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..foreign import mapped
from ..runs.folder import ASKED
from ..schema import CatalogueError, Run

HERE = "{run}"
"""In place of the run folder in the words, which are written before it has a name."""
ANSWERS = "catalogue"


def folder(run: Run) -> Path:
    """Where the plan, its parts and the table lie."""
    return run.path / ANSWERS


def files(words: Sequence[str]) -> dict[str, bytes]:
    """What makes a run folder a classification by these words of ``classify``, which do not say ``--out``."""
    return {ASKED: json.dumps({"words": list(words)}, indent=1).encode()}


def words(run: Run) -> list[str]:
    """The words of a run with its folder in them; raises CatalogueError where its file is damaged."""
    with mapped(lambda _: CatalogueError(f"{ASKED} of {run.id} is damaged: begin another classification.")):
        told = json.loads((run.path / ASKED).read_bytes())["words"]
        if not all(isinstance(word, str) for word in told):
            raise ValueError("no words")
    return [f"{run.path}{word.removeprefix(HERE)}" if word.startswith(f"{HERE}/") else word for word in told] + [
        "--out",
        str(folder(run)),
    ]


def command_line(run: Run) -> str:
    """The same as one command to copy."""
    return shlex.join(["python", "-m", "vlass_explorer", "classify", *words(run)])
