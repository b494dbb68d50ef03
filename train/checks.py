"""A look before a run: class counts, unreadable files, duplicates across splits, disk, memory and time of a step."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vlass_explorer import checkpoints, devices, progress, runs
from vlass_explorer.checkpoints import starting
from vlass_explorer.datasets import DataSet
from vlass_explorer.evaluation.parts import open_data_set
from vlass_explorer.learning.data import calibration_indices, check_task, load, split_indices, test_indices
from vlass_explorer.learning.network import build
from vlass_explorer.runs import locks
from vlass_explorer.schema import ConfigError, ExplorerError, RunConfig, UnreadableItem

NAMED = 20
DECIDING = ("stretch", "normalisation", "field_of_view")
"""Options that decide which pixels a model sees."""
STATES = 8
"""Copies of the weights that a run may have on disk at a time: two saved states with two moments, average and best."""


def check(config: RunConfig, *, read: bool = True, steps: bool = True, find_rate: bool = False) -> dict[str, Any]:
    """What a run of this configuration would find, as plain values.

    ``errors`` would stop the run, ``warnings`` would not, ``notes`` are no matter of the configuration. ``read`` opens
    every file, which names the unreadable ones and those that are in two splits; ``steps`` trains two steps, see
    ``dryrun.measure``, unless a run has the device; ``find_rate`` looks for a learning rate, see ``rates.find``.
    """
    errors: list[str] = []
    warnings: list[str] = []
    found: dict[str, Any] = {
        "errors": errors,
        "warnings": warnings,
        "notes": [],
        "counts": {},
        "unreadable": {},
        "duplicates": [],
    }
    try:
        found["device"] = devices.of_run(config)[0]
    except ConfigError as error:
        errors.append(str(error))
    if found.get("device") == "cpu":
        found["notes"].append("No GPU is used: training runs on the CPU.")
    try:
        data_set = open_data_set(config)
        check_task(data_set, config)
        train, validation = split_indices(data_set, config)
        parts = {"train": train, "validation": validation, "test": test_indices(data_set, config)}
        parts["calibration"] = calibration_indices(data_set, config)
    except ExplorerError as error:
        errors.append(str(error))
        return found
    labels = tuple(data_set.label_names)
    for split, indices in parts.items():
        if not indices:
            continue
        counts = Counter(data_set.items[i].label for i in indices)
        names = ("images with masks",) if data_set.is_masked else labels
        found["counts"][split] = {name: counts[k] for k, name in enumerate(names)}
    small = [name for name, n in found["counts"]["train"].items() if n < 20]
    if small:
        warnings.append(f"Very few training cutouts of {', '.join(small)}.")
    if read:
        _look(data_set, parts, config, found)
    try:
        model, model_args = build(config, labels)
    except ExplorerError as error:
        errors.append(str(error))
        return found
    start = starting.starting_checkpoint(config)
    if start is not None and (
        other := [key for key in DECIDING if getattr(start.input_spec, key) != getattr(config, key)]
    ):
        warnings.append(
            f"{start.name} was trained with another {' and another '.join(other)}: it sees other pixels here."
        )
    found["model_args"] = model_args
    found["parameters"] = sum(p.numel() for p in model.parameters())
    found["trained_parameters"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found["steps_per_epoch"] = max(1, len(train) // config.batch_size)
    _disk(found)
    if (steps or find_rate) and not errors:
        _dry_run(config, found, steps=steps, find_rate=find_rate)
    return found


def _look(data_set: DataSet, parts: Mapping[str, Sequence[int]], config: RunConfig, found: dict[str, Any]) -> None:
    """Open every file of the splits: which cannot be read, and which pixels are in two splits."""
    unreadable: dict[str, str] = {}
    seen: dict[bytes, tuple[str, str]] = {}
    pairs: list[list[str]] = []
    count, done = sum(len(indices) for indices in parts.values()), 0
    for split, indices in parts.items():
        for index in indices:
            item = data_set.items[index]
            done += 1
            progress.report(done, count)
            try:
                pixels = item.read().pixels
            except UnreadableItem as error:
                unreadable[item.name] = error.why
                continue
            other = seen.setdefault(hashlib.blake2b(pixels.tobytes()).digest(), (split, item.name))
            if other[0] != split:
                pairs.append([f"{other[0]}: {other[1]}", f"{split}: {item.name}"])
    if unreadable:
        is_many = len(unreadable) > config.allow_unreadable * count
        names = ", ".join(list(unreadable)[:3])
        more = f" and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
        found["errors" if is_many else "warnings"].append(
            f"{len(unreadable)} of {count} cutouts cannot be read: {names}{more}."
        )
    found["unreadable"] = dict(list(unreadable.items())[:NAMED])
    found["duplicates"] = pairs[:NAMED]
    if pairs:
        found["warnings"].append(
            f"{len(pairs)} cutouts are in two splits with the same pixels, such as {' and '.join(pairs[0])}: "
            "scores will be too good."
        )


def _disk(found: dict[str, Any]) -> None:
    """Room for the saved states and for the checkpoint."""
    needed = found["parameters"] * 4 * STATES / 2**20
    for folder in {runs.root(), checkpoints.folder()}:
        place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
        free = shutil.disk_usage(place).free / 2**20
        found["disk_free_mib"] = min(free, found.get("disk_free_mib", free))
    found["disk_needed_mib"] = needed
    if found["disk_free_mib"] < needed:
        found["errors"].append(
            f"The disk has {found['disk_free_mib']:,.0f} MiB left, the run needs about {needed:,.0f}: free some space."
        )


def _dry_run(config: RunConfig, found: dict[str, Any], *, steps: bool, find_rate: bool) -> None:
    taken = devices.of_run(config)
    try:
        data = load(config, lambda: None)
        turn = locks.acquire_idle(runs.root(), taken)
        if turn is None:
            found["notes"].append(
                f"{' and '.join(taken)} {'is' if len(taken) == 1 else 'are'} taken by another run, so memory and "
                "time of a step were not measured; a run waits for its turn."
            )
            return
        # Here and not above: Lightning takes longer to import than all else that a check does.
        from . import dryrun, rates

        try:
            if find_rate:
                found["rate"] = rates.find(config, data, found["device"])
            measured = dryrun.measure(config, data, found["device"]) if steps else None
        finally:
            turn.close()
    except ExplorerError as error:
        found["errors"].append(str(error))
        return
    if find_rate and found["rate"]["suggested"] is None:
        found["errors"].append(found["rate"]["reason"])
    if measured is None:
        return
    found["measured"] = measured
    largest = measured["largest_batch_size"]
    if not measured["fits"]:
        advice = f"batch_size={largest} fits" if largest else "no batch fits: take a smaller img_size or architecture"
        found["errors"].append(f"batch_size={config.batch_size} does not fit into the memory of the GPU; {advice}.")
    elif largest < config.batch_size:
        found["warnings"].append(f"The free memory may be too small for this batch: about batch_size={largest} fits.")
