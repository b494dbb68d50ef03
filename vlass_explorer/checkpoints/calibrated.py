"""What a checkpoint folder holds of calibration, bound to its weights.

calibration.json: what was fitted to its scores, as plain tables. reference.safetensors: arrays that say what its training
cutouts look like to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError, Seen
from .config import dump
from .saving import update, write_files
from .seen_list import merged, seen

CALIBRATION = "calibration.json"
REFERENCE = "reference.safetensors"
MAX_CALIBRATION_BYTES = 1 << 20
MAX_REFERENCE_BYTES = 1 << 30


def calibrations(card: Checkpoint) -> list[dict[str, Any]]:
    """The tables that were fitted to a checkpoint, in order; none where nothing was.

    Raises CheckpointError where the file is damaged, or belongs to other weights.
    """
    file = card.path / CALIBRATION
    if not file.is_file():
        return []
    if file.stat().st_size > MAX_CALIBRATION_BYTES:
        raise CheckpointError(f"{CALIBRATION} of checkpoint {card.name} is larger than 1 MiB: calibrate it anew.")
    with mapped(lambda error: CheckpointError(f"{CALIBRATION} of checkpoint {card.name} cannot be read: {reason(error)}.")):
        content = json.loads(file.read_text(encoding="utf-8"))
        weights, tables = content["weights"], content["calibrations"]
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise ValueError("it holds no list of tables")
    if weights != card.sha256:
        raise CheckpointError(f"{CALIBRATION} of checkpoint {card.name} was fitted to other weights: calibrate it anew.")
    return tables


def keep_calibrations(
    card: Checkpoint, tables: Sequence[Mapping[str, Any]], fitted: Seen | None = None, words: str | None = None
) -> Checkpoint:
    """Write these tables beside the weights; ``fitted`` (calibrated) are cutouts that its list of what it saw now has.

    ``words`` say on the card what it was calibrated on.
    """
    write_files(card.path, {CALIBRATION: dump({"weights": card.sha256, "calibrations": list(tables)}).encode()})
    known = seen(card)
    provenance = replace(card.provenance, calibrated_on=words or card.provenance.calibrated_on)
    return update(card, provenance=provenance, seen=merged([known, fitted]) if known and fitted else None)


def reference_arrays(card: Checkpoint) -> dict[str, NDArray[np.generic]] | None:
    """The arrays of the reference, None where there is none; CheckpointError where it is damaged or of other weights."""
    import safetensors
    import safetensors.numpy

    file = card.path / REFERENCE
    if not file.is_file():
        return None
    with mapped(lambda error: CheckpointError(f"{REFERENCE} of checkpoint {card.name} cannot be read: {reason(error)}.")):
        with safetensors.safe_open(file, "numpy") as opened:
            weights = (opened.metadata() or {}).get("weights")
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}
    if weights != card.sha256:
        raise CheckpointError(f"{REFERENCE} of checkpoint {card.name} belongs to other weights: make it anew.")
    return arrays


def beside(card: Checkpoint) -> str:
    """16 hex digits that stand for the files of calibration and reference as they are; others where one is absent."""
    found = hashlib.sha256()
    for name in (CALIBRATION, REFERENCE):
        file = card.path / name
        found.update(hashlib.sha256(file.read_bytes()).digest() if file.is_file() else b"none")
    return found.hexdigest()[:16]


def keep_reference(card: Checkpoint, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write the arrays of a reference beside the weights."""
    import safetensors.numpy

    content = safetensors.numpy.save(dict(arrays), metadata={"weights": card.sha256})
    write_files(card.path, {REFERENCE: content})
