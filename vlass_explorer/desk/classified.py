"""Rows that were classified as cutouts on the desk: a folder of ``classify`` or a table, with the answers stored there.

Of a table only the columns that a desk shows are read, so that a catalogue of 10^5 rows lies on it in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import cutouts
from ..export.tables import FORMATS, TELLING
from ..foreign import mapped, reason
from ..schema import Beam, Cutout, DatasetError, ExplorerError, FloatArray, TableError
from ..schema.columns import split_labels
from ..schema.rows import CLASSES, table_columns
from .answers import Answers
from .pieces import Desk, Piece, key_of

TABLE = "table.parquet"
NUMBERS = ("ra", "dec", "snr", "training_percentile")
TEXTS = ("id", "name", "checkpoint", "checkpoint_sha256", "label", "validity", "survey", "error", CLASSES.name)
MOST = 200_000
"""Rows of a table that lie on a desk at most."""


def is_classified(path: Path) -> bool:
    """Is this a folder with a finished classification, or a file that may be a table of rows?"""
    if path.is_dir():
        return (path / "manifest.json").is_file() and (path / TABLE).is_file()
    return path.suffix.lower() in FORMATS and path.is_file()


def of(path: Path, allowed: Sequence[Path] = ()) -> Desk:
    """The cutouts of a folder of ``classify`` or of a table of rows, each once, with what its checkpoints said of them.

    Files outside of the ``allowed`` folders are not read (none: all may be); a relative name starts at the table's
    folder. Raises TableError for a table that holds no such rows or too many, CatalogueError for a damaged folder.
    """
    table = path / TABLE if path.is_dir() else path
    columns = _columns(table)
    ids = columns["id"]
    first: dict[str, int] = {}
    for row, id in enumerate(ids.tolist()):
        first.setdefault(id, row)
    if not first:
        raise TableError(f"{table} holds no rows.")
    places = {id: at for at, id in enumerate(first)}
    at = np.array([places[id] for id in ids.tolist()])
    source = _batch(path) if path.is_dir() else partial(_named, table.parent.resolve())
    limits = tuple(one.resolve() for one in allowed)
    pieces = tuple(
        _piece(id, columns["name"][row], source, limits, float(columns["ra"][row]), float(columns["dec"][row]))
        for id, row in first.items()
    )
    stored = {}
    for weights in filter(None, dict.fromkeys(columns["checkpoint_sha256"].tolist())):
        own = np.flatnonzero(columns["checkpoint_sha256"] == weights)
        stored[weights] = _answers(columns, own, at[own], len(pieces))
    return Desk(pieces, stored=stored, asked=tuple(filter(None, dict.fromkeys(columns["checkpoint"].tolist()))))


def _columns(path: Path) -> dict[str, Any]:
    """The columns that a desk needs: texts and numbers (N,), empty and NaN where missing, and scores by class name."""
    with mapped(lambda error: TableError(f"{path} cannot be read as a {path.suffix[1:]} table ({reason(error)}).")):
        names, column = _opened(path)
    if missing := [name for name in TELLING if name not in names]:
        raise TableError(f"{path} lacks the column {missing[0]}: it is no table that this program wrote.")
    found: dict[str, Any] = {name: _texts(column(name) if name in names else None) for name in TEXTS}
    count = len(found["id"])
    if count > MOST:
        raise TableError(f"{path} holds {count:,} rows; at most {MOST:,} lie on a desk: filter it first.")
    with mapped(lambda error: TableError(f"{path} holds a row that this program did not write ({reason(error)}).")):
        found |= {name: _numbers(column(name) if name in names else None, count) for name in NUMBERS}
        known = {text: split_labels(text) for text in dict.fromkeys(found[CLASSES.name].tolist())}
        found["labels"] = [known[text] for text in found[CLASSES.name].tolist()]
        labels = tuple(dict.fromkeys(label for some in known.values() for label in some))
        places = [one for one in table_columns(labels) if one.label is not None]
        found["scores"] = {one.label: _numbers(column(one.name), count) for one in places}
    return found


def _opened(path: Path) -> tuple[set[str], Callable[[str], list[Any]]]:
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as parquet  # here, as who labels files does without

        file = parquet.ParquetFile(path)
        return set(file.schema_arrow.names), lambda name: list(file.read([name])[name].to_pylist())
    names, rows = FORMATS[path.suffix.lower()].read(path.read_bytes())
    place = {name: at for at, name in enumerate(names)}
    return set(names), lambda name: [row[place[name]] for row in rows]


def _texts(values: list[Any] | None) -> NDArray[np.object_]:
    return np.array([] if values is None else [str(one or "") for one in values], object)


def _numbers(values: list[Any] | None, count: int) -> FloatArray:
    return np.full(count, np.nan) if values is None else np.array(values, np.float64)


def _piece(id: str, name: str, source: Callable[[str], Any], allowed: tuple[Path, ...], ra: float, dec: float) -> Piece:
    known = source(id)
    key = key_of("row", str(known.args[0]) if isinstance(known, partial) and known.args else id)
    if isinstance(known, partial) and allowed and known.func is cutouts.read:
        real = Path(known.args[0]).resolve()
        if not any(real.is_relative_to(one) for one in allowed):
            known = partial(_refused, f"{real} lies outside of the folders that may be read here.")
    is_placed = np.isfinite(ra) and np.isfinite(dec)
    return Piece(key, name or id, known, ra if is_placed else None, dec if is_placed else None)


def _named(folder: Path, id: str) -> Callable[[], Cutout]:
    return partial(cutouts.read, folder / id)


def _batch(folder: Path) -> Callable[[str], Callable[[], Cutout]]:
    """From an id of a classification to what reads its image, as the classification read it."""
    from ..catalogue import plan, shard  # here, as it brings what answers catalogues

    made = plan.read(folder)
    known = {one.id: one for number in range(made.shards) for _, one in made.inputs(number)}
    reading = dict(made.how.reading)
    if reading.get("beam") is not None:
        reading["beam"] = Beam(**reading["beam"])

    def source(id: str) -> Callable[[], Cutout]:
        one = known.get(id)
        if one is None or one.error:
            return partial(_refused, one.error if one is not None else f"{folder} was not asked for {id}.")
        if one.file:
            return partial(cutouts.read, Path(one.file), **reading)
        return partial(_cut, lambda: shard.opened(made, one))

    return source


def _cut(work: Callable[[], Cutout | ExplorerError]) -> Cutout:
    found = work()
    if isinstance(found, ExplorerError):
        raise found
    return found


def _refused(why: str) -> Cutout:
    raise DatasetError(why)


def _answers(columns: Mapping[str, Any], own: NDArray[np.int64], at: NDArray[np.int64], count: int) -> Answers:
    """What one checkpoint said, an entry a piece; ``own`` are its rows in the table, ``at`` their pieces."""
    names = max((columns["labels"][row] for row in own.tolist()), key=len, default=())
    scores = np.full((count, len(names)), np.nan)
    for k, name in enumerate(names):
        scores[at, k] = columns["scores"][name][own]

    def numbers(name: str) -> FloatArray:
        found = np.full(count, np.nan)
        found[at] = columns[name][own]
        return found

    def texts(name: str) -> tuple[str, ...]:
        found = np.full(count, "", object)
        found[at] = columns[name][own]
        return tuple(found.tolist())

    failed = {place: str(why) for place, why in zip(at.tolist(), columns["error"][own].tolist(), strict=True) if why}
    return Answers(
        scores=scores,
        features=np.full((count, 0), np.nan, np.float32),
        views=None,
        percentile=numbers("training_percentile"),
        snr=numbers("snr"),
        validity=texts("validity"),
        survey=texts("survey"),
        places=np.stack([numbers("ra"), numbers("dec")], axis=1),
        failed=failed,
        label_names=tuple(names),
    )


def sentence(stored: Answers, name: str, at: int) -> str:
    """A stored answer as it is shown and kept with a label; empty without one."""
    if at in stored.failed or not stored.validity[at]:
        return ""
    label = stored.label(at)
    if label is None:
        return f"{name}: no label, outside of what it is for"
    caution = ", caution" if stored.validity[at] == "caution" else ""
    return f"{name}: {label} {float(stored.scores[at].max()):.2f} (softmax score{caution}, stored)"
