"""Prediction sets beside two packages of others: the same sets where the definition is the same, and where it is not.

    pip install --no-deps --target FOLDER crepes==0.9.1 mapie==1.6.0
    PYTHONPATH=FOLDER python benchmarks/conformal_independent.py

Scores and labels are simulated (four classes, 500 to fit to and 4,000 asked); each row says in how many of the sets
members agree. LAC is 1 - score of the class in all three. MAPIE's APS takes the class at which the sum passes the
threshold into the set whole, or draws for it from a generator of its own: larger sets, and none to compare one by one.
Exit code 1 where a row that should agree does not.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer.calibration import Sets  # noqa: E402

FITTED, ASKED, CLASSES = 500, 4000, 4


class Known(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose inputs are its scores."""

    def __init__(self) -> None:
        self.classes_ = np.arange(CLASSES)

    def fit(self, scores: np.ndarray, labels: np.ndarray) -> Known:
        """Nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, scores: np.ndarray) -> np.ndarray:
        """The inputs."""
        return np.asarray(scores)

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """The likeliest class."""
        return np.asarray(scores.argmax(axis=1))


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident scores (N, K) and labels (N,)."""
    random = np.random.default_rng(seed)
    true = random.dirichlet(np.full(CLASSES, 0.5), count)
    labels = (random.random((count, 1)) > np.cumsum(true, axis=1)[:, :-1]).sum(axis=1)
    sharp = true**1.5
    return sharp / sharp.sum(axis=1, keepdims=True), labels


def mapie(method: str, level: float) -> np.ndarray:
    """Sets (N, K) of MAPIE."""
    from mapie.classification import SplitConformalClassifier

    (scores, labels), (asked, _) = drawn(FITTED, 0), drawn(ASKED, 1)
    model = SplitConformalClassifier(Known(), confidence_level=level, conformity_score=method, prefit=True)
    return np.asarray(model.conformalize(scores, labels).predict_set(asked)[1][:, :, 0], bool)


def crepes(level: float, *, by_class: bool) -> np.ndarray:
    """Sets (N, K) of crepes, with one threshold or one a class."""
    from crepes import ConformalClassifier

    (scores, labels), (asked, _) = drawn(FITTED, 0), drawn(ASKED, 1)
    # 1 - 0.8 is a little less than 0.2 in floating point, so that a p-value of 0.2 would count as above it.
    level = float(np.nextafter(level, 0))
    model = ConformalClassifier()
    model.fit(1 - scores[np.arange(FITTED), labels], bins=labels if by_class else None)
    if not by_class:
        return np.asarray(model.predict_set(1 - asked, confidence=level, smoothing=False), bool)
    columns = [
        model.predict_set((1 - asked)[:, [k]], bins=np.full(ASKED, k), confidence=level, smoothing=False)[:, 0]
        for k in range(CLASSES)
    ]
    return np.stack(columns, axis=1).astype(bool)


def main() -> int:
    """Print one row a comparison; a sentence where a package is absent, since both are no part of the project's own."""
    try:
        print(f"crepes {version('crepes')}, mapie {version('mapie')}")
    except PackageNotFoundError as error:
        print(f"Left out: {error.name} is not installed; the head of this file says how.")
        return 0
    (scores, labels), (asked, _) = drawn(FITTED, 0), drawn(ASKED, 1)
    u, v = np.random.default_rng(2).random(FITTED), np.random.default_rng(3).random(ASKED)
    wrong = 0
    for level in (0.8, 0.9, 0.95):
        one = Sets.fit(scores, labels, coverage=level, method="lac", by_class=False).members(asked)
        each = Sets.fit(scores, labels, coverage=level, method="lac").members(asked)
        aps = Sets.fit(scores, labels, coverage=level, by_class=False, random=u).members(asked, v)
        rows = [
            ("LAC, MAPIE", one, mapie("lac", level), True),
            ("LAC, crepes", one, crepes(level, by_class=False), True),
            ("LAC by class, crepes", each, crepes(level, by_class=True), True),
            ("APS, MAPIE (no random share)", aps, mapie("aps", level), False),
        ]
        for name, own, other, should in rows:
            same = int((own == other).all(axis=1).sum())
            wrong += should and same < ASKED
            sizes = f"{own.sum(axis=1).mean():.3f} classes here, {other.sum(axis=1).mean():.3f} there"
            print(f"{level:.2f}  {name:<30} {same:,} of {ASKED:,} sets agree; {sizes}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
