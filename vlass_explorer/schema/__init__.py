"""The data types that every part of VLASS Explorer speaks: no files, no behaviour beyond their own invariants."""

from .errors import (
    CheckpointError,
    ConfigError,
    CutoutError,
    DatasetError,
    ExplorerError,
    InputError,
    RunError,
    UnsupportedError,
)
from .learning import (
    AttentionLayer,
    AttentionMaps,
    Checkpoint,
    Explanation,
    FloatArray,
    InputSpec,
    Mistake,
    Prediction,
    Report,
    RocCurve,
    Validity,
)
from .sky import Beam, Cutout, Noise, Origin, Row0, Window
from .training import Phase, Run, RunConfig, field_help

__all__ = [
    "AttentionLayer", "AttentionMaps", "Beam", "Checkpoint", "CheckpointError", "ConfigError", "Cutout",
    "CutoutError", "DatasetError", "Explanation", "ExplorerError", "FloatArray", "InputError", "InputSpec",
    "Mistake", "Noise", "Origin", "Phase", "Prediction", "Report", "RocCurve", "Row0", "Run", "RunConfig", "RunError",
    "UnsupportedError", "Validity", "Window", "field_help",
]  # fmt: skip
