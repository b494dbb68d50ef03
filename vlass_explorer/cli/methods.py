"""``methods``: what can explain a checkpoint, and why the rest cannot; ``--verify``: are its attention maps right."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from .. import checkpoints
from ..checkpoints import tasks
from ..schema import ConfigError
from . import verify
from .terminal import say, shown

if TYPE_CHECKING:
    from ..options import Option


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("methods", help="list what can explain a checkpoint", description=__doc__)
    command.add_argument("checkpoint", metavar="CHECKPOINT", help="see the command checkpoints")
    command.add_argument(
        "--verify", action="store_true", help="test where attention is drawn, layer by layer; NAME may be of timm"
    )
    command.add_argument(
        "--img-size", nargs=2, type=int, metavar=("H", "W"), help="pixels to verify at (its own where it is not given)"
    )
    command.add_argument("--json", action="store_true", help="one object a method, in a JSON array")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every method of the shelf: its options where it applies, the reason where it does not."""
    if args.verify:
        return verify.run(args)
    if args.img_size:
        raise ConfigError("A size of the input goes with --verify.")
    card = tasks.require(checkpoints.find(args.checkpoint), "classification")
    from .. import explainers

    model = checkpoints.load(card)
    records = []
    for name, explainer in explainers.EXPLAINERS.items():
        supported, reason = explainer.supports(model)
        records.append(
            {
                "name": name,
                "title": explainer.TITLE,
                "supported": supported,
                "reason": reason,
                "options": _options(name),
            }
        )
    if args.json:
        say(json.dumps(records, indent=1))
    else:
        for record in records:
            say(shown(_line(record)))
    return 0


def _options(name: str) -> dict[str, dict[str, Any]]:
    """Default, type and help of each option of a method, as JSON values."""
    from .. import explainers

    return {
        option.name: {"default": option.default, "type": _type_name(option), "help": option.help}
        for option in explainers.options(name).values()
    }


def _type_name(option: Option) -> str:
    """The kind as it stands in a signature."""
    name = " | ".join(map(repr, option.choices)) or option.kind.__name__
    return f"{name} | None" if option.is_optional else name


def _line(record: dict[str, Any]) -> str:
    if not record["supported"]:
        return f"- {record['name']:22} {record['reason']}"
    options = " ".join(f"{key}={option['default']}" for key, option in record["options"].items())
    return f"+ {record['name']:22} {record['title']}{'  ' + options if options else ''}"
