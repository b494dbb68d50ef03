"""One image with its truth and prediction: the figures of the evaluation again, and masks that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_masks
from sklearn.metrics import jaccard_score

from vlass_explorer import checkpoints, preprocess
from vlass_explorer.evaluation import evaluate_masks, mask_pairs, parts
from vlass_explorer.schema import IGNORE, DatasetError


def test_each_pair_has_the_iou_that_the_report_gives_its_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CACHE", str(tmp_path / "cache"))
    card = tiny_masks.save(tmp_path / "pixels")
    part = parts.select(card, parts.config_of(card, data_dir=str(tiny_masks.make(tmp_path / "data"))), "all")
    model = checkpoints.load(card)
    result = evaluate_masks(model, card, part)
    assert len(result.report.worst) == 12
    for one in result.report.worst:
        index = result.indices[one.index]
        pair = mask_pairs.of_item(model, card, part.data_set, index)
        assert pair.mean_iou == pytest.approx(one.mean_iou, abs=1e-9)
        known = pair.truth != IGNORE
        labels = sorted({*np.unique(pair.truth[known]), *np.unique(pair.predicted[known])})
        own = jaccard_score(pair.truth[known], pair.predicted[known], labels=labels, average=None)
        assert list(pair.iou) == [tiny_masks.CLASSES[k] for k in labels]
        np.testing.assert_allclose(list(pair.iou.values()), own)
    item = part.data_set.items[0]
    cutout, window = item.read(), preprocess.window(item.read(), card.input_spec)
    pair = mask_pairs.of_item(model, card, part.data_set, 0)
    inside = cutout.pixels[window.y0 : window.y1, window.x0 : window.x1]
    assert pair.image.shape == pair.truth.shape == window.shape == inside.shape
    assert np.corrcoef(pair.image.ravel(), np.maximum(inside, 0).ravel())[0, 1] > 0.99
    plain = replace(part.data_set, items=(replace(item, mask=None),))
    with pytest.raises(DatasetError, match="no masks"):
        mask_pairs.of_item(model, card, plain, 0)


def test_an_image_smaller_than_the_field_has_no_truth_beyond_its_edge(tmp_path: Path) -> None:
    card = tiny_masks.save(tmp_path / "pixels")
    part = parts.select(card, parts.config_of(card, data_dir=str(tiny_masks.make(tmp_path / "data", 3, 30))), "all")
    pair = mask_pairs.of_item(checkpoints.load(card), card, part.data_set, 1)
    edge = np.ones((32, 32), bool)
    edge[1:31, 1:31] = False
    assert (pair.truth[edge] == IGNORE).all() and not (pair.truth[~edge] == IGNORE).any()
