"""How unlike the training data a cutout is, and which training cutouts it is most like, by the model's own features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import checkpoints, progress
from ..datasets import DataSet
from ..evaluation import Part, unseen
from ..evaluation.images import Images
from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError, FloatArray, InputError, UnsupportedError

NEAREST = 10
"""Which neighbour's distance counts: one copy of a source among the training cutouts is not company."""
SHOWN = 5
BATCH = 64
MEASURES = ("neighbours", "mahalanobis", "energy")


@dataclass(frozen=True)
class Neighbour:
    """A training cutout near in features: its name, label, place (ICRS degrees, NaN unknown) and distance."""

    name: str
    label: str
    ra: float
    dec: float
    distance: float
    """Chord of the features on the unit sphere, 0 to 2."""


@dataclass(frozen=True, eq=False)
class Unlike:
    """How unlike the training data one cutout is; percentiles are among held-out cutouts of the training set's kind."""

    values: Mapping[str, float]
    """By measure, larger is less alike."""
    percentiles: Mapping[str, float]
    """Share, in percent, of the held-out cutouts that are less unlike."""
    neighbours: tuple[Neighbour, ...]
    held_out: int
    """Cutouts behind the percentiles."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of the cutouts that a checkpoint was trained on, and how unlike these held-out ones are.

    Distance to the tenth neighbour on the unit sphere (Sun et al. 2022, arXiv:2204.06507), Mahalanobis distance to the
    nearest class under one covariance (Lee et al. 2018, arXiv:1807.03888), energy of the logits (Liu et al. 2020,
    arXiv:2010.03759).
    """

    features: FloatArray
    """(N, D) of the training cutouts, in half precision."""
    labels: NDArray[np.int64]
    """(N,) indices into the label names of the checkpoint."""
    names: tuple[str, ...]
    places: FloatArray
    """(N, 2) ICRS degrees, NaN unknown."""
    means: FloatArray
    """(K, D) of the classes, NaN of a class without cutouts."""
    precision: FloatArray
    """(D, D), inverse of the shrunk covariance within classes."""
    held_out: Mapping[str, FloatArray]
    """Sorted values (M,) of each measure of the held-out cutouts."""

    def compare(self, features: FloatArray, logits: FloatArray, label_names: Sequence[str]) -> Unlike:
        """How unlike the training data a cutout of ``features`` (D,) and ``logits`` (K,) is; its five neighbours."""
        values = {name: float(found[0]) for name, found in self.measure(features[None], logits[None]).items()}
        distances = self._distances(features[None])[0]
        nearest = np.argsort(distances, kind="stable")[:SHOWN]
        percentiles = {
            name: 100.0 * float(np.searchsorted(self.held_out[name], value)) / len(self.held_out[name])
            for name, value in values.items()
        }
        neighbours = tuple(
            Neighbour(
                self.names[i],
                label_names[int(self.labels[i])],
                float(self.places[i, 0]),
                float(self.places[i, 1]),
                float(distances[i]),
            )
            for i in nearest.tolist()
        )
        return Unlike(values, percentiles, neighbours, len(self.held_out[MEASURES[0]]))

    def measure(self, features: FloatArray, logits: FloatArray) -> dict[str, FloatArray]:
        """Each measure (M,) of cutouts of ``features`` (M, D) and ``logits`` (M, K); InputError where one is NaN."""
        if not (np.isfinite(features).all() and np.isfinite(logits).all()):
            raise InputError("The model's features of this cutout are not finite: nothing can be compared.")
        distances = self._distances(features)
        near = np.partition(distances, min(NEAREST, distances.shape[1]) - 1, axis=1)
        known = self.means[np.isfinite(self.means).all(axis=1)]
        apart = features[:, None] - known
        squared = np.einsum("mkd,de,mke->mk", apart, self.precision, apart)
        top = logits.max(axis=1)
        return {
            "neighbours": near[:, min(NEAREST, distances.shape[1]) - 1],
            "mahalanobis": np.sqrt(np.maximum(squared.min(axis=1), 0.0)),
            "energy": -(top + np.log(np.exp(logits - top[:, None]).sum(axis=1))),
        }

    def _distances(self, features: FloatArray) -> FloatArray:
        """Chords (M, N) between unit vectors."""
        return np.sqrt(np.maximum(2.0 - 2.0 * (_unit(features) @ _unit(self.features).T), 0.0))


def features(model: nn.Module, x: Tensor) -> tuple[FloatArray, FloatArray]:
    """What the classifier sees (B, D), and its logits (B, K), in float64, of inputs (B, C, H, W).

    Raises UnsupportedError for an architecture without ``forward_features`` and ``forward_head``.
    """
    if not (hasattr(model, "forward_features") and hasattr(model, "forward_head")):
        raise UnsupportedError(f"{type(model).__name__} does not give its features apart from its scores.")
    with (
        mapped(lambda error: UnsupportedError(f"{type(model).__name__} gives no features: {reason(error)}.")),
        torch.inference_mode(),
    ):
        network: Any = model  # Module knows its attributes as tensors only
        maps = network.forward_features(x)
        found, logits = network.forward_head(maps, pre_logits=True), network.forward_head(maps)
    if found.ndim != 2:
        raise UnsupportedError(f"{type(model).__name__} gives features of {found.ndim} axes, not one vector a cutout.")
    return found.double().cpu().numpy(), logits.double().cpu().numpy()


def reference(card: Checkpoint, part: Part, *, device: str = "cpu") -> Reference:
    """The reference of a checkpoint, from a part that holds its training cutouts and others like them.

    Which is which its own list says. Raises CheckpointError where that is missing, InputError where the part holds no
    training cutouts, or fewer than 30 others. Reports progress.
    """
    model = checkpoints.load(card, device)
    seen = checkpoints.seen(card)
    if seen is None:
        raise CheckpointError(f"The card of {card.name} does not list what it was trained on: nothing to compare with.")
    images = part.images(card)
    trained = unseen.marks(seen, images.cutouts)[0]["train"]
    if not trained.any() or (~trained).sum() < 30:
        raise InputError(
            f"Of these cutouts {card.name} has trained on {int(trained.sum()):,}, and {int((~trained).sum()):,} are "
            "held out: give the data set that it was trained on, with at least 30 others."
        )
    found, logits = _all(model, images, device)
    return build(found, logits, images.labels.numpy(), trained, _names(part.data_set, images), images.cutouts.places)


def build(
    found: FloatArray,
    logits: FloatArray,
    labels: NDArray[np.int64],
    trained: NDArray[np.bool_],
    names: Sequence[str],
    places: FloatArray,
) -> Reference:
    """Reference of features (N, D), logits (N, K) and labels (N,): those ``trained`` (N,) on are compared with."""
    from sklearn.covariance import LedoitWolf  # here and not above: who only asks does without scikit-learn

    own, classes = found[trained].astype(np.float16).astype(np.float64), logits.shape[1]
    held = labels[trained]
    means = np.full((classes, found.shape[1]), np.nan)
    for k in np.unique(held):
        means[k] = own[held == k].mean(axis=0)
    precision = LedoitWolf(assume_centered=True).fit(own - means[held]).precision_
    kept = tuple(name for name, is_own in zip(names, trained, strict=True) if is_own)
    bare = Reference(own, held, kept, places[trained], means, precision, {})
    values = bare.measure(found[~trained], logits[~trained])
    held_out = {name: np.sort(value) for name, value in values.items()}
    return Reference(own, held, kept, places[trained], means, precision, held_out)


def to_tensors(found: Reference) -> dict[str, NDArray[np.generic]]:
    """As arrays for safetensors; names as UTF-8, one a line."""
    return {
        "features": found.features.astype(np.float16),
        "labels": found.labels.astype(np.int16),
        "names": np.frombuffer("\n".join(found.names).encode(), np.uint8),
        "places": found.places.astype(np.float64),
        "means": found.means.astype(np.float32),
        "precision": found.precision.astype(np.float32),
        **{f"held_out.{name}": values.astype(np.float32) for name, values in found.held_out.items()},
    }


def of_tensors(arrays: Mapping[str, NDArray[np.generic]]) -> Reference:
    """The reference of such arrays; KeyError or ValueError for others."""
    names = tuple(bytes(arrays["names"].astype(np.uint8)).decode().split("\n"))
    table = {name: np.asarray(arrays[name], np.float64) for name in ("features", "places", "means", "precision")}
    labels = np.asarray(arrays["labels"], np.int64)
    held_out = {name: np.asarray(arrays[f"held_out.{name}"], np.float64) for name in MEASURES}
    count, size = table["features"].shape
    if labels.shape != (count,) or len(names) != count or table["precision"].shape != (size, size):
        raise ValueError("its arrays do not belong together")
    return Reference(labels=labels, names=names, held_out=held_out, **table)


def read_reference(card: Checkpoint) -> Reference | None:
    """The reference kept beside a checkpoint's weights, None without one; CheckpointError where it is damaged."""
    with mapped(lambda error: CheckpointError(f"The reference of {card.name} cannot be read ({reason(error)}).")):
        arrays = checkpoints.reference_arrays(card)
        return None if arrays is None else of_tensors(arrays)


def _all(model: nn.Module, images: Images, device: str) -> tuple[FloatArray, FloatArray]:
    rows = []
    for number, batch in enumerate(batches := images.batches(BATCH), 1):
        rows.append(features(model, images.plain(batch, device)[0]))
        progress.report(number, len(batches))
    return np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows])


def _names(data_set: DataSet, images: Images) -> list[str]:
    return [data_set.items[index].name.replace("\n", " ") for index in images.indices]


def _unit(values: FloatArray) -> FloatArray:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(length, 1e-12))
