"""What an exported explanation was made from: checkpoint, cutout, method, options and versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

from .. import __version__, preprocess
from ..checkpoints.config import plain
from ..flips import Flips
from ..schema import Checkpoint, Cutout, Explanation, Prediction

LIBRARIES = ("numpy", "torch", "timm", "captum", "astropy")


@dataclass(frozen=True)
class Provenance:
    """Everything that decides an explanation beside the cutout and the maps themselves."""

    card: Checkpoint
    method: str
    """Name of the explainer, a file name in vlass_explorer/explainers."""
    target: str
    """Label that was explained."""
    options: Mapping[str, Any] = field(default_factory=dict)
    prediction: Prediction | None = None
    against: str | None = None
    """Label that the target was compared with, where the difference of two was explained."""

    @property
    def question(self) -> str:
        """What was explained, in words."""
        return self.target if self.against is None else f"{self.target} rather than {self.against}"


Item = tuple[Explanation, Provenance]
"""One explanation with what it was made from."""


def manifest(explanation: Explanation, cutout: Cutout, provenance: Provenance) -> dict[str, Any]:
    """The record of one export as JSON values; not-a-number and infinity become null."""
    card = provenance.card
    record: dict[str, Any] = {
        "method": provenance.method,
        "options": dict(provenance.options),
        "target": provenance.target,
        "against": provenance.against,
        "caption": explanation.caption,
        "numbers": dict(explanation.numbers),
        "panels": list(explanation.titles),
        "signed": explanation.signed,
        "grid": list(explanation.maps.shape[1:]),
        "window": asdict(preprocess.window(cutout, card.input_spec)),
        **_made_from(cutout, card),
        "versions": versions(),
    }
    if provenance.prediction is not None:
        record["prediction"] = _answer(provenance.prediction)
    values: dict[str, Any] = plain(record)
    return values


def flips_manifest(flips: Flips, cutout: Cutout, card: Checkpoint, prediction: Prediction) -> dict[str, Any]:
    """The record of curves against noise, smoothing, shift and rotation as JSON values; what is not finite is null."""
    record = {
        "flips": flips.record(),
        "prediction": _answer(prediction),
        **_made_from(cutout, card),
        "versions": versions(),
    }
    values: dict[str, Any] = plain(record)
    return values


def flips_json(flips: Flips, cutout: Cutout, card: Checkpoint, prediction: Prediction) -> bytes:
    """The manifest of the curves as a JSON file."""
    return (json.dumps(flips_manifest(flips, cutout, card, prediction), indent=1, allow_nan=False) + "\n").encode()


def _made_from(cutout: Cutout, card: Checkpoint) -> dict[str, Any]:
    """The cutout and the checkpoint that a result was made from."""
    return {
        "cutout": {
            "name": cutout.name,
            "sha256": cutout.file_sha256,
            "shape": list(cutout.shape),
            "unit": cutout.unit,
            "pixel_scale_arcsec": cutout.pixel_scale,
            "beam": asdict(cutout.beam) if cutout.beam else None,
            "noise": asdict(cutout.noise) if cutout.noise else None,
            "origin": asdict(cutout.origin),
            "row0": cutout.row0,
            "stretch": cutout.stretch,
            "native": asdict(cutout.native) if cutout.native else None,
            "notes": [*cutout.notes, *cutout.more_notes],
        },
        "checkpoint": {
            "name": card.name,
            "sha256": card.sha256,
            "architecture": card.architecture,
            "label_names": list(card.label_names),
            "input_spec": asdict(card.input_spec),
            "simulated": card.provenance.simulated,
        },
    }


def _answer(prediction: Prediction) -> dict[str, Any]:
    scores = map(float, prediction.probabilities)
    return {
        "label": prediction.label,
        "softmax_scores": dict(zip(prediction.label_names, scores, strict=True)),
        "validity": prediction.validity.level,
        "reasons": list(prediction.validity.reasons),
    }


def manifest_json(explanation: Explanation, cutout: Cutout, provenance: Provenance) -> bytes:
    """The manifest as a JSON file."""
    return (json.dumps(manifest(explanation, cutout, provenance), indent=1, allow_nan=False) + "\n").encode()


def manifests_json(items: Sequence[Item], cutout: Cutout) -> bytes:
    """The manifests of several explanations of one cutout as a JSON file, in their order."""
    records = [manifest(explanation, cutout, provenance) for explanation, provenance in items]
    return (json.dumps({"maps": records}, indent=1, allow_nan=False) + "\n").encode()


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the libraries that decide the numbers."""
    return {
        "vlass_explorer": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
