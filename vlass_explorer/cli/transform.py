"""``transform``: what the spatial transformer of a checkpoint makes of each cutout, in words and as a page of pairs."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from .. import checkpoints, devices
from ..schema import ExplorerError, InputError, UnsupportedError
from . import inputs
from .terminal import FAILED, complain, progress, say, shown


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser(
        "transform", help="cutouts before and after a spatial transformer", description=__doc__
    )
    inputs.add_options(command)
    command.add_argument("--out", required=True, type=Path, metavar="FILE.png", help="picture of all pairs")
    command.add_argument("--json", action="store_true", help="print shift, scale and turn, one object a file and line")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a line for each cutout and write one picture of them all."""
    card = checkpoints.find(args.checkpoint)
    if args.out.suffix.lower() != ".png":
        raise InputError(f"{args.out} is no name of a picture: end it in .png.")
    if args.out.is_dir():
        raise InputError(f"{args.out} is a folder: name a file in it.")
    files, complete = inputs.expand(args.files)
    if not files:
        return FAILED
    # Here and not above: --help and wrong names are answered without torch.
    from .. import export, preprocess, warp
    from ..figures import warps

    device = devices.resolve(args.device)
    model = checkpoints.load(card, device)
    try:
        warp.sampler(model)
    except UnsupportedError as error:
        raise UnsupportedError(f"{card.name}: {error}") from error
    failed, pairs, names = not complete, [], []
    for file in progress(files, len(files)):
        try:
            cutout = inputs.opened(file, args)
            x = preprocess.to_tensor(cutout, card.input_spec).to(device)
            window = preprocess.window(cutout, card.input_spec)
            matrix = warp.theta(model, x)[0]
            given, made = (each[0].float().mean(0).cpu().numpy() for each in (x, warp.made(model, x)))
        except ExplorerError as error:
            complain(str(error), file)
            failed = True
            continue
        pairs.append(warps.pair(given, made, warp.corners(matrix)))
        names.append(Path(file).name)
        if args.json:
            sky = warp.on_sky(matrix, cutout, window)
            say(json.dumps({"file": file, "checkpoint": card.name, "theta": matrix.tolist(), **warp.record(sky)}))
        else:
            say(shown(f"{file}: {warp.in_words(matrix, cutout, window)}"))
    if pairs:
        buffer = io.BytesIO()
        warps.sheet(pairs, names).save(buffer, "PNG")
        args.out.parent.mkdir(parents=True, exist_ok=True)
        export.replace_file(args.out, buffer.getvalue())
        say(shown(str(args.out)))
    return FAILED if failed else 0
