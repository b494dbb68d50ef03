"""List on a checkpoint's card which cutouts it has seen, from the data set that it was trained on.

For checkpoints of before runs listed them. The split is drawn again as the card says and has to give as many training
and validation cutouts, and as many of each class, as the card says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from .. import checkpoints
from ..datasets import splits
from ..evaluation import Images, parts, unseen
from ..evaluation.parts import Part
from ..schema import Checkpoint, Cutouts, DatasetError, Reports, RunConfig, Seen, SeenList

NOT_STARTS = ("", "none", "imagenet")


def list_seen(
    card: Checkpoint, *, data_dir: str = "", dataset: str = "", nothing_else: bool = False
) -> tuple[Checkpoint, SeenList]:
    """Write the list beside the card; return the card and what it now says of the list.

    An average gets what its parents list. ``nothing_else`` states that ancestors without a list saw no other cutouts.
    DatasetError where the data set is not the one that the card speaks of.
    """
    if card.provenance.parents:
        changed = checkpoints.update(card, seen=checkpoints.merged(_parents(card)))
    else:
        changed = _from_data_set(card, data_dir, dataset, nothing_else=nothing_else)
    assert changed.provenance.seen is not None
    return changed, changed.provenance.seen


def _from_data_set(card: Checkpoint, data_dir: str, dataset: str, *, nothing_else: bool) -> Checkpoint:
    config = parts.config_of(card, data_dir=data_dir, dataset=dataset)
    train = parts.select(card, config, "train")
    images = {"train": train.images(card), "validation": parts.select(card, config, "validation").images(card)}
    _check(card, train, images)
    ancestors = _ancestors(card)
    own = Seen(images["train"].cutouts, images["validation"].cutouts)
    listed = [checkpoints.seen(found) for _, found in ancestors if found is not None]
    missing = tuple(name for name, found in ancestors if found is None or checkpoints.seen(found) is None)
    rest = Seen(stated=missing) if nothing_else else Seen(unlisted=missing)
    seen = checkpoints.merged([own, *[found for found in listed if found is not None], rest])
    known = card.provenance
    provenance = replace(
        known,
        selected_on=known.selected_on or f"validation of fold {config.fold}, {len(own.selected):,} cutouts in view",
        calibrated_on=known.calibrated_on or "nothing",
    )
    return checkpoints.update(
        card, seen=seen, provenance=provenance, reports=_reports(card, config, train, images, seen)
    )


def _check(card: Checkpoint, train: Part, images: dict[str, Images]) -> None:
    """DatasetError where the split, drawn again, is not the one of the card."""
    known, title = card.provenance, train.data_set.title
    found, wanted = (len(images["train"]), len(images["validation"])), (known.train_count, known.validation_count)
    if None in wanted:
        raise DatasetError(
            f"The card of {card.name} does not say how many cutouts it was trained and validated on, so that no data "
            "set can be shown to be its own."
        )
    if found != wanted:
        raise DatasetError(
            f"{title} has {found[0]:,} training and {found[1]:,} validation cutouts in fold {known.fold} of the split "
            f"{known.split!r}, the card of {card.name} says {wanted[0]:,} and {wanted[1]:,}: give the data set that it "
            "was trained on."
        )
    counts = np.bincount(images["train"].labels.numpy(), minlength=len(card.label_names))
    shares = dict(zip(card.label_names, (counts / counts.sum()).tolist(), strict=True))
    said = known.class_fractions or {}
    if other := [name for name in said if abs(said[name] - shares.get(name, 0.0)) > 1e-6]:
        raise DatasetError(
            f"{shares.get(other[0], 0.0):.1%} of the training cutouts of {title} are {other[0]}, the card of "
            f"{card.name} says {said[other[0]]:.1%}: give the data set that it was trained on."
        )


def _ancestors(card: Checkpoint) -> list[tuple[str, Checkpoint | None]]:
    """Starting weights and teachers that the card names, each with the checkpoint on the shelf that has its hash."""
    shelf = {found.sha256: found for found in checkpoints.listing()}
    known, named = card.provenance, list[tuple[str, Checkpoint | None]]()
    if known.started_from is not None:
        named.append((f"starting weights {known.started_from}", shelf.get(known.started_from_sha256 or "")))
    elif (known.weights or "none") not in NOT_STARTS:
        named.append((f"starting weights {known.weights}", None))
    if known.teachers is not None:
        named += [(f"teacher {one.name}", shelf.get(one.sha256)) for one in known.teachers]
    elif known.teacher:
        named.append((f"teacher {known.teacher}", None))
    return named


def _parents(card: Checkpoint) -> Sequence[Seen]:
    """What the parents of an average have seen; those that are not on the shelf, or do not say, are not listed."""
    shelf = {found.sha256: found for found in checkpoints.listing()}
    found = []
    for parent in card.provenance.parents or ():
        seen = checkpoints.seen(shelf[parent.sha256]) if parent.sha256 in shelf else None
        found.append(Seen(unlisted=(f"parent {parent.name}",)) if seen is None else seen)
    return found


def _reports(card: Checkpoint, config: RunConfig, train: Part, images: dict[str, Images], seen: Seen) -> Reports:
    """The evaluations on the card with how much of them was seen, where they are of the same number of cutouts."""
    measured: dict[str, Cutouts] = {"validation": images["validation"].cutouts}
    if "validation_apart" in card.reports.table:
        indices = splits.exclude_near(
            train.data_set.items, np.asarray(images["validation"].indices), np.asarray(train.indices)
        )
        measured["validation_apart"] = Part(train.data_set, tuple(indices.tolist())).images(card).cutouts
    if "test" in card.reports.table:
        measured["test"] = parts.select(card, config, "test").images(card).cutouts
    table = dict(card.reports.table)
    for name, cutouts in measured.items():
        if isinstance(table.get(name), dict) and table[name].get("count") == len(cutouts):
            table[name] = {**table[name], "seen": asdict(unseen.count(seen, cutouts))}
    return Reports(table)
