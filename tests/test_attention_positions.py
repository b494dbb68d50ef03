"""Position similarity against scikit-learn; prefix slots and models without an embedding."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import nn

from vlass_explorer.attention import position_bias
from vlass_explorer.attention.positions import filter_components, mosaic, similarity, supports
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
        ("xcit_nano_12_p16_224", {"depth": 1}, "no list of vectors"),
    ],
)
def test_models_without_one_are_refused(architecture: str, options: dict[str, object], reason: str) -> None:
    model = small(architecture, **options)
    answer, text = supports(model)
    assert not answer and reason in text
    with pytest.raises(UnsupportedError, match=reason):
        similarity(model)


def test_grids_of_vectors_keep_their_places() -> None:
    model = small("pit_ti_224")
    grid, matrix = similarity(model)
    table = model.pos_embed.detach().double().numpy()[0]
    assert grid == (27, 27) == table.shape[1:]
    expected = cosine_similarity(table.reshape(len(table), -1).T)
    assert abs(matrix - expected).max() <= 1e-6


def test_rotary_decay_is_the_mean_cosine_of_the_angles() -> None:
    model = small("eva02_tiny_patch14_224", depth=1, img_size=56, use_abs_pos_emb=False)
    grid, matrix = similarity(model)
    angles = model.rope.get_embed((4, 4))
    sines, cosines = (each.double().numpy() for each in angles.chunk(2, -1))
    # A pair of ones turned by a keeps cos(a - b) with one turned by b.
    expected = (cosines @ cosines.T + sines @ sines.T) / cosines.shape[1]
    assert grid == (4, 4) and abs(matrix - expected).max() <= 1e-6
    assert matrix[0, 0] == pytest.approx(1.0) and matrix[0, 15] < matrix[0, 1]


def test_an_embedding_is_interpolated_like_timm_does() -> None:
    model = small("vit_tiny_patch16_224", **VIT)
    grid, matrix = similarity(model, (7, 5))
    table = resample_abs_pos_embed(model.pos_embed, [7, 5], [4, 4], num_prefix_tokens=1)
    expected = cosine_similarity(table[0, 1:].detach().double().numpy())
    assert grid == (7, 5) and abs(matrix - expected).max() <= 1e-5


def test_filters_are_scikit_learns_components() -> None:
    model = small("vit_tiny_patch16_224", **VIT)
    pictures, shares = filter_components(model, 5)
    weight = model.patch_embed.proj.weight.detach().double().numpy()
    pca = PCA(5, svd_solver="full").fit(weight.reshape(len(weight), -1))
    assert abs(shares - pca.explained_variance_ratio_).max() <= 1e-6
    for mine, theirs in zip(pictures, pca.components_.reshape(5, 3, 16, 16).mean(1), strict=True):
        assert min(abs(mine - theirs).max(), abs(mine + theirs).max()) <= 1e-5
    with pytest.raises(UnsupportedError, match="one convolution"):
        filter_components(small("resnet18"))


WINDOWED = {"img_size": 32, "window_size": 4, "depths": (1, 1), "num_heads": (2, 4), "embed_dim": 32}


@pytest.mark.parametrize(
    ("architecture", "options", "method"),
    [
        ("swin_tiny_patch4_window7_224", WINDOWED, "_get_rel_pos_bias"),
        ("beit_base_patch16_224", {**VIT, "img_size": 64}, "_get_rel_pos_bias"),
        ("vit_relpos_small_patch16_224", VIT, "get_bias"),
        ("maxvit_rmlp_pico_rw_256", {"img_size": 128}, "get_bias"),
        ("swinv2_cr_tiny_ns_224", WINDOWED, "_relative_positional_encodings"),
    ],
)
def test_kernels_give_back_the_bias_of_each_pair(architecture: str, options: dict[str, object], method: str) -> None:
    model = small(architecture, **options)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias_table" in name or "mlp" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(3))
    found = position_bias.position_biases(model)[0]
    module = model.get_submodule(found.name)
    wy, wx = module.window_size
    expected = getattr(module, method)()[0].detach().numpy()[:, -wy * wx :, -wy * wx :]
    assert np.ptp(expected) > 0.1
    for query in range(wy * wx):
        for key in range(wy * wx):
            dy, dx = key // wx - query // wx, key % wx - query % wx
            assert np.allclose(found.kernel[:, wy - 1 + dy, wx - 1 + dx], expected[:, query, key], atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "options", "kind"),
    [
        ("swinv2_tiny_window8_256", WINDOWED, "bias"),
        ("levit_128s", {"img_size": 64}, "bias"),
        ("efficientformer_l1", {}, "bias"),
        ("mvitv2_tiny", {"img_size": 64}, "similarity"),
        ("botnet26t_256", {"img_size": 128}, "similarity"),
        ("convit_tiny", {"img_size": 64, "depth": 2, "local_up_to_layer": 1}, "bias"),
    ],
)
def test_other_kinds_are_kernels_with_the_patch_itself_in_the_middle(
    architecture: str, options: dict[str, object], kind: str
) -> None:
    model = small(architecture, **options)
    found = position_bias.position_biases(model)
    assert position_bias.supports(model) == (True, "") and all(each.kind == kind for each in found)
    for each in found:
        heads, height, width = each.kernel.shape
        assert height % 2 == width % 2 == 1 and np.isfinite(each.kernel).all()
        if kind == "similarity":
            assert each.kernel[0, height // 2, width // 2] == pytest.approx(1.0, abs=1e-6)
    if architecture == "convit_tiny":
        # It starts local: the first head looks at one neighbour, and the gate opens at sigmoid(1).
        assert np.allclose(found[0].gate, 1 / (1 + np.exp(-1.0)), atol=1e-6)
        centre = [int(each) for each in np.unravel_index(found[0].kernel[0].argmax(), (7, 7))]
        assert max(abs(each - 3) for each in centre) == 1


def test_models_without_relative_positions_are_refused() -> None:
    answer, why = position_bias.supports(small("vit_tiny_patch16_224", **VIT))
    assert not answer and why.endswith(".")
