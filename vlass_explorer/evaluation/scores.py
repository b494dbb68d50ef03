"""What a checkpoint says of a labelled data set: scores of every cutout, and from them the report and its curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import preprocess
from ..datasets import DataSet
from ..schema import Checkpoint, DatasetError, ExplorerError, FloatArray, Report
from . import metrics

BATCH_SIZE = 64


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Labels (N) and softmax scores (N, K) of the cutouts that could be read, with the names of all others."""

    label_names: tuple[str, ...]
    indices: NDArray[np.int64]
    """Position of each cutout in its data set (N)."""
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: FloatArray
    unreadable: Mapping[str, str]
    """Name of a cutout -> why it has no score."""

    def report(self) -> Report:
        """The report of record of these scores, mistakes named."""
        return metrics.report(self.labels, self.probabilities, self.label_names, names=self.names)


def matched(card: Checkpoint, data_set: DataSet) -> NDArray[np.int64]:
    """For each class of the data set its index in the checkpoint's classes (K).

    Raises DatasetError where the two do not know the same classes.
    """
    if set(card.label_names) != set(data_set.label_names):
        raise DatasetError(
            f"{card.name} knows {', '.join(card.label_names)}; the data set has {', '.join(data_set.label_names)}: "
            "choose a data set with the same classes."
        )
    return np.array([card.label_names.index(name) for name in data_set.label_names], dtype=np.int64)


def evaluate(
    model: nn.Module,
    card: Checkpoint,
    data_set: DataSet,
    indices: Iterable[int],
    *,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Scores of the chosen cutouts in evaluation mode, one forward pass each, by the preprocessing of the pages.

    ``progress`` is told the share that is done after each batch and may raise to stop. A cutout that cannot be read or
    preprocessed is named in ``unreadable``. Raises DatasetError where the classes differ or nothing can be read.
    """
    order = matched(card, data_set)
    wanted = list(indices)
    kept: list[int] = []
    rows: list[Tensor] = []
    unreadable: dict[str, str] = {}
    for start in range(0, len(wanted), BATCH_SIZE):
        batch: list[Tensor] = []
        for index in wanted[start : start + BATCH_SIZE]:
            item = data_set.items[index]
            try:
                batch.append(preprocess.to_tensor(item.read(), card.input_spec))
            except ExplorerError as error:
                unreadable[item.name] = str(error)
            else:
                kept.append(index)
        if batch:
            with torch.inference_mode():
                rows.append(model(torch.cat(batch)).double().softmax(dim=1).cpu())
        if progress is not None:
            progress(min(1.0, (start + BATCH_SIZE) / len(wanted)))
    if not rows:
        why = next(iter(unreadable.values()), "it is empty")
        raise DatasetError(f"No cutout of this split can be evaluated: {why.rstrip('.')}.")
    labels = order[[data_set.items[index].label for index in kept]]
    names = tuple(data_set.items[index].name for index in kept)
    return Evaluation(
        card.label_names, np.array(kept, dtype=np.int64), names, labels, torch.cat(rows).numpy(), unreadable
    )
