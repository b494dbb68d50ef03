"""The end of a run: its weights become a checkpoint with everything that is known of where they come from."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import timm
import torch
from torch import nn

import vlass_explorer
from vlass_explorer import checkpoints, runs
from vlass_explorer.checkpoints.config import plain
from vlass_explorer.evaluation import evaluate_images
from vlass_explorer.recipes import to_yaml
from vlass_explorer.schema import Checkpoint, Provenance, Reports, RunConfig

from .data import Data


def keep(
    folder: Path,
    config: RunConfig,
    data: Data,
    model: nn.Module,
    model_args: dict[str, Any],
    device: str,
    start: dict[str, str],
) -> Checkpoint:
    """Round the weights as they will be stored, evaluate those, write report.json and the checkpoint.

    The test split is read here for the first time, after everything is decided.
    """
    checkpoints.as_stored(model).eval()
    splits = {"validation": data.validation}
    if data.test_indices:
        splits["test"] = data.test()
    reports = {}
    for name, images in splits.items():
        if len(images):
            reports[name] = evaluate_images(model, images, data.label_names, device=device).report
            told = f"macro F1 {reports[name].macro_f1:.4f}, accuracy {reports[name].accuracy:.4f}"
            print(f"{name} of fold {config.fold}: {told}", flush=True)
    results = {name: plain(asdict(report)) for name, report in reports.items()}
    # The validation report stands at the top, too: readers of one report need not know of splits.
    runs.write_json(folder / "report.json", {**results["validation"], **results})
    report = reports["validation"]
    runs.beat(folder, phase="saving", metrics={"macro_f1": report.macro_f1, "accuracy": report.accuracy})
    return checkpoints.save(
        free(config.name),
        model,
        architecture=config.architecture,
        model_args=model_args,
        label_names=data.label_names,
        input_spec=data.spec,
        reports=Reports(results),
        provenance=replace(provenance(folder.name, config, data), **start),  # type: ignore[arg-type]
    )


def free(name: str) -> Path:
    """A checkpoint folder of that name, numbered from the second on."""
    parent = checkpoints.folder()
    number = 1
    while (path := parent / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path


def provenance(run: str, config: RunConfig, data: Data) -> Provenance:
    """Where the weights come from."""
    source = data.data_set
    return Provenance(
        data=source.title,
        dataset=config.dataset,
        data_licence=source.licence,
        citation=source.citation,
        simulated=source.simulated,
        split=config.split,
        fold=config.fold,
        split_seed=config.split_seed,
        train_count=len(data.train),
        validation_count=len(data.validation),
        test_count=len(data.test_indices),
        unreadable_count=len(data.unreadable),
        class_fractions=data.class_fractions(),
        recipe=config.recipe or "none",
        seed=config.seed,
        epochs=config.epochs,
        weights=config.weights,
        teacher=config.teacher,
        run=run,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={
            "vlass_explorer": vlass_explorer.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
        configuration=to_yaml(config, differences=True),
    )
