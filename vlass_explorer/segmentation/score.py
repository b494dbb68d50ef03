"""Figures of a segmentation over a whole set, added up image by image: IoU, pixel accuracy, F1 of boundaries.

The boundary score is that of Csurka et al. 2013 (BMVC, doi:10.5244/C.27.32): a boundary pixel counts as found where the
other boundary of the same class runs within a tolerance. One beam is the tolerance that the image itself has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..schema import IGNORE, FloatArray

Mask = NDArray[np.integer]


@dataclass(eq=False)
class Score:
    """Counts over all images that were added, of ``classes`` classes; truth of ``IGNORE`` does not count."""

    classes: int
    confusion: NDArray[np.int64] = field(init=False)
    """Pixels, rows true, columns predicted."""
    boundary: NDArray[np.int64] = field(init=False)
    """(class, 4): predicted boundary pixels, those found in the truth, true boundary pixels, those found predicted."""

    def __post_init__(self) -> None:
        self.confusion = np.zeros((self.classes, self.classes), np.int64)
        self.boundary = np.zeros((self.classes, 4), np.int64)

    def add(self, truth: Mask, predicted: Mask, *, tolerance: float | None = None) -> None:
        """Add one image: masks (y, x) of class indices, and one beam in pixels for the boundaries (None: not scored).

        Raises ValueError for masks of different shapes, labels that are no class, or a tolerance that is not positive.
        """
        if truth.ndim != 2 or truth.shape != predicted.shape:
            raise ValueError(f"the masks have the shapes {truth.shape} and {predicted.shape}")
        valid = truth != IGNORE
        for mask in (truth[valid], predicted[valid]):
            if mask.size and not 0 <= mask.min() <= mask.max() < self.classes:
                raise ValueError(f"a label is not below {self.classes}")
        if tolerance is not None and not tolerance > 0:
            raise ValueError("the tolerance is positive")
        pairs = truth[valid].astype(np.int64) * self.classes + predicted[valid]
        self.confusion += np.bincount(pairs, minlength=self.classes**2).reshape(self.classes, self.classes)
        if tolerance is not None:
            for label in range(self.classes):
                self.boundary[label] += _found(truth == label, (predicted == label) & valid, valid, tolerance)

    @property
    def iou(self) -> FloatArray:
        """Intersection over union of each class (K); NaN where a class is neither true nor predicted."""
        both = np.diag(self.confusion).astype(float)
        return _ratio(both, self.confusion.sum(0) + self.confusion.sum(1) - both)

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that are true or predicted somewhere; NaN where there is none."""
        return _mean(self.iou)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels that have their class; NaN where none is labelled."""
        return float(_ratio(np.diag(self.confusion).sum(), self.confusion.sum()))

    @property
    def boundary_f1(self) -> FloatArray:
        """F1 of the boundaries of each class (K): 2 PR / (P + R); NaN where neither has one."""
        predicted, right, true, met = self.boundary.T.astype(float)
        precision, recall = _ratio(right, predicted), _ratio(met, true)
        # A class with boundaries on one side only has no hit on either.
        one_sided = (predicted > 0) != (true > 0)
        return np.where(one_sided, 0.0, _ratio(2 * precision * recall, precision + recall, empty=0.0 * precision))

    @property
    def mean_boundary_f1(self) -> float:
        """Mean over the classes with a boundary; NaN where there is none."""
        return _mean(self.boundary_f1)


def edge(mask: NDArray[np.bool_], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels (y, x) of a mask with a labelled neighbour, to the side, above or below, that is not of it.

    What touches the edge of the image, or pixels without a label, has no boundary there.
    """
    other = np.pad(~mask & valid, 1)
    beside = other[:-2, 1:-1] | other[2:, 1:-1] | other[1:-1, :-2] | other[1:-1, 2:]
    found: NDArray[np.bool_] = mask & beside
    return found


def _found(
    true: NDArray[np.bool_], predicted: NDArray[np.bool_], valid: NDArray[np.bool_], tolerance: float
) -> tuple[int, int, int, int]:
    """A row of ``Score.boundary`` for one class of one image."""
    # Here and not above: scipy.ndimage is slow to import.
    from scipy.ndimage import distance_transform_edt

    true_edge, predicted_edge = edge(true, valid), edge(predicted, valid)
    right = met = 0
    if true_edge.any() and predicted_edge.any():
        right = int((distance_transform_edt(~true_edge)[predicted_edge] <= tolerance).sum())
        met = int((distance_transform_edt(~predicted_edge)[true_edge] <= tolerance).sum())
    return int(predicted_edge.sum()), right, int(true_edge.sum()), met


def _ratio(part: FloatArray, whole: FloatArray, empty: FloatArray | float = np.nan) -> FloatArray:
    """part / whole, ``empty`` where whole is 0."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    result: FloatArray = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), empty)
    return result


def _mean(values: FloatArray) -> float:
    """Mean of what is not NaN."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
