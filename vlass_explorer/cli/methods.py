"""``methods``: what can explain a checkpoint, and why the rest cannot."""

from __future__ import annotations

import argparse
import inspect
import json
import typing
from typing import Any

from .. import checkpoints
from .terminal import say, shown


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("methods", help="list what can explain a checkpoint", description=__doc__)
    command.add_argument("checkpoint", metavar="CHECKPOINT", help="see the command checkpoints")
    command.add_argument("--json", action="store_true", help="one object a method, in a JSON array")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every method of the shelf: its options where it applies, the reason where it does not."""
    card = checkpoints.find(args.checkpoint)
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

    texts = explainers.option_help(name)
    return {
        key: {"default": parameter.default, "type": _type_name(parameter.annotation), "help": texts.get(key, "")}
        for key, parameter in explainers.options(name).items()
    }


def _type_name(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(map(repr, typing.get_args(kind)))
    return inspect.formatannotation(kind)


def _line(record: dict[str, Any]) -> str:
    if not record["supported"]:
        return f"- {record['name']:22} {record['reason']}"
    options = " ".join(f"{key}={option['default']}" for key, option in record["options"].items())
    return f"+ {record['name']:22} {record['title']}{'  ' + options if options else ''}"
