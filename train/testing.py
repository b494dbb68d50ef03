"""``test``: the report of a checkpoint on one part of a data set, printed and, if asked, written on its card."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from vlass_explorer import checkpoints, devices
from vlass_explorer.checkpoints.config import plain
from vlass_explorer.datasets.items import unreadable
from vlass_explorer.evaluation import (
    EvaluationResult,
    evaluate,
    evaluate_masks,
    leaderboard,
    masks,
    parts,
    report_table,
)
from vlass_explorer.schema import Checkpoint, ConfigError, Report, Reports

from .cards import find_checkpoint

KEPT = ("count", "accuracy", "macro_f1", "macro_f1_interval", "macro_auroc", "loss", "ece", "brier", "seen")


def run(options: argparse.Namespace) -> int:
    """Evaluate and tell."""
    card = find_checkpoint(options.checkpoint)
    where = {"data_dir": options.data_dir, "dataset": options.dataset, "split": options.split, "fold": options.fold}
    part = parts.select(card, parts.config_of(card, **where), options.part or "", apart=options.apart)
    device = devices.resolve(options.device)
    if card.task == "segmentation":
        return _masks(options, card, part, device)
    result = evaluate(checkpoints.load(card, device), card, part, device=device, tta=options.tta)
    if result.unreadable:
        print(unreadable(list(result.unreadable.values())), file=sys.stderr)
    if options.keep:
        figures = asdict(result.report)
        kept = {options.keep: {key: figures[key] for key in KEPT}}
        checkpoints.update(card, reports=Reports({**card.reports.table, **kept}))
    write(options, result.report, f"{card.name} on {part} of {part.data_set.title}")
    if options.json:
        print(json.dumps(values(card, part, result, options)))
    else:
        print("\n".join(lines(card, part, result.report, tta=options.tta)))
    return 0


def _masks(options: argparse.Namespace, card: Checkpoint, part: parts.Part, device: str) -> int:
    """Evaluate the classes of pixels and tell; ConfigError for what only scores of whole images have."""
    given = {"--csv": options.csv, "--latex": options.latex}
    if unfit := [name for name, value in given.items() if value]:
        raise ConfigError(f"{unfit[0]} is for classification: leave it out for {card.name}, or take --json.")
    result = evaluate_masks(checkpoints.load(card, device), card, part, device=device, tta=options.tta)
    if result.unreadable:
        print(unreadable(list(result.unreadable.values())), file=sys.stderr)
    figures = asdict(result.report)
    if options.keep:
        kept = {key: value for key, value in figures.items() if key not in ("worst", "confusion")}
        checkpoints.update(card, reports=Reports({**card.reports.table, options.keep: kept}))
    if options.json:
        left_out = {"apart": options.apart, "tta": options.tta, "unreadable": dict(result.unreadable)}
        print(json.dumps({"checkpoint": card.name, "part": part.name, **plain({**figures, **left_out})}))
        return 0
    views = ", eight views an image" if options.tta else ""
    print(f"{card.name} on {part}, {result.report.count} images, {result.report.pixels:,} labelled pixels{views}")
    print("\n".join([*([result.report.seen.sentence] if result.report.seen else []), *masks.lines(result.report)]))
    return 0


def write(options: argparse.Namespace, report: Report, where: str) -> None:
    """The table of classes as the files that were asked for; ConfigError where one cannot be written."""
    frame, caption = report_table.table(report), report_table.caption(report, where)
    texts = (leaderboard.to_csv(frame), leaderboard.to_latex(frame, caption))
    for file, text in zip((options.csv, options.latex), texts, strict=True):
        if file is not None:
            try:
                file.write_text(text, encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"{file} cannot be written ({error.strerror}); name another file.") from error


def values(
    card: Checkpoint, part: parts.Part, result: EvaluationResult, options: argparse.Namespace
) -> dict[str, object]:
    """All of it as plain values."""
    assert part.config is not None
    place = {"split": part.config.split, "fold": part.config.fold, "part": part.name}
    way = {"apart": options.apart, "tta": options.tta}
    rest = {"absent": result.report.absent, "unreadable": dict(result.unreadable)}
    return {"checkpoint": card.name, **place, **way, **asdict(result.report), **rest}


def lines(card: Checkpoint, part: parts.Part, report: Report, *, tta: bool) -> list[str]:
    """The report as text."""
    low, high = report.macro_f1_interval
    views = "eight views a cutout" if tta else "one forward pass"
    told = [
        f"{card.name} on {part}, {report.count} cutouts, {views}",
        *([report.seen.sentence] if report.seen else []),
        f"macro F1  {report.macro_f1:.4f}  (95 % bootstrap {low:.4f} to {high:.4f})",
        f"accuracy  {report.accuracy:.4f}   macro AUROC {report.macro_auroc:.4f}   loss {report.loss:.4f}",
        f"ECE       {report.ece:.4f}   Brier {report.brier:.4f}",
    ]
    if report.absent:
        told.append(f"macro F1 leaves out {', '.join(report.absent)}: absent from labels and predictions")
    for name, numbers in report.per_class.items():
        shown = "  ".join(f"{key} {value:.3f}" for key, value in numbers.items())
        told.append(f"{name:>16}  {'absent' if name in report.absent else shown}")
    told.append("confusion (rows true, columns predicted)")
    for name, row in zip(report.label_names, report.confusion, strict=True):
        told.append(f"{name:>16}  " + " ".join(f"{count:5d}" for count in row))
    return told
