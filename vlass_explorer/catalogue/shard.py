"""A shard of a plan in, its file of answers out: what every engine runs, whether a pool, SLURM or Dask.

The same shard gives the same rows wherever and however often it runs: batches never cross row groups, and a row group
that is there already is not made again. An input that fails is a row with its sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from .. import __version__, checkpoints, cutouts, measure, predict
from ..schema import (
    Beam,
    CatalogueError,
    Checkpoint,
    CheckpointError,
    Cutout,
    CutoutError,
    ExplorerError,
    Row,
    Seen,
    Target,
)
from . import forward, parts, plan, rows
from .plan import Input, Plan

if TYPE_CHECKING:
    from ..archives import Client
    from ..calibration import Sure
    from ..calibration.asking import Asking

BATCH = 32
BATCH_PIXELS = 8 << 20
"""Pixels of a batch in memory at most, beyond the first image: whole tiles are asked about one by one."""


class Model(NamedTuple):
    """A checkpoint that is ready to be asked."""

    card: Checkpoint
    module: nn.Module
    seen: Seen | None
    version: str = __version__
    """Of the program, and what was made of the model (``forward``)."""
    ask: Asking | None = None
    """Says how sure an answer is, where the plan asks for it."""


def run(folder: Path, shard: int, device: str = "cpu") -> int:
    """Answer what a shard still lacks and return the number of its inputs; raises CatalogueError, CheckpointError."""
    made = plan.read(folder)
    inputs = made.inputs(shard)
    ids = [one.id for _, one in inputs]
    if parts.is_done(made, shard, ids):
        return len(ids)
    models = _models(folder, made.key, device)
    for number, group in enumerate(parts.groups(made, inputs)):
        here = [one for _, one in group]
        if not parts.is_done(made, shard, [one.id for one in here], number):
            answers = list(_answers(made, here, models, device))
            parts.write_group(made, shard, number, [one.id for one in here], answers)
    parts.join(made, shard, inputs)
    return len(ids)


@lru_cache(maxsize=1)
def _models(folder: Path, key: str, device: str) -> tuple[Model, ...]:
    """The models of a plan, loaded once a process."""
    made = plan.read(folder)
    return tuple(_model(card, device, how_sure=made.how.how_sure) for card in plan.cards(made))


def _model(card: Checkpoint, device: str, *, how_sure: bool) -> Model:
    module, mark = forward.fast(checkpoints.load(card, device), card.input_spec, device)
    version = f"{__version__}+{mark}" if mark else __version__
    if not how_sure:
        return Model(card, module, _seen(card), version)
    from .. import calibration  # here, as most plans do without

    return Model(card, module, _seen(card), version, calibration.asking(module, card, device=device))


def _seen(card: Checkpoint) -> Seen | None:
    """What the weights have seen; a list that cannot be read makes it unknown, in every row."""
    try:
        return checkpoints.seen(card)
    except CheckpointError:
        return None


def _answers(made: Plan, inputs: Sequence[Input], models: Sequence[Model], device: str) -> Iterator[Row]:
    """A row an input and model, in order."""
    for batch in _batches((one, opened(made, one)) for one in inputs):
        found = [cutout for _, cutout in batch if isinstance(cutout, Cutout)]
        measured = [
            measure.measure(cutout, local_background=made.how.local_background, flux=made.how.flux) for cutout in found
        ]
        shapes = [measure.structure(cutout) if made.how.flux else None for cutout in found]
        answers = [_asked(model, found, made.how.match, device) for model in models]
        positions = [one.position for one, cutout in batch if isinstance(cutout, Cutout)]
        known = [
            rows.about(cutout, number, position=position, structure=shape)
            for cutout, number, position, shape in zip(found, measured, positions, shapes, strict=True)
        ]
        seen = [rows.seen_each(model.seen, found, known) for model in models]
        place = 0
        for one, cutout in batch:
            if isinstance(cutout, Cutout):
                for model, answer, status in zip(models, answers, seen, strict=True):
                    outcome, matched = answer[place]
                    yield rows.of(
                        cutout,
                        outcome,
                        measured[place],
                        model.card,
                        id=one.id,
                        position=one.position,
                        seen=status[place],
                        matched=matched,
                        version=model.version,
                        sure=_sure(model, cutout, outcome, matched),
                        known=known[place],
                    )
                place += 1
                continue
            for model in models:
                name = Path(one.file).name or one.id
                yield rows.failed(one.id, name, cutout, model.card, position=one.position, version=model.version)


def _asked(
    model: Model, found: list[Cutout], match: bool, device: str
) -> list[tuple[predict.Outcome, predict.Matched | None]]:
    if match:
        both = predict.predict_both(model.module, model.card, found, batch_size=BATCH, device=device)
        return [(outcome, matched) for _, outcome, matched in both]
    one = predict.predict_each(model.module, model.card, found, batch_size=BATCH, device=device)
    return [(outcome, None) for _, outcome in one]


def _sure(model: Model, cutout: Cutout, outcome: predict.Outcome, matched: predict.Matched | None) -> Sure | None:
    return None if model.ask is None or isinstance(outcome, ExplorerError) else model.ask(cutout, outcome, matched)


def _batches(
    opened: Iterable[tuple[Input, Cutout | ExplorerError]],
) -> Iterator[list[tuple[Input, Cutout | ExplorerError]]]:
    batch: list[tuple[Input, Cutout | ExplorerError]] = []
    pixels = 0
    for one, cutout in opened:
        more = cutout.pixels.size if isinstance(cutout, Cutout) else 0
        if batch and (len(batch) == BATCH or pixels + more > BATCH_PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append((one, cutout))
        pixels += more
    if batch:
        yield batch


def opened(made: Plan, one: Input) -> Cutout | ExplorerError:
    """The cutout of an input, or the sentence that says why there is none."""
    if one.error:
        return CatalogueError(one.error)
    try:
        if one.position is not None and not one.file:
            name, content = piece(made, one)
            return cutouts.read(content, name)
        reading: dict[str, Any] = dict(made.how.reading)
        if reading.get("beam") is not None:
            reading["beam"] = Beam(**reading["beam"])
        if not made.how.survey_noise:
            return cutouts.read(Path(one.file), **reading)
        from ..archives import survey_noise  # here, as it brings what speaks to the network

        return survey_noise.read(Path(one.file), **reading)
    except ExplorerError as error:
        return error


def piece(made: Plan, one: Input) -> tuple[str, bytes]:
    """Name and content of the image that is cut from tiles around a position; raises ExplorerError with the reason."""
    client = _client(made.how.tiles)
    if client is None or one.position is None:
        raise CatalogueError("Name the folder of the tiles that positions are cut from (--tiles).")
    from ..archives import local_tiles, seek

    size = made.how.size
    target = Target(one.id, *one.position)
    pieces = list(seek.seek(local_tiles, target, size, 2 * size, client))
    for each in pieces:
        if each.found.verdict in ("found", "partly outside") and each.image is not None:
            name, content = each.image
            return name, content if isinstance(content, bytes) else content.data
    told = pieces[0].found
    raise CutoutError(told.error or f"{str(told.verdict).capitalize()}: {told.reason}")


@lru_cache(maxsize=1)
def _client(tiles: str) -> Client | None:
    if not tiles:
        return None
    from ..archives import Client

    return Client(tiles=Path(tiles))
