"""What a checkpoint says of every cutout on the desk, and where each lies among its features: for orders and maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import calibration, predict, preprocess, progress, validity
from ..calibration import Reference
from ..datasets import identity
from ..orientations import eight
from ..schema import Checkpoint, Cutout, ExplorerError, FloatArray, UnsupportedError
from .pieces import Piece

BATCH = 32


@dataclass(frozen=True, eq=False)
class Answers:
    """One entry a cutout, in the order of the pieces; NaN, or an empty text, where there is no answer."""

    scores: FloatArray
    """Softmax scores (N, K)."""
    features: FloatArray
    """What the classifier sees (N, D), float32; (N, 0) where the architecture does not give it."""
    views: FloatArray | None
    """Scores (8, N, K) of the flips and turns, where asked for."""
    percentile: FloatArray
    """Share (N,) in percent of the held-out cutouts of the training set that are nearer to the training data."""
    snr: FloatArray
    """Brightest pixel over rms (N,)."""
    validity: tuple[str, ...]
    survey: tuple[str, ...]
    places: FloatArray
    """(N, 2) ICRS degrees."""
    failed: dict[int, str]
    """Why there is no answer, by index."""
    label_names: tuple[str, ...]

    def label(self, index: int) -> str | None:
        """The class of the highest score; None without one, and for a cutout outside of what the checkpoint is for."""
        if not np.isfinite(self.scores[index]).all() or self.validity[index] == "outside":
            return None
        return self.label_names[int(self.scores[index].argmax())]


def ask(
    model: nn.Module,
    card: Checkpoint,
    pieces: Sequence[Piece],
    reference: Reference | None = None,
    *,
    turned: bool = False,
    device: str = "cpu",
) -> Answers:
    """Scores, features and what else is known of each piece; reports progress. ``turned``: the eight views as well.

    ``model`` is in evaluation mode on ``device``. A piece that cannot be read or is refused has its sentence in
    ``failed``. Raises CheckpointError where the model refuses all.
    """
    count, classes = len(pieces), len(card.label_names)
    scores = np.full((count, classes), np.nan)
    views = np.full((8, count, classes), np.nan) if turned else None
    rows: dict[int, FloatArray] = {}
    percentile, snr, places = np.full(count, np.nan), np.full(count, np.nan), np.full((count, 2), np.nan)
    levels, surveys, failed = [""] * count, [""] * count, {}
    batch: list[tuple[int, Tensor]] = []

    def answer() -> None:
        if not batch:
            return
        at = np.array([index for index, _ in batch])
        x = torch.cat([tensor for _, tensor in batch]).to(device)
        found, logits = _forward(model, card, x)
        finite = np.isfinite(logits).all(axis=1)
        scores[at[finite]] = torch.softmax(torch.from_numpy(logits[finite]), dim=1).numpy()
        for index in at[~finite].tolist():
            failed[index] = f"{card.name} gives no finite score for this image."
        if views is not None:
            views[:, at] = _views(model, card, x)
        if found is not None:
            rows.update(zip(at.tolist(), found.astype(np.float32), strict=True))
            usable = finite & np.isfinite(found).all(axis=1)
            if reference is not None and usable.any():
                values = reference.measure(found[usable], logits[usable])["neighbours"]
                known = reference.held_out["neighbours"]
                percentile[at[usable]] = 100.0 * np.searchsorted(known, values) / len(known)
        batch.clear()

    for index, piece in enumerate(pieces):
        progress.report(index, count)
        if piece.ra is not None and piece.dec is not None:
            places[index] = piece.ra, piece.dec
        try:
            cutout = piece.source()
            snr[index], surveys[index] = _snr(cutout), cutout.origin.survey or ""
            centre = identity.centre(cutout) if np.isnan(places[index, 0]) else None
            places[index] = centre or places[index]
            levels[index] = validity.check(cutout, card.input_spec).level
            batch.append((index, preprocess.to_tensor(cutout, card.input_spec)))
        except ExplorerError as error:
            failed[index] = str(error)
            continue
        if len(batch) == BATCH:
            answer()
    answer()
    width = len(next(iter(rows.values()), ()))
    features = np.full((count, width), np.nan, np.float32)
    for index, row in rows.items():
        features[index] = row
    return Answers(
        scores, features, views, percentile, snr, tuple(levels), tuple(surveys), places, failed, card.label_names
    )


def _forward(model: nn.Module, card: Checkpoint, x: Tensor) -> tuple[FloatArray | None, FloatArray]:
    """Features (B, D), None where the architecture does not give them, and logits (B, K)."""
    try:
        return calibration.features(model, x)
    except UnsupportedError:
        with predict.model_errors(card), torch.inference_mode():
            return None, model(x).double().cpu().numpy()


def _views(model: nn.Module, card: Checkpoint, x: Tensor) -> NDArray[np.float64]:
    with predict.model_errors(card), torch.inference_mode():
        found = [torch.softmax(model(view).double().cpu(), dim=1).numpy() for view in eight(x)]
    return np.stack(found)


def _snr(cutout: Cutout) -> float:
    if cutout.noise is None or cutout.kind == "image" or not cutout.noise.rms:
        return float("nan")
    return float(np.nanmax(cutout.pixels)) / cutout.noise.rms
