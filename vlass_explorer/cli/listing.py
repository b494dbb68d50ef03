"""``checkpoints``: what is on the shelf."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from .. import checkpoints
from ..schema import Checkpoint
from .terminal import FAILED, complain, say, shown


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("checkpoints", help="list the trained models", description=__doc__)
    command.add_argument("--json", action="store_true", help="one object a checkpoint, in a JSON array")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print all checkpoints; broken folders are told on standard error."""
    cards = checkpoints.listing()
    if args.json:
        say(json.dumps([record(card) for card in cards], indent=1))
    else:
        for card in cards:
            say(shown(_line(card)))
    broken = checkpoints.problems()
    for sentence in broken.values():
        complain(sentence)
    if not cards and not broken:
        complain(f"There are no checkpoints in {str(checkpoints.folder())!r}; train one, or copy a folder there.")
    return FAILED if broken or not cards else 0


def record(card: Checkpoint) -> dict[str, Any]:
    """A checkpoint as JSON values."""
    return {
        "name": card.name,
        "architecture": card.architecture,
        "task": card.task,
        "label_names": list(card.label_names),
        "parameters": card.parameters,
        "input_spec": asdict(card.input_spec),
        "metrics": card.reports.table,
        "data": card.provenance.data,
        "licence": card.provenance.licence,
    }


def _line(card: Checkpoint) -> str:
    spec = card.input_spec
    trained = "simulated data" if card.provenance.simulated else spec.survey or "unknown data"
    size = f"{card.parameters / 1e6:.2f} M"
    return f"{card.name:24} {card.architecture:28} {size:>9}  {trained:16} {', '.join(card.label_names)}"
