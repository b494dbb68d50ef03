"""What a model takes and gives: input description, checkpoint card, prediction, explanation, report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .attention import FloatArray
from .provenance import Provenance
from .reports import Overlap, Reports
from .sky import Beam

ValidityLevel = Literal["ok", "caution", "outside"]
PartName = Literal["validation", "test", "calibration", "held out", "train", "all"]
"""What a checkpoint is scored on: a part of a split; the test part where there is one, else validation; everything."""


@dataclass(frozen=True)
class InputSpec:
    """Everything that turns a Cutout into a model input; saved in the checkpoint, used at training and prediction.

    Order: unit, NaN mask, noise of the whole cutout, stretch, field of view, normalisation, NaN fill,
    anti-aliased resize, mean and std, channels.
    """

    stretch: str = "sqrt"
    """Name of a stretch in ``preprocess.STRETCHES``."""
    clip_sigma: float = 3.0
    """Level in rms that clipping stretches subtract (first_png, sqrt) or cut at (mirabest)."""
    softening: float = 3.0
    """asinh: softening in units of the rms (CIRADA uses 3)."""
    percentiles: tuple[float, float] = (0.0, 99.7)
    """percentile_asinh: lower and upper percentile of finite pixels."""
    field_of_view: float = 180.0
    """Side of the centred square in arcsec, used where the cutout has a WCS."""
    field_of_view_pixels: int = 100
    """Side of the centred square in pixels, used without a WCS."""
    normalisation: Literal["crop", "field", "none"] = "crop"
    """Divide by the maximum of the field of view, of the whole cutout, or not at all."""
    nan_fill: float = 0.0
    img_size: int = 64
    in_chans: int = 1
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    survey: str | None = None
    """Survey of the training data, with its frequency, beam, pixel scale and unit below."""
    frequency_ghz: float | None = None
    beam_arcsec: tuple[float, float] | None = None
    pixel_scale_arcsec: float | None = None
    unit: str | None = "Jy/beam"
    simulated: bool = False
    """True where the training images were simulated."""
    colour: bool = False
    """The three channels are those of a colour picture; else, and for grey pictures, they are equal."""

    def __post_init__(self) -> None:
        if self.in_chans not in (1, 3) or len(self.mean) not in (1, self.in_chans):
            raise ValueError("in_chans is 1 or 3, and mean and std have one value or one a channel.")
        if len(self.mean) != len(self.std) or min(self.std) <= 0:
            raise ValueError("mean and std need the same length and a positive std.")
        if self.img_size < 8 or self.field_of_view <= 0 or self.field_of_view_pixels < 8:
            raise ValueError("img_size and field_of_view_pixels are at least 8, field_of_view is positive.")
        if self.beam_arcsec is not None and not all(0 < side < math.inf for side in self.beam_arcsec):
            raise ValueError("beam_arcsec is two positive full widths.")

    @property
    def beam(self) -> Beam | None:
        """Beam of the training data, its major axis to the north where it is not round."""
        return None if self.beam_arcsec is None else Beam(max(self.beam_arcsec), min(self.beam_arcsec))


IGNORE = 255
"""Label of pixels without a label, in masks of classes as 8-bit files hold them."""
RENAMED = {"first_cnn": "vlass_vision_cnn"}
"""Names of architectures in older checkpoints and configurations, and what they are called now."""


@dataclass(frozen=True)
class Checkpoint:
    """The card of trained weights: everything but the weights."""

    name: str
    path: Path
    architecture: str
    task: str
    label_names: tuple[str, ...]
    input_spec: InputSpec
    parameters: int = 0
    reports: Reports = field(default_factory=Reports)
    """``metrics`` on the card."""
    provenance: Provenance = field(default_factory=Provenance)
    model_args: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    """Hash of model.safetensors."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", RENAMED.get(self.architecture, self.architecture))


@dataclass(frozen=True)
class Validity:
    """May this checkpoint be asked about this cutout, and why or why not."""

    level: ValidityLevel = "ok"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one cutout: softmax scores, not probabilities of being right until calibrated."""

    label_names: tuple[str, ...]
    logits: FloatArray
    probabilities: FloatArray
    validity: Validity = field(default_factory=Validity)

    def __post_init__(self) -> None:
        if not self.logits.shape == self.probabilities.shape == (len(self.label_names),):
            raise ValueError("logits and probabilities need one value a label.")
        if abs(float(self.probabilities.sum()) - 1.0) > 1e-4:
            raise ValueError("probabilities must sum to 1.")

    @property
    def label(self) -> str:
        """Name of the highest score."""
        return self.label_names[int(np.argmax(self.probabilities))]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What every explainer returns, so that one renderer shows all: maps over the model's field of view."""

    maps: FloatArray
    """(panel, gy, gx), row 0 at the bottom of the sky like the model input."""
    titles: tuple[str, ...]
    signed: bool
    caption: str
    numbers: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    on_sky: bool = True
    """False where a map belongs to the model alone (offsets, filters): it has no place on the sky."""
    unit: str = "relevance, arbitrary unit"
    """What the values are, for the colour bar: "share of attention", "change of the logit", ..."""
    outline: FloatArray | None = None
    """A line (n, 2) over maps and sky: y and x from 0 to 1 over the field of view, beyond it where it leaves that."""

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or self.maps.shape[0] != len(self.titles):
            raise ValueError("Explanation.maps is (panel, gy, gx) with one title a panel.")


@dataclass(frozen=True)
class RocCurve:
    """True against false positive rate of one class against the rest, from (0, 0) to (1, 1)."""

    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]


@dataclass(frozen=True)
class Mistake:
    """A cutout that was taken for another class."""

    index: int
    """Place in the split."""
    name: str
    true: int
    """Index into the label names."""
    predicted: int
    probability: float
    """Softmax score of the predicted class."""


@dataclass(frozen=True)
class Report:
    """Evaluation of labels against probabilities on one split, computed once and drawn anywhere."""

    label_names: tuple[str, ...]
    count: int
    accuracy: float
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    """Bootstrap 95 % interval over cutouts."""
    per_class: Mapping[str, Mapping[str, float]]
    """label -> precision, recall, f1, auroc, support."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows true, columns predicted."""
    macro_auroc: float
    loss: float
    ece: float
    brier: float
    accuracy_interval: tuple[float, float] = (math.nan, math.nan)
    macro_auroc_interval: tuple[float, float] = (math.nan, math.nan)
    micro_auroc: float = math.nan
    """AUROC of all (cutout, class) pairs together, on softmax scores."""
    roc: Mapping[str, RocCurve] = field(default_factory=dict)
    """label -> curve, thinned; a class that is absent or alone has none."""
    reliability: tuple[tuple[int, float, float], ...] = ()
    """Equal bins of the top score: cutouts, mean top score, accuracy."""
    mistakes: tuple[Mistake, ...] = ()
    """The surest ones first, at most a hundred."""
    seen: Overlap | None = None
    """How much of the split the checkpoint had seen; None where nobody asked."""

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that are neither among the labels nor among the predictions: macro F1 leaves them out."""
        rows, columns = self.confusion, zip(*self.confusion, strict=True)
        pairs = zip(self.label_names, rows, columns, strict=True)
        return tuple(name for name, row, column in pairs if not any(row) and not any(column))
