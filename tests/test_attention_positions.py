"""Position similarity against scikit-learn; prefix slots and models without an embedding."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from sklearn.metrics.pairwise import cosine_similarity
from torch import nn

from vlass_explorer.attention.positions import mosaic, similarity, supports
from vlass_explorer.schema import UnsupportedError

VIT = {"img_size": 64, "depth": 1, "embed_dim": 48, "num_heads": 3}


def small(architecture: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(architecture, num_classes=4, **options).eval()


@pytest.mark.parametrize(
    ("architecture", "options", "slots", "grid"),
    [
        ("vit_tiny_patch16_224", VIT, 1, (4, 4)),
        ("vit_tiny_patch16_224", {**VIT, "img_size": (32, 80)}, 1, (2, 5)),
        ("deit_tiny_distilled_patch16_224", VIT, 2, (4, 4)),
        ("deit3_small_patch16_224", VIT, 0, (4, 4)),
        ("vit_small_patch14_reg4_dinov2", {**VIT, "img_size": 56}, 0, (4, 4)),
        ("convit_tiny", {"img_size": 64, "depth": 2, "local_up_to_layer": 1}, 0, (4, 4)),
    ],
)
def test_similarity_equals_scikit_learn_on_the_patches(
    architecture: str, options: dict[str, object], slots: int, grid: tuple[int, int]
) -> None:
    model = small(architecture, **options)
    assert model.pos_embed.shape[1] - slots == grid[0] * grid[1]
    found_grid, matrix = similarity(model)
    expected = cosine_similarity(model.pos_embed[0, slots:].detach().double().numpy())
    assert found_grid == grid and matrix.shape == expected.shape and matrix.dtype == np.float32
    assert abs(matrix - expected).max() <= 1e-6
    assert supports(model) == (True, "")


def test_tiles_lie_where_their_patches_lie() -> None:
    grid, matrix = similarity(small("vit_tiny_patch16_224", **{**VIT, "img_size": (32, 80)}))
    tiles = mosaic(grid, matrix)
    assert tiles.shape == (4, 25)
    for row in range(2):
        for column in range(5):
            tile = tiles[row * 2 : row * 2 + 2, column * 5 : column * 5 + 5]
            assert np.array_equal(tile, matrix[row * 5 + column].reshape(2, 5))
            assert tile[row, column] == pytest.approx(1.0)


def test_an_empty_embedding_is_like_nothing() -> None:
    model = small("vit_tiny_patch16_224", **VIT)
    with torch.no_grad():
        model.pos_embed[:, 3] = 0.0
    assert np.array_equal(similarity(model)[1][2], np.zeros(16, np.float32))


@pytest.mark.parametrize(
    ("architecture", "options", "reason"),
    [
        ("resnet18", {}, "no absolute position embedding"),
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1)}, "no absolute position embedding"),
        ("convit_tiny", {"depth": 1, "local_up_to_layer": 0, "use_pos_embed": False}, "no absolute position embedding"),
        ("vit_tiny_patch16_224", {**VIT, "pos_embed": "none"}, "no absolute position embedding"),
        ("pit_ti_224", {}, "no list of vectors"),
        ("xcit_nano_12_p16_224", {"depth": 1}, "no list of vectors"),
    ],
)
def test_models_without_one_are_refused(architecture: str, options: dict[str, object], reason: str) -> None:
    model = small(architecture, **options)
    answer, text = supports(model)
    assert not answer and reason in text
    with pytest.raises(UnsupportedError, match=reason):
        similarity(model)
