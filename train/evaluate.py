"""Scores of trained weights on one split: one forward pass a cutout, test-time augmentation only where asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vlass_explorer import checkpoints, runs
from vlass_explorer.datasets import splits
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.evaluation import metrics
from vlass_explorer.schema import Checkpoint, CheckpointError, ConfigError, DatasetError, Report, RunConfig

from .data import Images, open_data_set, split_indices, test_indices


@torch.inference_mode()
def scores(model: nn.Module, images: Images, *, device: str = "cpu", tta: bool = False, batch_size: int = 64) -> Tensor:
    """Softmax scores (N, K); with ``tta`` their mean over the eight rotations and mirror images."""
    model.to(device).eval()
    rows = []
    for batch in images.batches(batch_size):
        x, _ = images.plain(batch, device)
        views = [x]
        if tta:
            turned = [x.rot90(k, (2, 3)) for k in range(4)]
            views = turned + [view.flip(3) for view in turned]
        rows.append(torch.stack([model(view).float().softmax(dim=1) for view in views]).mean(dim=0).cpu())
    return torch.cat(rows)


def evaluate(
    model: nn.Module, images: Images, label_names: tuple[str, ...], *, device: str = "cpu", tta: bool = False
) -> Report:
    """The report of record of a model on a split; CheckpointError where its scores are no numbers."""
    probabilities = scores(model, images, device=device, tta=tta)
    if broken := int((~probabilities.isfinite()).any(dim=1).sum()):
        raise CheckpointError(f"The model gives no finite score for {broken} of {len(probabilities)} cutouts.")
    return metrics.report(images.labels.numpy(), probabilities.numpy(), label_names, names=images.names)


def card_of(name: str) -> Checkpoint:
    """A checkpoint by its name, the path of its folder, or the run that made it."""
    if (Path(name) / checkpoints.CONFIG).is_file():
        return checkpoints.read(Path(name))
    try:
        return checkpoints.find(name)
    except CheckpointError as unknown:
        found = [run for run in runs.listing() if run.id == Path(name).name]
        if not found:
            raise unknown
        made = runs.read_status(found[0].path).get("checkpoint")
        if not made:
            raise ConfigError(f"The run {name} has made no checkpoint; it is {found[0].phase}.") from None
        return checkpoints.find(made)


def test(
    name: str,
    *,
    data_dir: str,
    split: str,
    fold: int,
    dataset: str = "",
    part: str = "validation",
    apart: bool = False,
    tta: bool = False,
    device: str = "cpu",
) -> tuple[Checkpoint, Report]:
    """Report of a checkpoint on the validation or test part of a split; DatasetError where its classes are others.

    ``apart`` leaves out cutouts with a training cutout closer than 270 arcsec: what is left is independent on the sky.
    """
    card = card_of(name)
    provenance = card.provenance
    config = RunConfig(
        dataset=dataset or provenance.dataset or "class_folders",
        data_dir=data_dir,
        split=split,  # type: ignore[arg-type]
        fold=fold,
        seed=provenance.seed or 0,
        split_seed=provenance.split_seed or 0,
    )
    data_set = open_data_set(config)
    if tuple(data_set.label_names) != card.label_names:
        if set(data_set.label_names) != set(card.label_names):
            raise DatasetError(
                f"{card.name} knows {', '.join(card.label_names)}; the data set has {', '.join(data_set.label_names)}."
            )
        order = {name: k for k, name in enumerate(card.label_names)}
        items = [replace(item, label=order[data_set.label_names[item.label]]) for item in data_set.items]
        data_set = replace(data_set, items=items, label_names=card.label_names)
    indices = test_indices(data_set, config) if part == "test" else split_indices(data_set, config)[1]
    if apart:
        training = split_indices(data_set, config)[0]
        indices = splits.apart(data_set.items, np.asarray(indices), np.asarray(training)).tolist()
    if not indices:
        raise DatasetError(f"The split {split!r} of {data_set.title} has no test part; take --part validation.")
    images = Images(data_set, indices, card.input_spec, None, stretched(data_set, card.input_spec))
    return card, evaluate(checkpoints.load(card, device), images, card.label_names, device=device, tta=tta)
