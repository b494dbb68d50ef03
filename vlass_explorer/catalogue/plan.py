"""What a classification of a catalogue is to answer, fixed before it begins: every input, its shard, who is asked.

A folder holds ``manifest.json`` (how), ``inputs.parquet`` (what: a row an input) and ``parts/`` (answers, see
``parts``). A folder is gone on with by the plan that it holds alone: another list of inputs, other options, another
version of this program or other weights under the same name are refused, so that one table never mixes two of them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from .. import __version__, checkpoints, runs
from ..checkpoints import tasks
from ..foreign import mapped
from ..schema import CatalogueError, Checkpoint
from ..schema.columns import Column
from ..schema.rows import table_columns

MANIFEST, INPUTS = "manifest.json", "inputs.parquet"
GROUP, LEAST = 256, 32
"""Most and fewest inputs whose answers are written together: what a process that is killed loses at most."""
SHARD = 5000
"""Most inputs of a shard."""
_SCHEMA = pa.schema(
    [
        ("order", pa.int64()),
        ("shard", pa.int32()),
        ("id", pa.string()),
        ("file", pa.string()),
        ("ra", pa.float64()),
        ("dec", pa.float64()),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to answer: a file, or a position (RA, Dec in degrees) to cut from tiles; or why there is neither."""

    id: str
    """Unique in a plan."""
    file: str = ""
    position: tuple[float, float] | None = None
    error: str = ""


@dataclass(frozen=True)
class Asked:
    """A checkpoint that is asked about every input."""

    name: str
    sha256: str
    label_names: tuple[str, ...]
    beside: str = ""
    """What its calibration and reference were (``checkpoints.beside``), where it is asked how sure it is."""


@dataclass(frozen=True)
class How:
    """What decides an answer beside pixels and weights; ``reading`` are keyword arguments of ``cutouts.read``."""

    match: bool = False
    flux: bool = True
    local_background: bool = False
    survey_noise: bool = False
    reading: Mapping[str, Any] = field(default_factory=dict)
    how_sure: bool = False
    """Calibrated score, prediction set, distance from the training data, flips and turns, too."""
    tiles: str = ""
    """Folder of whole tiles that positions are cut from."""
    size: float = 180.0
    """Side in arcsec that has to be covered by a tile; twice as much is cut out of it."""


@dataclass(frozen=True)
class Plan:
    """The manifest of a folder."""

    folder: Path
    count: int
    shards: int
    group: int
    ids: str
    """SHA-256 of all ids in order."""
    asked: tuple[Asked, ...]
    how: How
    version: str = __version__

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of every part and of the table."""
        return table_columns(tuple(dict.fromkeys(label for one in self.asked for label in one.label_names)))

    @property
    def key(self) -> str:
        """What a part of this plan, and of no other, is marked with."""
        return digest([json.dumps(_told(self), sort_keys=True)])

    def inputs(self, shard: int) -> list[tuple[int, Input]]:
        """The inputs of a shard with their places in the whole, in order."""
        with mapped(lambda _: CatalogueError(f"{self.folder / INPUTS} cannot be read: begin in another folder.")):
            table = parquet.read_table(self.folder / INPUTS, filters=[("shard", "==", shard)], use_threads=False)
        return [(row["order"], _input(row)) for row in table.to_pylist()]


def make(
    folder: Path,
    inputs: Sequence[Input],
    cards: Sequence[Checkpoint],
    how: How,
    *,
    shard: int = SHARD,
    group: int = 0,
    cores: int = 1,
) -> Plan:
    """Fix the plan of a new folder, or find that the one it holds is the same.

    ``shard`` and ``group`` are the most inputs of a shard and of a row group (0: fewer where there are few in all, so
    that a short list shows how far it is).

    Raises CatalogueError where the folder holds another plan or cannot be written, and for no input at all.
    """
    if not inputs:
        raise CatalogueError("There is nothing to classify: no argument leads to a file or a position.")
    ids = [one.id for one in inputs]
    if len(set(ids)) < len(ids):
        raise ValueError("Ids of a plan are unique.")
    group = group or min(GROUP, max(LEAST, len(ids) // 64 // LEAST * LEAST))
    # Enough shards for every core to have some, and none so small that reading it costs more than its work.
    size = min(shard, max(group, math.ceil(len(ids) / (4 * cores))))
    beside = checkpoints.beside if how.how_sure else lambda card: ""
    asked = tuple(Asked(card.name, card.sha256, tuple(card.label_names), beside(card)) for card in cards)
    plan = Plan(folder, len(ids), math.ceil(len(ids) / size), group, digest(ids), asked, how)
    if (folder / MANIFEST).exists():
        return _same(read(folder), plan)
    try:
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        _write_inputs(folder / INPUTS, inputs, plan.shards)
        runs.write_json(folder / MANIFEST, _told(plan))
    except OSError as error:
        raise CatalogueError(f"The folder {folder} cannot be written to ({error.strerror or error}).") from error
    return plan


def read(folder: Path) -> Plan:
    """The plan that a folder holds; raises CatalogueError for a folder without one."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise CatalogueError(f"{folder} holds no classification: there is no {MANIFEST} in it.") from error
    except ValueError as error:
        raise CatalogueError(f"{folder / MANIFEST} is damaged: begin in another folder.") from error
    with mapped(lambda _: CatalogueError(f"{folder / MANIFEST} is of another program: begin in another folder.")):
        asked = tuple(Asked(**{**one, "label_names": tuple(one["label_names"])}) for one in told.pop("asked"))
        return Plan(folder=folder, asked=asked, how=How(**told.pop("how")), **told)


def cards(plan: Plan) -> list[Checkpoint]:
    """The checkpoints that are asked; raises CatalogueError where the weights under a name are others by now."""
    found = [tasks.require(checkpoints.find(one.name), "classification") for one in plan.asked]
    for card, one in zip(found, plan.asked, strict=True):
        if card.sha256 != one.sha256:
            raise CatalogueError(
                f"{one.name} was replaced since {plan.folder} was begun: bring the old weights back, or begin in "
                "another folder."
            )
        if one.beside and checkpoints.beside(card) != one.beside:
            raise CatalogueError(
                f"{one.name} was calibrated anew since {plan.folder} was begun: begin in another folder, so that one "
                "table does not mix two calibrations."
            )
    return found


def shard_of(id: str, shards: int) -> int:
    """The shard of an id: the same on every machine, and for whatever else is in the list."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big") % shards


def digest(ids: Iterable[str]) -> str:
    """SHA-256 of texts in order."""
    found = hashlib.sha256()
    for text in ids:
        found.update(text.encode() + b"\n")
    return found.hexdigest()


def _told(plan: Plan) -> dict[str, Any]:
    told = asdict(plan)
    del told["folder"]
    # As earlier versions wrote it where they could have: their parts are marked with it.
    if not plan.how.how_sure:
        del told["how"]["how_sure"]
    for one in told["asked"]:
        if not one["beside"]:
            del one["beside"]
    return told


def _same(old: Plan, new: Plan) -> Plan:
    """The plan in a folder, where it is what is asked for now; a share of the cores is no other plan."""
    if old.version != new.version:
        raise CatalogueError(
            f"{old.folder} was begun by version {old.version}, this is {new.version}: finish it with that one, or "
            "begin in another folder."
        )
    if old.ids != new.ids:
        raise CatalogueError(
            f"{old.folder} holds a classification of another list ({old.count:,} inputs, not these {new.count:,}): "
            "name another folder."
        )
    if [one.name for one in old.asked] != [one.name for one in new.asked]:
        raise CatalogueError(
            f"{old.folder} asks {', '.join(one.name for one in old.asked)}: name the same checkpoints, or another "
            "folder."
        )
    if json.loads(json.dumps(asdict(old.how))) != json.loads(json.dumps(asdict(new.how))):
        raise CatalogueError(f"{old.folder} was begun with other options: give the same ones, or name another folder.")
    cards(old)
    return old


def _write_inputs(path: Path, inputs: Sequence[Input], shards: int) -> None:
    """A row an input, sorted by shard, so that a shard is read without the rest."""
    places = [shard_of(one.id, shards) for one in inputs]
    order = sorted(range(len(inputs)), key=lambda index: places[index])
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with parquet.ParquetWriter(unfinished, _SCHEMA, compression="zstd") as writer:
        for batch in _chunks(order, 10_000):
            rows = [
                {
                    "order": index,
                    "shard": places[index],
                    "id": (one := inputs[index]).id,
                    "file": one.file,
                    "ra": None if one.position is None else one.position[0],
                    "dec": None if one.position is None else one.position[1],
                    "error": one.error,
                }
                for index in batch
            ]
            writer.write_table(pa.Table.from_pylist(rows, _SCHEMA))
    unfinished.replace(path)


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _input(row: dict[str, Any]) -> Input:
    position = None if row["ra"] is None else (row["ra"], row["dec"])
    return Input(row["id"], row["file"], position, row["error"])
