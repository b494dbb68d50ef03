"""Images with masks small enough to train on in seconds, and a checkpoint of random weights that labels pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from vlass_explorer import checkpoints, segmentation
from vlass_explorer.schema import Checkpoint, InputSpec, Provenance, Reports

CLASSES = ("background", "blob", "ring")
ARGS = {"encoder": "test_resnet", "pyramid": 64, "in_chans": 1}
SPEC = InputSpec(
    stretch="linear", field_of_view=32, field_of_view_pixels=32, img_size=32, normalisation="none",
    survey="TEST", beam_arcsec=(3.0, 3.0), pixel_scale_arcsec=1.0,
)  # fmt: skip
VALIDATION = {
    "label_names": CLASSES, "count": 4, "pixels": 4096, "mean_iou": 0.5, "mean_iou_interval": (0.4, 0.6),
    "pixel_accuracy": 0.9, "boundary_f1": 0.3, "tolerance": 3.0, "loss": 0.2,
    "per_class": {n: {"iou": 0.5, "precision": 0.6, "recall": 0.7, "boundary_f1": 0.3, "support": 9} for n in CLASSES},
    "confusion": [[3, 1, 0], [0, 2, 0], [0, 0, 1]], "worst": [{"index": 0, "name": "0.npy", "mean_iou": 0.1}],
}  # fmt: skip


def make(root: Path, count: int = 12, side: int = 40, seed: int = 0) -> Path:
    """Blobs and rings at random places of ``count`` images, with masks and dataset.yaml; rows from the south."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for index in range(count):
        distance = np.hypot(y - random.uniform(14, side - 14), x - random.uniform(14, side - 14))
        shape = distance < 6 if index % 2 else (distance > 4) & (distance < 9)
        image = shape + random.normal(0, 0.05, (side, side))
        np.save(root / "images" / f"{index:02d}.npy", image.astype(np.float32))
        Image.fromarray(np.where(shape, 1 if index % 2 else 2, 0).astype(np.uint8)).save(
            root / "masks" / f"{index:02d}.png"
        )
    (root / "dataset.yaml").write_text(
        f"label_names: [{', '.join(CLASSES)}]\nrow0: south\nbeam_arcsec: [3, 3]\npixel_scale_arcsec: 1\n"
    )
    return root


def words(root: Path, **changes: object) -> list[str]:
    """Options of a run of a few seconds on that folder."""
    options: dict[str, object] = {
        "name": "tiny", "data_dir": root, "split": "random", "task": "segmentation", "architecture": "panoptic_fpn",
        "encoder": "test_resnet", "pyramid": 64, "img_size": 32, "field_of_view": 32, "field_of_view_pixels": 32,
        "stretch": "linear", "normalisation": "none", "epochs": 2, "batch_size": 4, "warmup_epochs": 0,
        "shift": 2, "device": "cpu", **changes,
    }  # fmt: skip
    return [f"{key}={value}" for key, value in options.items()]


def save(folder: Path, **changes: Any) -> Checkpoint:
    """A checkpoint of random weights, with a report on its card."""
    torch.manual_seed(0)
    given: dict[str, Any] = {
        "architecture": "panoptic_fpn", "model_args": ARGS, "label_names": CLASSES, "input_spec": SPEC,
        "reports": Reports({"validation": VALIDATION}), "provenance": Provenance(data="made up"),
        "task": "segmentation",
        **changes,
    }  # fmt: skip
    model = segmentation.create(given["architecture"], len(given["label_names"]), **given["model_args"])
    return checkpoints.save(folder, model, **given)
