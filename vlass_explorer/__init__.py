"""VLASS Explorer: see what trained vision models predict on radio cutouts, and where they looked.

From a notebook::

    from vlass_explorer import checkpoints, cutouts, explainers, export, predict, preprocess

    cutout = cutouts.read("cutout.fits")
    card = checkpoints.find("first-d4-vit")
    model = checkpoints.load(card)
    (prediction,) = predict.predict(model, card, [cutout])

The modules below are loaded when they are first used, so that ``import vlass_explorer`` stays free of torch.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from . import schema

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "anatomy",
    "archives",
    "attention",
    "attribution",
    "augment",
    "backbones",
    "borrowed",
    "calibration",
    "catalogue",
    "checkpoints",
    "common_beam",
    "cutouts",
    "datasets",
    "desk",
    "devices",
    "epochs",
    "evaluation",
    "explainers",
    "export",
    "figures",
    "flips",
    "foreign",
    "front",
    "headed",
    "importing",
    "launchers",
    "layers",
    "learning",
    "match",
    "measure",
    "memory",
    "options",
    "orientations",
    "overlays",
    "pictures",
    "predict",
    "preprocess",
    "private",
    "progress",
    "quantities",
    "recipes",
    "runs",
    "schema",
    "segmentation",
    "sessions",
    "stretches",
    "tabular",
    "trust",
    "validity",
    "warp",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
