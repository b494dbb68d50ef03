"""The end of a run: its weights become a checkpoint with everything that is known of where they come from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from vlass_explorer import checkpoints, runs
from vlass_explorer.checkpoints.config import plain
from vlass_explorer.evaluation import evaluate_images, evaluate_mask_images, unseen
from vlass_explorer.learning.data import Data
from vlass_explorer.learning.provenance import Start, provenance, seen
from vlass_explorer.schema import Checkpoint, MaskReport, Report, Reports, RunConfig

from .calibrating import after_fit


def keep(
    folder: Path,
    config: RunConfig,
    data: Data,
    model: nn.Module,
    model_args: dict[str, Any],
    device: str,
    start: Start,
) -> Checkpoint:
    """Round the weights as they will be stored, evaluate those, write report.json and the checkpoint.

    The test split is read here for the first time, after everything is decided.
    """
    checkpoints.round_to_stored(model).eval()
    splits = {"validation": data.validation}
    if data.test_indices:
        splits["test"] = data.test()
    reports: dict[str, Report | MaskReport] = {}
    own = seen(data, start.seen)
    for name, images in splits.items():
        if len(images):
            overlap = unseen.count(own, images.cutouts)
            if config.task == "segmentation":
                reports[name] = evaluate_mask_images(model, images, data.data_set, device=device, seen=overlap).report
            else:
                found = evaluate_images(model, images, data.label_names, device=device, seen=overlap)
                reports[name] = found.report
            told = ", ".join(f"{word} {value:.4f}" for word, value in headline(reports[name]).items())
            print(f"{name} of fold {config.fold}: {told.replace('_', ' ')}", flush=True)
            print(overlap.sentence, flush=True)
    results = {name: plain(asdict(report)) for name, report in reports.items()}
    # The validation report stands at the top, too: readers of one report need not know of splits.
    runs.write_json(folder / "report.json", {**results["validation"], **results})
    runs.heartbeat(folder, phase="saving", metrics=headline(reports["validation"]))
    made = checkpoints.save(
        unused_path(config.name),
        model,
        architecture=config.architecture,
        model_args=model_args,
        label_names=data.label_names,
        input_spec=data.spec,
        reports=Reports(results),
        provenance=provenance(folder.name, config, data, start),
        seen=own,
        task=config.task,
    )
    return after_fit(made, config, data, device) if data.calibration_indices else made


def headline(report: Report | MaskReport) -> dict[str, float]:
    """The figures of a report that stand for it."""
    if isinstance(report, MaskReport):
        return {"mean_iou": report.mean_iou, "pixel_accuracy": report.pixel_accuracy}
    return {"macro_f1": report.macro_f1, "accuracy": report.accuracy}


def unused_path(name: str) -> Path:
    """A checkpoint folder of that name, numbered from the second on."""
    parent = checkpoints.folder()
    number = 1
    while (path := parent / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
