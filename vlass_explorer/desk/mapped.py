"""The map of the desk: training cutouts of a checkpoint and new ones by its features, with what may colour them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ..calibration import Reference, embedding
from ..calibration.embedding import Projection
from ..figures import embedding as figures
from ..figures.batch import VALIDITIES
from ..figures.embedding import Layer
from ..schema import FloatArray, InputError
from .answers import Answers

CHOICES = ("Label", "Answer", "S/N", "Survey", "Validity", "Percentile")
FOLD = "Fold"
"""One more choice, where folds are known."""
BARS = {"S/N": "S/N of the brightest pixel", "Percentile": "percentile among held-out cutouts"}
NAMELESS = {"Label": "not labelled", "Answer": "no label"}
TRAINING, NEW = "training cutouts", "cutouts"


def features(found: Reference | None, answers: Answers | None) -> FloatArray:
    """Features (N + M, D) of the training cutouts and of the new ones, in this order; NaN of those without.

    Raises InputError where they are of different models.
    """
    parts = [part.features for part in (found, answers) if part is not None]
    width = max((part.shape[1] for part in parts), default=0)
    parts = [part if part.shape[1] else np.full((len(part), width), np.nan) for part in parts]  # none was answered
    if len({part.shape[1] for part in parts}) > 1:
        raise InputError("These features are not of the same model: there is no map of both.")
    return np.concatenate(parts) if parts else np.empty((0, 0))


def by_components(found: Reference | None, answers: Answers | None) -> tuple[FloatArray, Projection]:
    """Positions (N + M, 2) along the principal components of the training cutouts, of the new ones without such.

    Raises InputError where there are fewer than four of them, or features of another model.
    """
    rows = features(found, answers)
    axes = embedding.pca(rows if found is None else found.features)
    return axes.of(rows), axes


def titles(axes: Projection | None) -> tuple[str, str]:
    """What the axes are called: with the share of the variance for components, of t-SNE that they mean nothing."""
    if axes is None:
        return "t-SNE (near is alike; axes, and distances between groups, mean nothing)", ""
    first, second = (
        f"principal component {number}" + (f" ({share:.0%} of the variance)" if np.isfinite(share) else "")
        for number, share in enumerate(axes.shares.tolist(), 1)
    )
    return first, second


def training_layer(found: Reference, positions: FloatArray, label_names: Sequence[str], wanted: str) -> Layer:
    """Training cutouts at positions (N, 2), coloured by their label where the new ones are by label or answer."""
    labels = [label_names[label] for label in found.labels.tolist()]
    texts = [f"{name}: {label}" for name, label in zip(found.names, labels, strict=True)]
    return Layer(TRAINING, positions, texts, labels if wanted in ("Label", "Answer") else None)


def new_layer(
    answers: Answers,
    positions: FloatArray,
    names: Sequence[str],
    labels: Sequence[str],
    wanted: str,
    folds: Sequence[int | None] = (),
) -> Layer:
    """New cutouts at positions (M, 2) with ``names``, the ``labels`` they were given (empty: none) and ``folds``."""
    said = [answers.label(index) or "" for index in range(len(names))]
    texts = [
        ", ".join(filter(None, (name, given and f"labelled {given}", f"answer: {answer or 'no label'}")))
        for name, given, answer in zip(names, labels, said, strict=True)
    ]
    words = {"Label": labels, "Answer": said, "Survey": answers.survey, "Validity": answers.validity}.get(wanted)
    if wanted == FOLD:
        words = ["" if fold is None else f"fold {fold}" for fold in folds]
    numbers = {"S/N": answers.snr, "Percentile": answers.percentile}.get(wanted)
    return Layer(NEW, positions, texts, words, numbers, new=True)


def draw(layers: Sequence[Layer], axes: Projection | None, label_names: Sequence[str], wanted: str) -> go.Figure:
    """The map of these layers, coloured by one of ``CHOICES`` or ``FOLD``; ``axes`` None: by t-SNE."""
    of_classes = wanted in ("Label", "Answer")
    return figures.cloud(
        layers,
        titles(axes),
        names=label_names if of_classes else tuple(VALIDITIES) if wanted == "Validity" else (),
        colours=VALIDITIES if wanted == "Validity" else None,
        bar=BARS.get(wanted, ""),
        log=wanted == "S/N",
        nameless=NAMELESS.get(wanted, "not known"),
    )
