"""The folder of checkpoints: where it is, what lies in it, and what is wrong with the rest."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from ..schema import Checkpoint, CheckpointError
from .config import check_head, read_config, read_header, to_card

ENVIRONMENT = "VLASS_EXPLORER_CHECKPOINTS"


SUCCESSORS = {"first-vit-tiny": "first-d4-vit", "first-conv-vit": "first-d4-vit"}
"""Checkpoints that were shipped once -> what took their place."""


def folder() -> Path:
    """The folder that holds all checkpoints: $VLASS_EXPLORER_CHECKPOINTS, or checkpoints/ of this checkout."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named).expanduser() if named else Path(__file__).resolve().parents[2] / "checkpoints"


def check_name(name: str) -> str:
    """The name itself where it can name a checkpoint: letters, digits, dot, dash, underscore, no dot in front.

    Raises CheckpointError otherwise, so that no name ever leaves the folder of checkpoints.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", name) or ".." in name:
        raise CheckpointError(
            f"{name!r} cannot name a checkpoint; use up to 100 letters, digits, dots, dashes and underscores."
        )
    return name


def read(path: Path | str) -> Checkpoint:
    """The card of one checkpoint folder, checked against the header of its weights.

    Raises CheckpointError in one sentence for anything missing or contradictory; the weights are not read.
    """
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(f"There is no checkpoint folder {str(path)!r}.")
    check_name(path.name)
    config = read_config(path)
    card = to_card(config, path)
    check_head(config, read_header(path), path.name)
    return card


def _survey(root: Path | None) -> tuple[list[Checkpoint], dict[str, str]]:
    root = folder() if root is None else root
    cards: list[Checkpoint] = []
    wrong: dict[str, str] = {}
    if not root.is_dir():
        return cards, wrong
    for path in sorted(root.iterdir()):
        # A leading dot marks a folder that is still being written.
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            cards.append(read(path))
        except CheckpointError as error:
            wrong[path.name] = str(error)
    return cards, wrong


def listing(root: Path | None = None) -> list[Checkpoint]:
    """All readable checkpoints by name; broken folders are left out, see ``problems``."""
    return _survey(root)[0]


def problems(root: Path | None = None) -> dict[str, str]:
    """Folders that ``listing`` leaves out, each with the sentence that says why."""
    return _survey(root)[1]


def find(name: str, root: Path | None = None) -> Checkpoint:
    """The checkpoint of that name.

    Raises CheckpointError for an impossible name, an unknown one (with the nearest names, or that which took its place)
    or a broken folder.
    """
    root = folder() if root is None else root
    path = root / check_name(name)
    if path.is_dir():
        return read(path)
    names = [card.name for card in listing(root)]
    if (successor := SUCCESSORS.get(name)) in names:
        raise CheckpointError(f"{name} is no longer shipped: {successor} took its place and is better; choose that one.")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:5]
    hint = f"the nearest are {', '.join(near)}" if near else f"{str(root)!r} holds none"
    raise CheckpointError(f"There is no checkpoint {name!r}; {hint}.")
