"""``calibrate``: fit a temperature and prediction sets to a checkpoint's scores of labelled cutouts it has not seen."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from vlass_explorer import calibration, checkpoints, devices
from vlass_explorer.calibration import Calibration, coverage_bounds
from vlass_explorer.checkpoints.config import plain
from vlass_explorer.checkpoints.tasks import require
from vlass_explorer.evaluation import Part, parts
from vlass_explorer.learning.data import Data
from vlass_explorer.schema import Checkpoint, ConfigError, ExplorerError, RunConfig, Seen

from .cards import find_checkpoint


def run(options: argparse.Namespace) -> int:
    """Fit, tell, and unless it is a dry run keep it with the checkpoint."""
    card = find_checkpoint(options.checkpoint)
    require(card, "classification")
    where = {"data_dir": options.data_dir, "dataset": options.dataset, "split": options.split, "fold": options.fold}
    part = parts.select(card, parts.config_of(card, **where), options.part, apart=options.apart)
    device = devices.resolve(options.device)
    view: calibration.View = "matched" if options.match else "as it is"
    if options.out_of_fold:
        if options.match or options.leave_out_seen:
            raise ConfigError("--out-of-fold goes with cutouts as they are, all of them: leave the other option out.")
        others = [find_checkpoint(str(path)) for path in _folders(options.out_of_fold)]
        answers, cutouts = calibration.out_of_fold(card, others, part, device=device)
    else:
        answers, cutouts = calibration.held_out(card, part, view=view, leave_out=options.leave_out_seen, device=device)
    found = calibration.calibrate(answers, coverage=options.coverage, method=options.method, bias=options.bias)
    if options.json:
        print(json.dumps(plain({"checkpoint": card.name, **found.table()})))
    else:
        print("\n".join(lines(card, found)))
    if not options.dry_run:
        kept = calibration.keep(card, found, Seen(calibrated=cutouts))
        print(f"kept in {kept.path / checkpoints.CALIBRATION}", file=sys.stderr)
    return 0


def after_fit(card: Checkpoint, config: RunConfig, data: Data, device: str) -> Checkpoint:
    """The checkpoint of a run, calibrated on what the run had set aside; a line of the log says what that reached.

    Where that allows no calibration, the line says why, and the checkpoint stays as it is.
    """
    part = Part(data.data_set, tuple(data.calibration_indices), "calibration", config)
    try:
        answers, cutouts = calibration.held_out(card, part, leave_out=True, device=device)
        found = calibration.calibrate(answers)
        kept = calibration.keep(card, found, Seen(calibrated=cutouts))
    except ExplorerError as error:
        print(f"not calibrated: {error}", flush=True)
        return card
    held, (low, high) = found.covered["all"], found.temperature.interval
    print(
        f"calibrated on {found.words}: temperature {found.temperature.temperature:.3f} ({low:.3f} to {high:.3f}); "
        f"error {found.before.equal_mass:.3f} before, {found.after.equal_mass:.3f} after; "
        f"sets of {found.sets.coverage:.0%} hold {held.hits} of {held.count}",
        flush=True,
    )
    return kept


def refer(options: argparse.Namespace) -> int:
    """Keep what the training cutouts look like to a checkpoint, and how unlike them held-out ones are."""
    card = find_checkpoint(options.checkpoint)
    require(card, "classification")
    config = parts.config_of(card, data_dir=options.data_dir, dataset=options.dataset)
    found = calibration.reference(card, parts.select(card, config, "all"), device=devices.resolve(options.device))
    checkpoints.keep_reference(card, calibration.to_tensors(found))
    held = len(found.held_out["neighbours"])
    print(f"{card.name}: {len(found.names):,} training cutouts, {held:,} held out, {found.features.shape[1]} features")
    return 0


def lines(card: Checkpoint, found: Calibration) -> list[str]:
    """A calibration as text: what was fitted, and what it reaches on cutouts not fitted to."""
    low, high = found.temperature.interval
    counts = ", ".join(f"{name} {count:,}" for name, count in zip(found.label_names, found.counts, strict=True))
    told = [
        f"{card.name} on {found.words}: {counts}",
        f"scores: {found.how}",
        f"temperature {found.temperature.temperature:.3f}  (95 % bootstrap {low:.3f} to {high:.3f})",
    ]
    if any(found.temperature.bias):
        biases = zip(found.label_names, found.temperature.bias, strict=True)
        told.append("bias " + ", ".join(f"{name} {value:+.3f}" for name, value in biases))
    told.append("fitted to four fifths, measured on the other fifth, five times:")
    for words, key in (("equal mass", "equal_mass"), ("equal width", "equal_width")):
        told.append(
            f"  ECE, {words:<11} {getattr(found.before, key):.4f} before, {getattr(found.after, key):.4f} after"
        )
    told.append(f"  (95 of 100 draws of calibrated scores stay below {found.after.null:.4f}, equal mass)")
    told += [
        f"  {key} {getattr(found.before, key):.4f} before, {getattr(found.after, key):.4f} after"
        for key in ("brier", "loss")
    ]
    told.append(f"sets of {found.sets.coverage:.0%} ({found.sets.method}), measured likewise:")
    wide = max(16, *map(len, found.shares))
    for name, one in found.shares.items():
        share = one.hits / one.count
        low, high = calibration.wilson(share, one.count)
        told.append(
            f"  {name:>{wide}}  holds {share:.3f} [{low:.3f} {high:.3f}] of {one.count:,}, {one.size:.2f} classes a set"
        )
    expected = coverage_bounds(math.floor(0.8 * found.count), found.sets.coverage, max(found.count // 5, 1))
    told.append(f"  (a fifth lies between {expected[0]:.3f} and {expected[1]:.3f} in 95 of 100 splits)")
    return told + [f"note: {note}" for note in found.notes]


def _folders(given: list[Path]) -> list[Path]:
    """Folders of checkpoints: those given, or all in the one folder given."""
    if len(given) == 1 and given[0].is_dir() and not (given[0] / checkpoints.CONFIG).is_file():
        found = sorted(path.parent for path in given[0].glob(f"[!.]*/{checkpoints.CONFIG}"))
        if not found:
            raise ConfigError(f"{given[0]} holds no checkpoints.")
        return found
    return given
