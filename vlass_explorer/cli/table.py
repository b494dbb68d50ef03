"""The table that ``predict --out`` writes: a row for every input in the order given, whatever became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import checkpoints, measure
from ..catalogue import rows
from ..export import tables
from ..flips import Flips
from ..predict import Matched, Outcome
from ..schema import Checkpoint, CheckpointError, Cutout, ExplorerError, Row, Seen
from .inputs import ids
from .terminal import complain

if TYPE_CHECKING:
    from ..calibration import Sure


class Table:
    """Rows of a table to come; ``path`` is checked at once, so that no work is done for nothing.

    ``names`` are the inputs, each with the sentence that says why it leads to no file, or "".  A row's id is its
    input, with a number behind it where an input is given again.
    """

    def __init__(
        self,
        path: Path,
        names: Sequence[tuple[str, str]],
        card: Checkpoint,
        position: tuple[float, float] | None,
        *,
        overwrite: bool,
        local_background: bool = False,
    ) -> None:
        tables.check_target(path, overwrite=overwrite)
        self.path, self.overwrite, self.card, self.position = path, overwrite, card, position
        self.local_background = local_background
        self.seen = _seen(card)
        self.rows: dict[int, Row] = {}
        self.ids, _ = ids([name for name, _ in names])
        for index, (name, reason) in enumerate(names):
            if reason:
                self.fail(index, name, reason)

    def fail(self, index: int, name: str, error: ExplorerError | str) -> None:
        """The input could not be read."""
        self.rows[index] = rows.failed(self.ids[index], Path(name).name, error, self.card, position=self.position)

    def add(
        self,
        index: int,
        cutout: Cutout,
        outcome: Outcome,
        matched: Matched | None = None,
        flips: Flips | ExplorerError | None = None,
        sure: Sure | None = None,
    ) -> None:
        """The input was read and asked about, perhaps at the beam of training, until its label flips, how sure."""
        measured = measure.measure(cutout, local_background=self.local_background)
        self.rows[index] = rows.of(
            cutout,
            outcome,
            measured,
            self.card,
            id=self.ids[index],
            position=self.position,
            seen=self.seen,
            matched=matched,
            flips=flips,
            structure=measure.structure(cutout),
            sure=sure,
        )

    def write(self) -> str:
        """Write the file and return a line that says so; raises TableError."""
        found = [self.rows[index] for index in range(len(self.ids))]
        tables.write_rows(self.path, found, overwrite=self.overwrite)
        count = f"{len(found)} row" + ("s" if len(found) != 1 else "")
        bad = sum(row.error is not None for row in found)
        return f"{self.path}: {count}" + (f", {bad} of them with an error" if bad else "")


def _seen(card: Checkpoint) -> Seen | None:
    """The cutouts that the checkpoint has seen; a list that cannot be read is told once, and all are unknown."""
    try:
        return checkpoints.seen(card)
    except CheckpointError as error:
        complain(str(error))
        return None
