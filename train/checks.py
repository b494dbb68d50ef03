"""A look before a run: class counts, unreadable files, parameters, device; trains nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vlass_explorer.schema import ConfigError, DatasetError, ExplorerError, RunConfig

from . import device
from .data import open_data_set, split_indices
from .network import build

NAMED = 20


def check(config: RunConfig, *, read: bool = True) -> dict[str, Any]:
    """What a run of this configuration would find, as plain values.

    ``errors`` would stop the run, ``warnings`` would not. ``read`` opens every file, which names the unreadable ones.
    """
    errors: list[str] = []
    warnings: list[str] = []
    found: dict[str, Any] = {"errors": errors, "warnings": warnings, "counts": {}, "unreadable": {}}
    try:
        found["device"] = device.resolve(config.device)
    except ConfigError as error:
        errors.append(str(error))
    if found.get("device") == "cpu":
        warnings.append("No GPU is used: training runs on the CPU.")
    try:
        data_set = open_data_set(config)
        train, validation = split_indices(data_set, config)
    except (ConfigError, DatasetError) as error:
        errors.append(str(error))
        return found
    labels = tuple(data_set.label_names)
    for split, indices in (("train", train), ("validation", validation)):
        counts = Counter(data_set.items[i].label for i in indices)
        found["counts"][split] = {name: counts[k] for k, name in enumerate(labels)}
    small = [name for name, n in found["counts"]["train"].items() if n < 20]
    if small:
        warnings.append(f"Very few training cutouts of {', '.join(small)}.")
    if read:
        for item in data_set.items:
            try:
                item.read()
            except ExplorerError as error:
                found["unreadable"][item.name] = str(error)
        if found["unreadable"]:
            names = ", ".join(list(found["unreadable"])[:3])
            errors.append(f"{len(found['unreadable'])} files cannot be read: {names}.")
        found["unreadable"] = dict(list(found["unreadable"].items())[:NAMED])
    try:
        model, model_args = build(config, labels)
    except ExplorerError as error:
        errors.append(str(error))
        return found
    found["model_args"] = model_args
    found["parameters"] = sum(p.numel() for p in model.parameters())
    found["trained_parameters"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found["steps_per_epoch"] = max(1, len(train) // config.batch_size)
    return found
