"""``explain``: where a model looked, as PNG, FITS on the sky, DS9 regions and a JSON manifest for each file."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import checkpoints, devices
from ..checkpoints import tasks
from ..schema import Checkpoint, Cutout, ExplorerError, InputError, UnsupportedError
from . import inputs
from .options import parse_options, parse_query
from .terminal import FAILED, complain, progress, say, shown

if TYPE_CHECKING:
    from torch import nn


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("explain", help="show where a model looked", description=__doc__)
    inputs.add_options(command)
    command.add_argument("--method", required=True, help="an explainer, as attention_rollout")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the files")
    command.add_argument("--target", metavar="LABEL", help="label to explain (the predicted one)")
    command.add_argument("--against", metavar="LABEL", help="explain the difference to this label")
    command.add_argument("--layer", metavar="N", help="layer, for methods that have one (-1 is the last)")
    command.add_argument("--head", metavar="N", help="attention head, counted from 0, for methods that have one")
    command.add_argument(
        "--query-patch", metavar="N|ROW,COLUMN", help="patch where attention starts, row 0 at the bottom"
    )
    command.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="option of the method, may be repeated"
    )
    command.add_argument("--match", action="store_true", help=inputs.MATCH + " before anything else")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write four files a cutout and print their paths."""
    card = checkpoints.find(args.checkpoint)
    for label in filter(None, (args.target, args.against)):
        if label not in card.label_names:
            raise InputError(f"{card.name} has no label {label!r}; it has {', '.join(card.label_names)}.")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"{args.out} is a file, and --out needs a folder: name another.")
    files, complete = inputs.expand(args.files)
    if not files:
        return FAILED
    from .. import explainers, export, match

    pairs = [f"{key}={value}" for key in ("layer", "head") if (value := getattr(args, key)) is not None]
    explainer, options = parse_options(args.method, args.option + pairs)
    if not getattr(explainer, "OF_PIXELS", False):
        tasks.require(card, "classification")
    device = devices.resolve(args.device)
    model = checkpoints.load(card, device)
    supported, reason = explainers.supports(args.method, model, card.task)
    if not supported:
        raise UnsupportedError(f"{args.method} cannot explain {card.name}: {reason}")
    if args.query_patch is not None:
        options |= parse_query(args.method, args.query_patch, model, card.input_spec.img_size)
    failed = not complete
    taken: set[str] = set()
    for file in progress(files, len(files)):
        try:
            cutout = inputs.opened(file, args)
            if args.match:
                cutout = match.to_training(cutout, card.input_spec)
            made = _explain(explainer, model, card, cutout, args, options, device)
            paths = export.write(args.out, export.unique_stem(cutout.name, taken), *made)
        except ExplorerError as error:
            complain(str(error), file)
            failed = True
            continue
        for path in paths:
            say(shown(str(path)))
    return FAILED if failed else 0


def _explain(
    explainer: ModuleType,
    model: nn.Module,
    card: Checkpoint,
    cutout: Cutout,
    args: argparse.Namespace,
    options: dict[str, Any],
    device: str,
) -> tuple[Any, Cutout, Any]:
    """Explanation, cutout and provenance, as ``export.write`` takes them."""
    from .. import attribution, explainers, export, predict, preprocess

    prediction = None if card.task == "segmentation" else predict.predict(model, card, [cutout], device=device)[0]
    label = args.target or (card.label_names[0] if prediction is None else prediction.label)
    x = preprocess.to_tensor(cutout, card.input_spec).to(device)
    if args.against is not None:
        if args.against == label:
            raise InputError(f"{label} cannot be compared with itself; name another label after --against.")
        model = attribution.contrast(model, card.label_names.index(args.against))
    explanation = explainer.explain(model, x, card.label_names.index(label), **options)
    explanation = explainers.caption_zero_maps(args.method, explanation)
    return explanation, cutout, export.Provenance(card, args.method, label, options, prediction, args.against)
