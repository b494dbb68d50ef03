"""Labels as a data set that training takes at once: the files beside a labels.csv with its parts."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.io import fits

from ..cutouts import is_cutout
from ..datasets import DataSet, Item, splits
from ..export.tables import csv_file
from ..schema import Cutout, DatasetError, ExplorerError
from ..schema.columns import Column
from . import export
from .pieces import Piece
from .records import Given

IMAGES = "images"
SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,5}){1,2}$")
FACTS = (
    *("survey", "frequency_ghz", "beam_arcsec", "pixel_scale_arcsec", "unit", "row0", "keep_zeros"),
    *("licence", "citation", "simulated", "colour"),
)


@dataclass(frozen=True)
class Written:
    """The folder that was written, how many cutouts went into each part, and what was left out and why."""

    folder: Path
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def write(
    parent: Path,
    name: str,
    pieces: Sequence[Piece],
    given: Sequence[Given],
    *,
    data_set: DataSet | None = None,
    stretch: str | None = None,
    blind_is_test: bool = True,
) -> Written:
    """Write the labelled pieces with their majority class as a new folder below ``parent``, whole or not at all.

    ``blind_is_test``: what was labelled without sight of a model's answer is the test part; where that would leave
    nothing to train on, a fifth of it is. The rest is divided by the sky where positions are known, else at random,
    and a fifth of it is held out for validation. Files are copied as they are; a part of a file is written as FITS.
    ``data_set`` and ``stretch`` say of the images what they cannot. Raises DatasetError where too little is left.
    """
    told: dict[str, list[Given]] = {}
    for one in given:
        told.setdefault(one.cutout, []).append(one)
    chosen = [(piece, told[piece.key], export.majority(told[piece.key])) for piece in pieces if piece.key in told]
    kept = [(piece, labels, word) for piece, labels, word in chosen if word is not None]
    notes = []
    if left := len(chosen) - len(kept):
        notes.append(f"{left:,} are left out: unsure, an artefact, or labellers differ.")
    classes = tuple(sorted({word for _, _, word in kept}))
    if len(classes) < 2:
        raise DatasetError(f"Training needs two labelled classes or more; there are labels of {len(classes)}.")
    blind = np.array([all(one.blind for one in labels) for _, labels, _ in kept]) & blind_is_test
    if blind.any():
        blind, said = _leave_some(blind, np.array([classes.index(word) for _, _, word in kept]), len(classes))
        notes += said
    items = [
        Item(piece.name, classes.index(word), piece.source, ra, dec, split="test" if is_test else "")
        for (piece, labels, word), is_test in zip(kept, blind.tolist(), strict=True)
        for ra, dec in [_place(piece, labels)]
    ]
    by_sky = all(item.ra is not None for item in items)
    parts = splits.split(DataSet(name, tuple(items), classes), "sky" if by_sky else "random")
    if near := len(items) - sum(map(len, parts)):
        notes.append(f"{near:,} are left out: within {splits.SEPARATION:g} arcsec of one of the test part.")
    part_of = {int(index): part for part, indices in zip(parts._fields, parts, strict=True) for index in indices}
    folder = _free(parent, name)
    building = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    try:
        counts, said = _fill(building, kept, items, part_of)
        _facts(building, name, classes, data_set, stretch)
        building.replace(folder)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written ({error.strerror or error}); make room.") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Written(folder, counts, (*notes, *said))


def _leave_some(blind: Any, labels: Any, classes: int) -> tuple[Any, list[str]]:
    """The test part: all that is blind, or a fifth of each class of it where a class would have fewer than two left."""
    rest = np.bincount(labels[~blind], minlength=classes)
    if (rest >= 2).all():
        return blind, []
    random, test = np.random.default_rng(0), np.zeros(len(blind), bool)
    for k in range(classes):
        own = random.permutation(np.flatnonzero(blind & (labels == k)))
        test[own[: len(own) // 5]] = True
    return test, ["Nearly all was labelled blind: a fifth of it is the test part, the rest is trained on."]


def _fill(
    building: Path, kept: Sequence[tuple[Piece, Any, str | None]], items: Sequence[Item], part_of: Mapping[int, str]
) -> tuple[dict[str, int], list[str]]:
    (building / IMAGES).mkdir(parents=True)
    rows: list[list[Any]] = []
    counts: dict[str, int] = {}
    unread = []
    for index, (piece, _, word) in enumerate(kept):
        if index not in part_of:
            continue
        try:
            suffix, content = _file(piece)
        except ExplorerError as error:
            unread.append(str(error))
            continue
        path = f"{IMAGES}/{index:06d}{suffix}"
        if isinstance(content, Path):
            shutil.copyfile(content, building / path)
        else:
            (building / path).write_bytes(content)
        item, part = items[index], part_of[index]
        rows.append([path, word, item.ra, item.dec, part, piece.name])
        counts[part] = counts.get(part, 0) + 1
    columns = [Column(name, "text", "", "") for name in ("path", "label", "ra", "dec", "split", "name")]
    (building / "labels.csv").write_bytes(csv_file.to_bytes(columns, rows))
    return counts, [f"{len(unread):,} cannot be read: {unread[0]}"] if unread else []


def _file(piece: Piece) -> tuple[str, Path | bytes]:
    known, found = piece.file, SUFFIX.search(piece.name)
    suffix = found[0].lower() if found and is_cutout(f"x{found[0]}") else ""
    if isinstance(known, Path):
        found = SUFFIX.search(known.name)
        suffix = found[0].lower() if found and is_cutout(f"x{found[0]}") else ""
    if known is None or not suffix:
        return ".fits", _as_fits(piece.source())
    return suffix, known


def _as_fits(cutout: Cutout) -> bytes:
    """The pixels with coordinates, unit and beam."""
    header = fits.Header() if cutout.wcs is None else cutout.wcs.to_header(relax=True)
    if cutout.unit:
        header["BUNIT"] = cutout.unit
    if cutout.beam is not None:
        header["BMAJ"], header["BMIN"], header["BPA"] = (
            cutout.beam.major / 3600,
            cutout.beam.minor / 3600,
            cutout.beam.pa,
        )
    buffer = io.BytesIO()
    fits.PrimaryHDU(cutout.pixels, header).writeto(buffer)
    return buffer.getvalue()


def _facts(building: Path, name: str, classes: Sequence[str], data_set: DataSet | None, stretch: str | None) -> None:
    told: dict[str, Any] = {"title": name, "label_names": list(classes)}
    for fact in FACTS:
        value = None if data_set is None else getattr(data_set, fact)
        if value not in (None, "", False):
            told[fact] = list(value) if isinstance(value, tuple) else value
    if stretch:
        told["stretch"] = stretch
    text = yaml.safe_dump(told, allow_unicode=True, sort_keys=False)
    (building / "dataset.yaml").write_text(text, encoding="utf-8")


def _place(piece: Piece, labels: Sequence[Given]) -> tuple[float | None, float | None]:
    if piece.ra is not None:
        return piece.ra, piece.dec
    known = next((one for one in labels if one.ra is not None), None)
    return (None, None) if known is None else (known.ra, known.dec)


def _free(parent: Path, name: str) -> Path:
    """A folder below ``parent`` that is not there yet."""
    number, path = 1, parent / name
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path
