"""A folder of cutouts: one sub-folder a class, or a ``labels.csv`` beside the files.

``labels.csv`` has the columns path and label, and may have ra and dec (or ra_deg and dec_deg, degrees), fold (0 to 4:
the row's validation fold) or split (train, validation, test). Paths are relative and stay below the folder. Folders
named train, val, valid, validation, dev, test or hold-out (also train_set) are parts of the set, around class folders,
in them, or in the paths of ``labels.csv``; each part may have a ``labels.csv`` of its own.

An optional ``dataset.yaml`` beside it says what the images cannot: title, label_names (their order), labels (label as
written: class, or null to leave images out), survey, frequency_ghz, beam_arcsec, pixel_scale_arcsec, unit, row0 (south
or north, of images without coordinates), keep_zeros (edges filled with zeros are data), stretch (of pictures, as
log:100: it is undone, and they have the beam and survey of the set), licence, citation, simulated. What it leaves out
is taken from the first cutout.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import cutouts
from ..foreign import mapped, reason
from ..schema import Beam, Cutout, DatasetError, header_scale
from . import cache, label_words, layout
from .facts import facts
from .items import DataSet, Item, subsample, unreadable

TITLE = "Folder of cutouts"
LABEL_NAMES = None

SAME_SCALE = 1e-3  # relative; pixels differ by less from the middle of a survey's image to its edge
TRIED = 20  # cutouts that are tried before a set is told to hold no readable ones
TABLE = "labels.csv"


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """Data set of a folder, in the order of its paths; ``count`` keeps a seeded random choice of that many items.

    Raises DatasetError for a folder without images, a labels.csv that is malformed or names files that are missing,
    listed twice or outside the folder.
    """
    if root is None:
        raise DatasetError("This data set needs a folder: give data_dir.")
    return assemble(root, rows(root), facts(root), seed=seed, count=count)


def rows(root: Path) -> list[dict[str, str]]:
    """Path, label and the optional columns of every item, sorted by path, from labels.csv or from the sub-folders."""
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder.")
    found = _tables(root)
    if found is None:
        found = layout.rows(root, tuple(map(str, facts(root).get("label_names", ()))))
    if not found:
        raise DatasetError(
            f"{root} holds no labelled images: give a labels.csv (path,label) or one sub-folder of "
            f"{cutouts.FORMATS} files a class."
        )
    return sorted(found, key=lambda row: row["path"])


def assemble(
    root: Path, table: list[dict[str, str]], said: Mapping[str, Any], *, seed: int = 0, count: int | None = None
) -> DataSet:
    """Data set from rows and facts; see ``load``."""
    known = dict(said)
    table = labelled(table, known)
    paths = _paths(root, table)
    reading: dict[str, Any] = {"row0": known.get("row0"), "pixel_scale": known.get("pixel_scale_arcsec")}
    keys = list(reading.values())
    if known.get("keep_zeros"):
        reading["keep_zeros"] = True
        keys.append("keep zeros")
    if stretch := known.pop("stretch", None):
        beam = known.get("beam_arcsec")
        reading |= {"stretch": stretch, "survey": known.get("survey")}
        reading["beam"] = None if beam is None else Beam(max(beam), min(beam), source="declared")
        keys.append([stretch, known.get("survey"), known.get("beam_arcsec")])
    found = {row["label"] for row in table}
    names = tuple(label_words.normalise(str(name)) for name in known.pop("label_names", sorted(found)))
    if found - set(names):
        raise DatasetError(f"Labels {', '.join(sorted(found - set(names)))} are not among {', '.join(names)}.")
    items = tuple(
        Item(
            name=row["path"],
            label=names.index(row["label"]),
            source=partial(cutouts.read, path, **reading),
            ra=number_of(row, "ra"),
            dec=number_of(row, "dec"),
            fold=fold_of(row),
            split=split_of(row),
            key=cache.file_key(path, *keys),
        )
        for row, path in zip(table, paths, strict=True)
    )
    items = subsample(items, count, seed)
    return DataSet(**{"title": root.name, **seen_in(items, known), **known}, items=items, label_names=names)


def labelled(table: Sequence[Mapping[str, str]], known: dict[str, Any]) -> list[dict[str, str]]:
    """Rows with the labels that dataset.yaml decides, see ``label_words``; its answers are taken out of ``known``."""
    answers = {
        label_words.normalise("" if label is None else str(label)): None
        if to is None
        else label_words.normalise(str(to))
        for label, to in known.pop("labels", {}).items()
    }
    rows = label_words.resolve_labels(
        table, answers, [label_words.normalise(str(name)) for name in known.get("label_names", ())]
    )
    if table and not rows:
        raise DatasetError("Every image is left out by labels in dataset.yaml.")
    return rows


def seen_in(items: Sequence[Item], known: Mapping[str, Any]) -> dict[str, Any]:
    """Survey, frequency, beam, pixel scale and unit of the first readable cutout, for what dataset.yaml leaves out."""
    if {"survey", "pixel_scale_arcsec"} <= known.keys():
        return {}
    failures = []
    for item in items[:TRIED]:
        try:
            cutout = item.read()
            break
        except DatasetError as error:
            failures.append(str(error))
    else:
        raise DatasetError(unreadable(failures))
    return {
        "survey": cutout.origin.survey,
        "frequency_ghz": cutout.origin.frequency_ghz,
        "beam_arcsec": (cutout.beam.major, cutout.beam.minor) if cutout.beam else None,
        "pixel_scale_arcsec": _shared_scale(cutout),
        "unit": cutout.unit,
        "simulated": cutout.origin.simulated,
    }


def _shared_scale(cutout: Cutout) -> float | None:
    """Pixel size of a set's cutouts: the header's unless the sky's is another, which varies a little over a field."""
    if cutout.wcs is None or cutout.pixel_shape is None:
        return cutout.declared_scale
    header, here = float(np.mean(header_scale(cutout.wcs))), float(np.sqrt(cutout.pixel_shape.area))
    return header if abs(here / header - 1.0) < SAME_SCALE else here


def table_of(path: Path, needed: tuple[str, ...] = ("path", "label")) -> list[dict[str, str]]:
    """Rows of a CSV table by column name; ra_deg and dec_deg count as ra and dec.

    The ``needed`` columns are there and, the label's excepted, filled.
    """
    with (
        mapped(lambda error: DatasetError(f"{path} is not a CSV table in UTF-8: {reason(error)}.")),
        path.open(newline="", encoding="utf-8-sig") as file,
    ):
        reader = csv.DictReader(file, strict=True)
        columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
        columns = [{"ra_deg": "ra", "dec_deg": "dec"}.get(name, name) for name in columns]
        if not set(needed) <= set(columns):
            raise DatasetError(
                f"{path} needs the columns {' and '.join(needed)}; it has {', '.join(columns) or 'none'}."
            )
        reader.fieldnames = columns
        table = [{k: (v or "").strip() for k, v in row.items() if isinstance(k, str)} for row in reader]
    filled = [name for name in needed if name != "label"]
    empty = [number for number, row in enumerate(table, 2) if not all(row.get(name) for name in filled)]
    if empty:
        raise DatasetError(f"{path}: line {empty[0]} has no {' or no '.join(filled)}.")
    return table


def _tables(root: Path) -> list[dict[str, str]] | None:
    """Rows of labels.csv, or of those in the part folders, with the part that a row's folder names; None without."""
    if (root / TABLE).is_file():
        found = table_of(root / TABLE)
    else:
        inner = sorted(path for path in root.glob(f"*/{TABLE}") if layout.part_named(path.parent.name))
        if not inner:
            return None
        found = [
            {**row, "path": f"{path.parent.name}/{row['path']}", "split": row.get("split") or path.parent.name}
            for path in inner
            for row in table_of(path)
        ]
    if not any(row.get("split") or row.get("fold") for row in found):
        return [{**row, "split": layout.part_of(row["path"])} for row in found]
    return found


def _paths(root: Path, table: list[dict[str, str]]) -> list[Path]:
    """Checked file paths: relative, below the root even through links, present, not empty, each once."""
    home = root.resolve()
    paths, missing, seen = [], [], set()
    others: dict[str, Path] | None = None
    for row in table:
        if "\0" in row["path"]:
            raise DatasetError("A path in labels.csv holds a NUL character.")
        path = root / row["path"]
        with mapped(partial(_no_path, row["path"])):
            real = path.resolve()
            if not real.exists():  # a name may be composed here and decomposed there: one name to people
                others = _composed(root) if others is None else others
                path = others.get(label_words.normalise(Path(row["path"]).as_posix()), path)
                real = path.resolve()
            is_there = real.is_file() and real.stat().st_size > 0
        strays = Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts
        if strays or not real.is_relative_to(home):
            raise DatasetError(f"{row['path']!r} in labels.csv lies outside the data set folder.")
        if real in seen:
            raise DatasetError(f"{row['path']!r} is listed twice: one image would land in two folds.")
        seen.add(real)
        if not is_there:
            missing.append(row["path"])
        paths.append(path)
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(table)} files are missing or empty: {', '.join(missing[:5])}"
            f"{', ...' if len(missing) > 5 else ''}."
        )
    return paths


def _composed(root: Path) -> dict[str, Path]:
    """Files below a folder by their relative path in composed Unicode."""
    return {
        label_words.normalise(path.relative_to(root).as_posix()): path for path in root.rglob("*") if path.is_file()
    }


def _no_path(text: str, error: Exception) -> DatasetError:
    return DatasetError(f"{text[:60]!r} in labels.csv is no path of a file: {reason(error)}.")


def number_of(row: Mapping[str, str], column: str) -> float | None:
    """Degrees of the column ra or dec of a row, None where it is empty."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not (-90 <= value <= 90 if column == "dec" else -360 <= value <= 360):
        raise DatasetError(f"{row['path']}: {column} is {text!r}, not decimal degrees.")
    return value


def fold_of(row: Mapping[str, str]) -> int | None:
    """Validation fold of a row, None where it is empty."""
    text = row.get("fold", "")
    if not text:
        return None
    if not (text.isdecimal() and len(text) < 6):
        raise DatasetError(f"{row['path']}: fold is {text!r}, not 0, 1, 2, ...")
    return int(text)


def split_of(row: Mapping[str, str]) -> str:
    """train, validation, test or "" of a row."""
    text = row.get("split", "")
    part = layout.part_named(text)
    if text and not part:
        raise DatasetError(f"{row['path']}: split is {text!r}, not train, validation or test.")
    return part
