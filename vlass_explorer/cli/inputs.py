"""FILE arguments: files, folders and patterns, and the options that say how to read them."""

from __future__ import annotations

import argparse
import glob
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import cutouts
from ..cutouts import declared
from ..schema import Beam, Cutout, CutoutError
from ..schema.columns import printable
from .terminal import complain

MATCH = "smooth and regrid to the beam and pixel scale of the checkpoint's training data"


def add_options(command: argparse.ArgumentParser) -> None:
    """FILE… and the options that go to ``cutouts.read``, and the checkpoint and device that every command asks for."""
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="FITS, PNG, JPEG, TIFF or NPY file, folder, or quoted pattern"
    )
    command.add_argument("--checkpoint", required=True, metavar="NAME", help="see the command checkpoints")
    command.add_argument("--device", default="auto", help="auto (a GPU when there is one), cpu, cuda, cuda:0, mps")
    command.add_argument(
        "--position", type=position, metavar="RA,DEC", help="cut around this position (degrees), for mosaics"
    )
    command.add_argument("--size", type=_positive, metavar="ARCSEC", help="side of the cut around --position")
    add_reading(command)


def add_reading(command: argparse.ArgumentParser) -> None:
    """The options that say how any file is read."""
    command.add_argument("--plane", type=int, default=0, metavar="N", help="plane of a cube, counted from 0")
    command.add_argument(
        "--row0", choices=("south", "north"), help="where the first row of a PNG, JPEG, TIFF or NPY lies"
    )
    command.add_argument(
        "--pixel-scale", type=_positive, metavar="ARCSEC", help="pixel size of files without coordinates"
    )
    command.add_argument(
        "--stretch",
        type=_stretch,
        metavar="NAME",
        help="of pictures and arrays: linear, sqrt, asinh:A or log:R, undone",
    )
    command.add_argument(
        "--beam", type=_beam, metavar="ARCSEC[,ARCSEC,PA]", help="beam of pictures and arrays: width, or axes and angle"
    )
    command.add_argument(
        "--clip",
        type=_clip,
        metavar="LOW,HIGH",
        help="brightness in mJy/beam of black and white in pictures and arrays, with --stretch",
    )
    command.add_argument("--survey", metavar="NAME", help="survey of pictures and arrays, as VLASS")
    command.add_argument(
        "--keep-zeros", action="store_true", help="read edges that are filled with zeros as data, not as no data"
    )
    command.add_argument(
        "--survey-noise", action="store_true", help="noise from the survey's rms image that cutouts put into ../rms"
    )


def opened(file: str, args: argparse.Namespace, **more: Any) -> Cutout:
    """The cutout of a file, with the survey's noise where --survey-noise asks for it; raises CutoutError.

    ``more`` are further options of ``cutouts.read``.
    """
    if not args.survey_noise:
        return cutouts.read(Path(file), **reading(args), **more)
    from ..archives import survey_noise

    return survey_noise.read(Path(file), **reading(args), **more)


def reading(args: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of ``cutouts.read``."""
    return {
        "plane": args.plane,
        "row0": args.row0,
        "position": args.position,
        "size_arcsec": args.size,
        "pixel_scale": args.pixel_scale,
        "keep_zeros": args.keep_zeros,
        "stretch": args.stretch,
        "beam": args.beam,
        "survey": args.survey,
        "clip": args.clip,
    }


def expand(arguments: list[str]) -> tuple[list[str], bool]:
    """Files in the order given, each as given or below its folder, and whether every argument led to one.

    A folder stands for the readable files in it and below it, sorted, hidden ones left out; a pattern (``*``, ``?``,
    ``[]``, ``**``) for its sorted matches where no file of that very name exists.  An argument that leads to nothing
    is told on standard error.
    """
    entries = expand_each(arguments)
    return [name for name, reason in entries if not reason], not any(reason for _, reason in entries)


def expand_each(arguments: list[str]) -> list[tuple[str, str]]:
    """What ``expand`` gives and, in its place, each argument that leads to no file, with the sentence that says why."""
    entries: list[tuple[str, str]] = []
    for argument in arguments:
        found, reason = _files(argument)
        entries += [(file, "") for file in found]
        if reason:
            complain(reason, argument)
            entries.append((argument, reason))
    return entries


def _files(argument: str) -> tuple[list[str], str]:
    """What one argument stands for, and a sentence where that is nothing."""
    if not argument:
        return [], "An empty name leads to no file."
    try:
        if Path(argument).is_dir():
            found = _below(argument)
            return found, "" if found else "This folder holds no FITS, PNG, JPEG, TIFF or NPY file."
        if os.path.lexists(argument):
            return [argument], ""
        # glob, not Path.glob: patterns may be absolute, and hidden files are left out.
        found = [path for path in sorted(glob.glob(argument, recursive=True)) if Path(path).is_file()]  # noqa: PTH207
    except (ValueError, OSError) as error:
        return [], f"This is no usable file name ({error})."
    return found, "" if found else "No file matches this pattern." if glob.has_magic(
        argument
    ) else "There is no such file."


def _below(folder: str) -> list[str]:
    paths = sorted(path for path in Path(folder).rglob("*") if cutouts.is_cutout(path.name) and path.is_file())
    return [str(path) for path in paths if not any(p.startswith(".") for p in path.relative_to(folder).parts)]


def position(text: str) -> tuple[float, float]:
    """RA and Dec in degrees; ArgumentTypeError for what is none."""
    try:
        ra, dec = (float(value) for value in text.replace(",", " ").split())
    except ValueError as error:
        raise argparse.ArgumentTypeError("a position is RA,DEC in degrees, as 187.70593,12.39112") from error
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise argparse.ArgumentTypeError("RA is 0 to 360 degrees, Dec -90 to 90")
    return ra, dec


def _positive(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError("should be a positive number of arcsec")
    return value


def _stretch(text: str) -> str:
    try:
        declared.stretch(text)
    except CutoutError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _clip(text: str) -> tuple[float, float]:
    try:
        return declared.limits(tuple(float(value) for value in text.split(",")))
    except (ValueError, CutoutError) as error:
        raise argparse.ArgumentTypeError("a clip is LOW,HIGH in mJy/beam, the smaller one first") from error


def _beam(text: str) -> Beam:
    try:
        return declared.beam(tuple(float(axis) for axis in text.split(",")))
    except (ValueError, CutoutError) as error:
        raise argparse.ArgumentTypeError("a beam is MAJOR or MAJOR,MINOR,PA in arcsec and degrees") from error


def ids(names: Sequence[str]) -> tuple[list[str], int]:
    """An id for each input, as given, and how many of them got a number as they are given again."""
    taken: dict[str, int] = {}
    found: list[str] = []
    again = 0
    for name in names:
        stem = told = printable(name) or "(no name)"
        again += stem in taken
        while told in taken:
            taken[stem] += 1
            told = f"{stem}#{taken[stem]}"
        taken[told] = 1
        found.append(told)
    return found, again
