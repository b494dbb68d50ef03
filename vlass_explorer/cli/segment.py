"""``segment``: a class for each pixel, the components with their fluxes, and files of both for each cutout."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import checkpoints, cutouts, devices
from ..checkpoints import tasks
from ..schema import ExplorerError, InputError
from . import inputs
from .terminal import FAILED, complain, progress, say, shown

if TYPE_CHECKING:
    from torch import nn

    from ..schema import Checkpoint, Cutout
    from ..segmentation import Fluxes

TABLES = (".csv", ".vot", ".parquet", ".fits")
MANY_TILES, MOST_TILES = 1000, 20_000
"""Of one image: from how many on their time is told before they begin, and how many are made unless asked for more."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("segment", help="label pixels, and measure the components", description=__doc__)
    inputs.add_options(command)
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the files")
    command.add_argument("--table", choices=TABLES, default=".csv", help="format of the table of components")
    command.add_argument(
        "--join", action="append", default=[], type=_numbers, metavar="N,N", help="take components together; repeatable"
    )
    command.add_argument(
        "--leave-out", type=_numbers, metavar="N,N", help="components that are part of no sum (default: artefacts)"
    )
    command.add_argument(
        "--fields", type=int, default=1, metavar="N", help="a tile shows N by N fields of view at once (default: 1)"
    )
    command.add_argument(
        "--tta", action="store_true", help="mean over eight rotations and mirror images (eight times the time)"
    )
    command.add_argument(
        "--most-tiles",
        type=int,
        default=MOST_TILES,
        metavar="N",
        help="refuse images that take more (default: %(default)s)",
    )
    command.add_argument("--json", action="store_true", help="print components and sums, one object a file and line")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write masks, outlines and a table for each cutout, and print a line for each component."""
    card = tasks.require(checkpoints.find(args.checkpoint), "segmentation")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"{args.out} is a file, and --out needs a folder: name another.")
    files, complete = inputs.expand(args.files)
    if not files:
        return FAILED
    if len(files) > 1 and (args.join or args.leave_out):
        raise InputError("--join and --leave-out name components of one file: give one file.")
    # Here and not above: --help and wrong names are answered without torch.
    from .. import export, segmentation, validity
    from ..export import segmented

    device = devices.resolve(args.device)
    model = checkpoints.load(card, device)
    model = segmentation.EightViews(model) if args.tta else model
    failed = not complete
    taken: set[str] = set()
    for file in progress(files, len(files)):
        try:
            cutout = inputs.opened(file, args, most_pixels=cutouts.MOSAIC_PIXELS)
            _foretell(file, cutout, card, model, device, args)
            found = segmentation.segment(
                model, card.input_spec, card.label_names, cutout, device=device, fields=args.fields
            )
            pieces = segmentation.decided(segmentation.find(cutout, found), joined=args.join, left_out=args.leave_out)
            measured = segmentation.fluxes(cutout, pieces)
            stem = export.unique_stem(cutout.name, taken)
            contents: dict[str, bytes | Callable[[BinaryIO], None]] = {
                f"{stem}.classes.fits": partial(
                    segmented.write_mask, cutout=cutout, found=found, pieces=pieces, card=card
                ),
                f"{stem}.components.reg": segmented.regions_bytes(cutout, pieces),
                f"{stem}.components.crtf": segmented.regions_bytes(cutout, pieces, crtf=True),
                f"{stem}.components{args.table}": segmented.table_bytes(cutout, measured, args.table),
            }
            args.out.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                export.replace_file(args.out / name, content)
        except ExplorerError as error:
            complain(str(error), file)
            failed = True
            continue
        verdict = validity.check(cutout, card.input_spec)
        if args.json:
            say(
                json.dumps({**record(file, card.name, measured), "validity": verdict.level, "reasons": verdict.reasons})
            )
            continue
        say(shown(f"{file}: {verdict.level}{''.join(f' {reason}' for reason in verdict.reasons[:1])}"))
        for line in lines(measured):
            say(shown(f"  {line}"))
        for name in contents:
            say(shown(str(args.out / name)))
    return FAILED if failed else 0


def _foretell(
    file: str, cutout: Cutout, card: Checkpoint, model: nn.Module, device: str, args: argparse.Namespace
) -> None:
    """Say on standard error how many tiles an image takes and for how long; InputError for more than asked for."""
    from .. import segmentation

    tiles = segmentation.plan(cutout, card.input_spec, args.fields).tiles
    if tiles < MANY_TILES and tiles <= args.most_tiles:
        return
    seconds = tiles * segmentation.pace(model, card.input_spec, device=device, fields=args.fields)
    told = f"{tiles:,} tiles, about {seconds / 60:.0f} minutes on {device}" if seconds >= 90 else f"{tiles:,} tiles"
    if tiles > args.most_tiles:
        raise InputError(f"This image takes {told}: raise --most-tiles, or cut out a part with --position and --size.")
    complain(f"{told}.", file)


def lines(measured: Fluxes) -> list[str]:
    """Components, remainder and total as text, fluxes in mJy with the error of the noise, then that of the class."""
    told = []
    for one in measured.components:
        flux = "" if one.flux is None else f"{1e3 * one.flux:9.3f} ± {1e3 * (one.flux_error or 0.0):.3f} mJy"
        flux += "" if one.class_error is None else f" ± {1e3 * one.class_error:.3f} (class)"
        share = "" if one.share is None else f"{one.share:6.1%}"
        area = f"{one.pixels} pixels" if one.beams is None else f"{one.beams:.1f} beams"
        out = "" if one.counts else "  left out"
        told.append(f"{one.number:3} {one.label:14} {area:>12} {flux} {share}{out}")
    for name, found in (("remainder", measured.remainder), ("total", measured.total)):
        if found is not None:
            told.append(f"    {name:14} {'':>12} {1e3 * found.flux:9.3f} ± {1e3 * found.flux_error:.3f} mJy")
    return [*told, *measured.off.values(), *measured.notes]


def record(file: str, checkpoint: str, measured: Fluxes) -> dict[str, Any]:
    """One file as JSON values; fluxes in Jy."""
    from dataclasses import asdict

    return {"file": file, "checkpoint": checkpoint, **asdict(measured)}


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError("components are whole numbers with commas, as 1,3") from error
