"""A tiny random checkpoint that the tests of several modules share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vlass_explorer import checkpoints
from vlass_explorer.schema import Checkpoint, InputSpec, Provenance, Reports

LABELS = ("FRI", "FRII", "Compact", "Bent")
ARGS = {"img_size": 32, "patch_size": 8, "in_chans": 1, "depth": 2, "embed_dim": 24, "num_heads": 3}
SPEC = InputSpec(img_size=32, survey="FIRST", frequency_ghz=1.4, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
METRICS = {
    "validation": {
        "count": 4,
        "accuracy": 0.75,
        "macro_f1": 0.7333,
        "macro_f1_interval": (0.4, np.float64(0.9)),
        "confusion": [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
        "ece": float("nan"),
    },
    "floors": {"random forest on ten shape numbers": 0.71, "background pixels only": 0.34},
}
PROVENANCE = {
    "data": "first-radio-galaxies",
    "fold": 0,
    "recipe": "first-vit",
    "seed": 3,
    "simulated": False,
    "licence": "scholarly | <b>educational</b>",
    "class_fractions": dict.fromkeys(LABELS, 0.25),
    "configuration": "epochs: 60\nname: tiny",
}


def build(**changes: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return checkpoints.create("vit_tiny_patch16_224", 4, ARGS | changes)


def save(folder: Path, model: torch.nn.Module | None = None, **changes: Any) -> Checkpoint:
    given: dict[str, Any] = {
        "architecture": "vit_tiny_patch16_224",
        "model_args": ARGS,
        "label_names": LABELS,
        "input_spec": SPEC,
        "metrics": METRICS,
        "provenance": PROVENANCE,
    }
    given |= changes
    given["reports"] = Reports(given.pop("metrics"))
    given["provenance"] = Provenance.of(given["provenance"])
    return checkpoints.save(folder, build() if model is None else model, **given)
