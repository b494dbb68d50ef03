"""``predict``: the label, the softmax scores and the validity of each file.

With --out also position, noise, flux, sizes and origin, as a table with one row an input.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import checkpoints, devices, importing
from ..checkpoints import tasks
from ..schema import Checkpoint, Cutout, ExplorerError, Prediction
from . import inputs
from .record import record
from .terminal import FAILED, complain, progress, say, shown

if TYPE_CHECKING:
    from torch import nn

    from ..calibration import Sure
    from ..flips import Flips
    from ..predict import Matched, Outcome
    from .table import Table

    Writer = Callable[[str, Cutout, Prediction, Matched | None, Flips | ExplorerError | None, Sure | None], None]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("predict", help="classify cutouts", description=__doc__)
    inputs.add_options(command)
    command.add_argument("--match", action="store_true", help=inputs.MATCH + ", beside the answer as it is")
    command.add_argument(
        "--flip",
        action="store_true",
        help="how much noise, smoothing, shift or rotation changes the label: some 280 more looks a file",
    )
    command.add_argument(
        "--how-sure",
        action="store_true",
        help="calibrated probability, prediction set, distance from the training data, the eight flips and turns",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise of --flip")
    command.add_argument("--batch-size", type=int, default=32, metavar="N", help="cutouts a forward pass")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON Lines, one object a file")
    form.add_argument("--csv", action="store_true", help="CSV, one column a label")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="table with measurements: .parquet, .csv, .vot (VOTable) or .fits"
    )
    command.add_argument(
        "--local-background", action="store_true", help="subtract the sky around each source from its flux in --out"
    )
    command.add_argument("--overwrite", action="store_true", help="replace the file of --out if it exists")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one record a readable file, in order; with --out write a row for each input."""
    card = tasks.require(checkpoints.find(args.checkpoint), "classification")
    entries = inputs.expand_each(args.files)
    table = _table(args, entries, card)
    places = [place for place, (_, reason) in enumerate(entries) if not reason]
    failed = len(places) < len(entries)
    if not places:
        return _finish(args, table, failed)
    # Here and not above: --help and wrong names are answered without torch.
    with importing.quickly():
        from .. import predict

        device = devices.resolve(args.device)
        model = checkpoints.load(card, device)
    waiting: deque[int] = deque()

    def readable() -> Iterator[Cutout]:
        nonlocal failed
        files = progress([entries[place][0] for place in places], len(places))
        for place, file in zip(places, files, strict=True):
            try:
                cutout = inputs.opened(file, args)
            except ExplorerError as error:
                complain(str(error), file)
                failed = True
                if table is not None:
                    table.fail(place, file, error)
                continue
            waiting.append(place)
            yield cutout

    write, ask = _writer(args, card), _asking(args, model, card, device)
    how = {"batch_size": max(1, args.batch_size), "device": device}
    both: Iterator[tuple[Cutout, predict.Outcome, predict.Matched | None]]
    if args.match:
        both = predict.predict_both(model, card, readable(), **how)
    else:
        both = ((*answer, None) for answer in predict.predict_each(model, card, readable(), **how))
    for cutout, outcome, matched in both:
        place = waiting.popleft()
        file = entries[place][0]
        turned = _flips(args, model, card, cutout, outcome, device) if args.flip else None
        how_sure = None if isinstance(outcome, ExplorerError) else ask(cutout, outcome, matched)
        if table is not None:
            table.add(place, cutout, outcome, matched, turned, how_sure)
        if isinstance(outcome, ExplorerError):
            complain(str(outcome), file)
            failed = True
        else:
            write(file, cutout, outcome, matched, turned, how_sure)
    return _finish(args, table, failed)


def _asking(
    args: argparse.Namespace, model: nn.Module, card: Checkpoint, device: str
) -> Callable[[Cutout, Prediction, Matched | None], Sure | None]:
    """How sure an answer is; None where not asked."""
    if not args.how_sure:
        return lambda cutout, prediction, matched: None
    from .. import calibration

    return calibration.asking(model, card, device=device)


def _flips(
    args: argparse.Namespace, model: nn.Module, card: Checkpoint, cutout: Cutout, outcome: Outcome, device: str
) -> Flips | ExplorerError:
    """When the label flips, or why that is not known."""
    from .. import flips

    if isinstance(outcome, ExplorerError):
        return outcome
    try:
        return flips.measure(model, card, cutout, seed=args.seed, batch_size=max(1, args.batch_size), device=device)
    except ExplorerError as error:
        return error


def _table(args: argparse.Namespace, entries: list[tuple[str, str]], card: Checkpoint) -> Table | None:
    """The table of --out, not yet written; None without one."""
    if args.out is None:
        return None
    from .table import Table

    return Table(
        args.out,
        entries,
        card,
        args.position,
        overwrite=args.overwrite,
        local_background=args.local_background,
    )


def _finish(args: argparse.Namespace, table: Table | None, failed: bool) -> int:
    """Write the table if there is one, and return the exit code; JSON and CSV on standard output stay alone there."""
    if table is not None:
        line = table.write()
        complain(line) if args.json or args.csv else say(shown(line))
    return FAILED if failed else 0


def _writer(args: argparse.Namespace, card: Checkpoint) -> Writer:
    if args.csv:
        columns = ["file", "checkpoint", "label", "validity", "reasons", "notes"]
        names = [*columns, *(f"probability {label}" for label in card.label_names)]
        names += ["matched label", "matched score", "not matched", "in beams label"] if args.match else []
        names += ["flips"] if args.flip else []
        say(_csv_line([*names, *(["how sure"] if args.how_sure else [])]))

    def write(
        file: str,
        cutout: Cutout,
        prediction: Prediction,
        matched: Matched | None,
        flips: Flips | ExplorerError | None,
        sure: Sure | None,
    ) -> None:
        values = record(file, card, cutout, prediction, matched, flips, sure)
        turned = () if flips is None else (str(flips),) if isinstance(flips, ExplorerError) else flips.sentences
        other = values.get("matched", {})
        if args.json:
            say(json.dumps(values))
        elif args.csv:
            joined = [" | ".join(values[key]) for key in ("reasons", "notes")]
            scores = [f"{score:.6f}" for score in values["probabilities"].values()]
            more = [other.get("label", ""), f"{_score(other):.6f}" if "label" in other else "", other.get("error", "")]
            more.append(other.get("in_beams", {}).get("label", ""))
            last = [*(more if args.match else []), *([" | ".join(turned)] if args.flip else [])]
            last += [] if sure is None else [" | ".join(sure.sentences)]
            say(_csv_line([*(values[key] for key in columns[:4]), *joined, *scores, *last]))
        elif args.out is None:
            say(shown(f"{file}  {_line(values)}"))
            if "error" in other:
                say(shown(f"{file}  not matched: {other['error']}"))
            elif other:
                same = "another label" if other["label_changes"] else "the same label"
                say(shown(f"{file}  matched, {same}: {_line(other)}"))
                beams = other["in_beams"]
                said = beams.get("error") or f"{beams['label']}  softmax score {_score(beams):.3f}. {beams['meaning']}"
                say(shown(f"{file}  at the same scale in beams: {said}"))
            for sentence in (*turned, *(() if sure is None else sure.sentences)):
                say(shown(f"{file}  {sentence}"))

    return write


def _score(values: dict[str, Any]) -> float:
    return float(max(values["probabilities"].values()))


def _line(values: dict[str, Any]) -> str:
    why = f": {' '.join(values['reasons'])}" if values["reasons"] else ""
    return f"{values['label']}  softmax score {_score(values):.3f}  {values['validity']}{why}"


def _csv_line(values: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
