"""Maps of features: numpy's SVD says the same, what is new is laid into the old axes, t-SNE keeps neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import TSNE, trustworthiness

from vlass_explorer import progress
from vlass_explorer.calibration import embedding
from vlass_explorer.schema import InputError


@pytest.fixture(scope="module")
def cloud() -> np.ndarray:
    """Three groups in eight dimensions."""
    random = np.random.default_rng(3)
    return random.normal(size=(150, 8)) * np.arange(8, 0, -1) + 12.0 * (np.arange(150) % 3)[:, None] * np.eye(8)[2]


def test_components_are_those_of_the_singular_values(cloud: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 37)
    found = embedding.pca(cloud)
    centred = cloud - cloud.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(found.axes @ right[:2].T) == pytest.approx(np.eye(2), abs=1e-10)
    assert np.abs(found.of(cloud)) == pytest.approx(np.abs(left[:, :2] * sizes[:2]), abs=1e-9)
    assert found.shares == pytest.approx(sizes[:2] ** 2 / (sizes**2).sum())
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in found.axes)


def test_new_rows_fall_into_the_axes_of_the_old(cloud: np.ndarray) -> None:
    found = embedding.pca(cloud[:100])
    new = cloud[100:].astype(np.float32)
    new[3] = np.nan
    at = found.of(new)
    assert np.isnan(at[3]).all() and np.isfinite(np.delete(at, 3, axis=0)).all()
    assert at[7] == pytest.approx(found.axes @ (new[7] - cloud[:100].mean(axis=0)), abs=1e-5)
    with_gap = np.concatenate([cloud[:100], np.full((1, 8), np.inf)])
    assert embedding.pca(with_gap).axes == pytest.approx(found.axes)
    with pytest.raises(InputError, match="not of the same model"):
        found.of(cloud[:, :5])


@pytest.mark.parametrize("rows", [np.zeros((20, 0)), np.full((20, 3), np.nan), np.eye(3)])
def test_too_little_for_a_map_is_a_sentence(rows: np.ndarray) -> None:
    with pytest.raises(InputError, match="needs 4 cutouts with features"):
        embedding.pca(rows)


def test_one_feature_and_equal_rows_give_a_map() -> None:
    line = embedding.pca(np.arange(6.0)[:, None])
    assert line.shares == pytest.approx([1.0, 0.0])
    assert line.of(np.array([[4.5]])) == pytest.approx(np.array([[2.0, 0.0]]))
    same = embedding.pca(np.ones((6, 3)))
    assert np.isnan(same.shares).all() and same.of(np.ones((2, 3))) == pytest.approx(np.zeros((2, 2)))
    assert np.isfinite(embedding.tsne(np.ones((6, 3)))).all()


def test_neighbours_stay_neighbours_as_in_one_run_and_what_is_done_is_told(cloud: np.ndarray) -> None:
    told: list[float] = []
    rows = np.concatenate([cloud, np.full((1, 8), np.nan)])
    with progress.watch(told.append):
        at = embedding.tsne(rows)
    assert told == [0.0, 0.25, 0.5, 0.75] and np.isnan(at[-1]).all()
    whole = TSNE(init="pca", random_state=0).fit_transform(cloud)
    own, its = (trustworthiness(cloud, places, n_neighbors=10) for places in (at[:-1], whole))
    assert own > 0.9 and own == pytest.approx(its, abs=0.02)


def test_stopping_ends_it_and_too_many_are_refused(cloud: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(share: float) -> None:
        if share > 0.2:
            raise progress.Cancelled

    with pytest.raises(progress.Cancelled), progress.watch(stop):
        embedding.tsne(cloud)
    monkeypatch.setattr(embedding, "MOST_NEIGHBOURS", 100)
    with pytest.raises(InputError, match="100 cutouts at most, and here are 150"):
        embedding.tsne(cloud)
