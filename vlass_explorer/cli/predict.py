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

from .. import checkpoints, devices
from ..schema import Checkpoint, Cutout, ExplorerError, Prediction
from . import inputs
from .terminal import FAILED, complain, progress, say, shown

if TYPE_CHECKING:
    from ..predict import Matched
    from .table import Table


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("predict", help="classify cutouts", description=__doc__)
    inputs.add_options(command)
    command.add_argument("--match", action="store_true", help=inputs.MATCH + ", beside the answer as it is")
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
    card = checkpoints.find(args.checkpoint)
    entries = inputs.expand_each(args.files)
    table = _table(args, entries, card)
    places = [place for place, (_, reason) in enumerate(entries) if not reason]
    failed = len(places) < len(entries)
    if not places:
        return _finish(args, table, failed)
    # Here and not above: --help and wrong names are answered without torch.
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

    write = _writer(args, card)
    how = {"batch_size": max(1, args.batch_size), "device": device}
    both: Iterator[tuple[Cutout, predict.Outcome, predict.Matched | None]]
    if args.match:
        both = predict.predict_both(model, card, readable(), **how)
    else:
        both = ((*answer, None) for answer in predict.predict_each(model, card, readable(), **how))
    for cutout, outcome, matched in both:
        place = waiting.popleft()
        file = entries[place][0]
        if table is not None:
            table.add(place, cutout, outcome, matched)
        if isinstance(outcome, ExplorerError):
            complain(str(outcome), file)
            failed = True
        else:
            write(file, cutout, outcome, matched)
    return _finish(args, table, failed)


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


def record(
    file: str, card: Checkpoint, cutout: Cutout, prediction: Prediction, matched: Matched | None = None
) -> dict[str, Any]:
    """A prediction as JSON values; ``file`` is exactly what was given."""
    values = {"file": file, "checkpoint": card.name, **_answer(cutout, prediction)}
    if matched is not None:
        values["matched"] = _matched(matched, prediction)
    return values


def _answer(cutout: Cutout, prediction: Prediction) -> dict[str, Any]:
    scores = map(float, prediction.probabilities)
    return {
        "label": prediction.label,
        "probabilities": dict(zip(prediction.label_names, scores, strict=True)),
        "validity": prediction.validity.level,
        "reasons": list(prediction.validity.reasons),
        "notes": list(cutout.notes),
        "more_notes": list(cutout.more_notes),
    }


def _matched(matched: Matched, native: Prediction) -> dict[str, Any]:
    """The answer at the beam of training, with the beam (arcsec, degrees), pixels and noise it was asked at."""
    if matched.cutout is None or isinstance(matched.outcome, ExplorerError):
        return {"error": str(matched.outcome)}
    cutout = matched.cutout
    return {
        "label_changes": matched.changes(native),
        **_answer(cutout, matched.outcome),
        "beam_arcsec": None if cutout.beam is None else [cutout.beam.major, cutout.beam.minor],
        "beam_pa": None if cutout.beam is None else cutout.beam.pa,
        "pixel_scale_arcsec": cutout.pixel_scale,
        "rms": None if cutout.noise is None else cutout.noise.rms,
        "unit": cutout.unit,
    }


def _writer(args: argparse.Namespace, card: Checkpoint) -> Callable[[str, Cutout, Prediction, Matched | None], None]:
    if args.csv:
        columns = ["file", "checkpoint", "label", "validity", "reasons", "notes"]
        names = [*columns, *(f"probability {label}" for label in card.label_names)]
        say(_csv_line([*names, *(["matched label", "matched score", "not matched"] if args.match else [])]))

    def write(file: str, cutout: Cutout, prediction: Prediction, matched: Matched | None) -> None:
        values = record(file, card, cutout, prediction, matched)
        other = values.get("matched", {})
        if args.json:
            say(json.dumps(values))
        elif args.csv:
            joined = [" | ".join(values[key]) for key in ("reasons", "notes")]
            scores = [f"{score:.6f}" for score in values["probabilities"].values()]
            more = [other.get("label", ""), f"{_score(other):.6f}" if "label" in other else "", other.get("error", "")]
            say(_csv_line([*(values[key] for key in columns[:4]), *joined, *scores, *(more if args.match else [])]))
        elif args.out is None:
            say(shown(f"{file}  {_line(values)}"))
            if "error" in other:
                say(shown(f"{file}  not matched: {other['error']}"))
            elif other:
                same = "another label" if other["label_changes"] else "the same label"
                say(shown(f"{file}  matched, {same}: {_line(other)}"))

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
