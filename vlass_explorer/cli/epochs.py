"""``epochs``: one source in several images: what changed between VLASS epochs, and the spectral index between surveys.

FILE… are images that show the source. Every later VLASS epoch (or image of the same frequency) is compared with the
first, every other frequency gives a spectral index with its warnings.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema import Cutout, ExplorerError
from . import inputs
from .terminal import FAILED, complain, say, shown

if TYPE_CHECKING:
    from ..epochs import Comparison, SpectralIndex


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("epochs", help="compare images of one source", description=__doc__)
    command.add_argument("files", nargs="+", metavar="FILE", help="FITS file, folder, or quoted pattern")
    command.add_argument(
        "--position",
        type=inputs.position,
        metavar="RA,DEC",
        help="of the source in degrees (centre of the first image)",
    )
    command.add_argument("--json", action="store_true", help="JSON Lines, one object a pair")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for difference images (FITS) and manifests (JSON)"
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what each pair tells, in order; a pair that cannot be compared is one sentence on standard error."""
    from .. import cutouts, epochs

    files, all_there = inputs.expand(args.files)
    failed = not all_there
    read: list[Cutout] = []
    for file in files:
        try:
            read.append(cutouts.read(Path(file)))
        except ExplorerError as error:
            complain(str(error), file)
            failed = True
    images = epochs.groups.at(read, args.position)
    for cutout in read:
        if all(cutout.file_sha256 != image.cutout.file_sha256 for image in images):
            complain("This image does not show the source, or has no coordinates (WCS).", cutout.name)
            failed = True
    if len(images) < 2:
        complain(f"{len(images)} image shows the source: two are needed." if images else "No image shows the source.")
        return FAILED
    first = images[0]
    position = args.position or epochs.checks.centre(read[0])
    for other in images[1:]:
        try:
            if _same_frequency(first.cutout, other.cutout):
                _changed(epochs.compare(first.cutout, other.cutout, position), args)
            else:
                _index(epochs.spectral_index(first.cutout, other.cutout, position), args)
        except ExplorerError as error:
            complain(str(error), f"{first.name}, {other.name}")
            failed = True
    return FAILED if failed else 0


def _same_frequency(one: Cutout, other: Cutout) -> bool:
    here, there = one.origin.frequency_ghz, other.origin.frequency_ghz
    return here is None or there is None or abs(there / here - 1.0) <= 0.05


def _changed(found: Comparison, args: argparse.Namespace) -> None:
    from ..epochs import words
    from ..export import epochs as export

    stem = _stem(args.out, found.names)
    if stem is not None:
        stem.with_suffix(".fits").write_bytes(export.difference_fits(found))
        stem.with_suffix(".json").write_bytes(export.comparison_json(found))
    _say(export.comparison_values(found), f"{found.names[0]}, {found.names[1]}", words.all_of(found), args.json)


def _index(found: SpectralIndex, args: argparse.Namespace) -> None:
    from ..export import epochs as export

    stem = _stem(args.out, found.names)
    if stem is not None:
        stem.with_suffix(".json").write_bytes(export.index_json(found))
    _say(export.index_values(found), f"{found.names[0]}, {found.names[1]}", (f"Spectral index {found}",), args.json)


def _say(values: dict[str, Any], pair: str, lines: tuple[str, ...] | Any, as_json: bool) -> None:
    if as_json:
        say(json.dumps(values))
        return
    for line in lines:
        say(shown(f"{pair}  {line}"))


def _stem(out: Path | None, names: tuple[str, str]) -> Path | None:
    """A file in the folder without its suffix, named after both images; the folder is made."""
    if out is None:
        return None
    from ..export import safe_stem

    out.mkdir(parents=True, exist_ok=True)
    return out / "-".join(safe_stem(name).replace(".", "_") for name in names)
