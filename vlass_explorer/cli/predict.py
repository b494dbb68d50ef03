"""``predict``: the label, the softmax scores and the validity of each file."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .. import checkpoints
from ..schema import Checkpoint, Cutout, ExplorerError, Prediction
from . import inputs
from .terminal import FAILED, complain, progress, say, shown


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("predict", help="classify cutouts", description=__doc__)
    inputs.add_options(command)
    command.add_argument("--batch-size", type=int, default=32, metavar="N", help="cutouts a forward pass")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON Lines, one object a file")
    form.add_argument("--csv", action="store_true", help="CSV, one column a label")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one record a readable file, in order."""
    card = checkpoints.find(args.checkpoint)
    files, complete = inputs.expand(args.files)
    if not files:
        return FAILED
    # Here and not above: --help and wrong names are answered without torch.
    from .. import cutouts, predict

    device = inputs.pick_device(args.device)
    model = checkpoints.load(card, device)
    names: deque[str] = deque()
    failed = not complete

    def readable() -> Iterator[Cutout]:
        nonlocal failed
        for file in progress(files, len(files)):
            try:
                cutout = cutouts.read(Path(file), **inputs.reading(args))
            except ExplorerError as error:
                complain(str(error), file)
                failed = True
                continue
            names.append(file)
            yield cutout

    write = _writer(args, card)
    outcomes = predict.predict_each(model, card, readable(), batch_size=max(1, args.batch_size), device=device)
    for cutout, outcome in outcomes:
        file = names.popleft()
        if isinstance(outcome, ExplorerError):
            complain(str(outcome), file)
            failed = True
        else:
            write(file, cutout, outcome)
    return FAILED if failed else 0


def record(file: str, card: Checkpoint, cutout: Cutout, prediction: Prediction) -> dict[str, Any]:
    """A prediction as JSON values; ``file`` is exactly what was given."""
    scores = map(float, prediction.probabilities)
    return {
        "file": file,
        "checkpoint": card.name,
        "label": prediction.label,
        "probabilities": dict(zip(prediction.label_names, scores, strict=True)),
        "validity": prediction.validity.level,
        "reasons": list(prediction.validity.reasons),
        "notes": list(cutout.notes),
    }


def _writer(args: argparse.Namespace, card: Checkpoint) -> Callable[[str, Cutout, Prediction], None]:
    if args.csv:
        columns = ["file", "checkpoint", "label", "validity", "reasons", "notes"]
        say(_csv_line([*columns, *(f"probability {label}" for label in card.label_names)]))

    def write(file: str, cutout: Cutout, prediction: Prediction) -> None:
        values = record(file, card, cutout, prediction)
        if args.json:
            say(json.dumps(values))
        elif args.csv:
            joined = [" | ".join(values[key]) for key in ("reasons", "notes")]
            scores = [f"{score:.6f}" for score in values["probabilities"].values()]
            say(_csv_line([*(values[key] for key in columns[:4]), *joined, *scores]))
        else:
            score = max(values["probabilities"].values())
            why = f": {' '.join(values['reasons'])}" if values["reasons"] else ""
            say(shown(f"{file}  {values['label']}  softmax score {score:.3f}  {values['validity']}{why}"))

    return write


def _csv_line(values: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
