"""The data types that every part of VLASS Explorer speaks: no files, no behaviour beyond their own invariants."""

from .attention import AttentionLayer, AttentionMaps, FloatArray, IndexArray, Place, Pooling, Tokens
from .errors import (
    CheckpointError,
    ConfigError,
    CutoutError,
    DatasetError,
    ExplorerError,
    InputError,
    NeedsPart,
    NoSuchPlane,
    ReportError,
    RunError,
    TableError,
    TakesNoArgument,
    UnreadableItem,
    UnsupportedError,
)
from .learning import (
    Checkpoint,
    Explanation,
    InputSpec,
    Mistake,
    PartName,
    Prediction,
    Report,
    RocCurve,
    Validity,
)
from .pixels import PixelShape, header_scale, pixel_shape, sky_steps
from .provenance import Ancestor, Cutouts, Provenance, Seen, SeenList
from .reports import Figures, Overlap, Reports, Status
from .rows import Row
from .sky import Beam, Cutout, Noise, Origin, Row0, Window
from .training import INHERITED, Phase, Run, RunConfig, field_help

__all__ = [
    "INHERITED",
    "Ancestor", "AttentionLayer", "AttentionMaps", "Beam", "Checkpoint", "CheckpointError", "ConfigError", "Cutout",
    "CutoutError", "Cutouts", "DatasetError", "Explanation", "ExplorerError", "Figures", "FloatArray", "IndexArray",
    "InputError", "InputSpec", "Mistake", "NeedsPart", "NoSuchPlane", "Noise", "Origin", "Overlap", "PartName",
    "Phase", "PixelShape", "Place", "Pooling", "Prediction", "Provenance", "Report", "ReportError", "Reports",
    "RocCurve", "Row", "Row0", "Run", "RunConfig", "RunError", "Seen", "SeenList", "Status", "TableError",
    "TakesNoArgument", "Tokens", "UnreadableItem", "UnsupportedError", "Validity", "Window", "field_help",
    "header_scale", "pixel_shape", "sky_steps",
]  # fmt: skip
