"""Rollout of windowed, pyramid and hybrid architectures against dense float64 matrices built another way."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from benchmarks.attention_coverage import READOUTS, sharpen
from tests.dense.layers import dense_token_rollout
from vlass_explorer.attention import (
    attention_maps,
    batch_attention_maps,
    layer_map,
    rollout,
    token_rollout,
)
from vlass_explorer.attention.graph import halved, pooled
from vlass_explorer.attention.walk import spread
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import UnsupportedError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")

TINY = {"depth": 2, "embed_dim": 48, "num_heads": 3}
# Small members of each family at a small size; a few are as small as timm allows.
SWIN = {"img_size": 64, "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32}
TWINS = {"depths": (2, 2), "embed_dims": (32, 64), "num_heads": (2, 4), "sr_ratios": (4, 2), "wss": (4, 4)}
FAMILIES = [
    ("swin_tiny_patch4_window7_224", SWIN),
    ("swinv2_tiny_window8_256", SWIN),
    ("swinv2_cr_tiny_ns_224", SWIN),
    ("maxvit_rmlp_pico_rw_256", {"img_size": 64}),
    ("coatnet_pico_rw_224", {"img_size": 64}),
    ("nest_tiny", {"img_size": 64}),
    ("twins_svt_small", {"img_size": 64, "mlp_ratios": (2, 2), **TWINS}),
    ("pvt_v2_b0", {"size": 64}),
    ("mvitv2_tiny", {"img_size": 64}),
    ("mvitv2_base_cls", {"img_size": 64}),
    ("hiera_tiny_224", {"img_size": 64, "stages": (1, 2, 1, 1)}),
    ("levit_128s", {"img_size": 128}),
    ("tiny_vit_5m_224", {"size": 224}),
    ("pit_ti_224", {"img_size": 64}),
    ("nextvit_small", {"size": 64}),
    ("botnet26t_256", {"img_size": 128}),
    ("halonet26t", {"size": 256}),
    ("mobilevit_xxs", {"size": 128}),
    ("caformer_s18", {"size": 64}),
    ("csatv2", {"size": 256}),
    ("efficientformerv2_s0", {"img_size": (128, 96)}),
    ("volo_d1_224", {"img_size": 64}),
    ("cait_xxs24_224", {"img_size": 64, "depth": 2}),
    ("xcit_nano_12_p16_224", {"size": 64, "depth": 2}),
    ("tnt_s_legacy_patch16_224", {"img_size": 64, "depth": 2}),
    ("samvit_base_patch16_224", {"img_size": 128, "window_size": 4, **TINY}),
    ("vit_base_patch16_siglip_224", {"img_size": 64, **TINY}),
    ("eva02_tiny_patch14_224", {"img_size": 56, "depth": 2}),
]


def build(architecture: str, options: dict[str, object]) -> tuple[nn.Module, torch.Tensor]:
    """A random model with attention far from uniform, and an image of its size."""
    torch.manual_seed(0)
    size = options.get("size") or options["img_size"]
    kept = {key: value for key, value in options.items() if key != "size"}
    model = timm.create_model(architecture, num_classes=4, **kept).eval()
    sharpen(model, 6.0)
    shape = size if isinstance(size, tuple) else (size, size)
    return model, torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("architecture", "options"), FAMILIES, ids=[name for name, _ in FAMILIES])
def test_rollout_equals_dense_matrices_and_logits_stay(architecture: str, options: dict[str, object]) -> None:
    model, x = build(architecture, options)
    with torch.no_grad():
        plain = model(x)
    logits, maps = attention_maps(model, x)
    assert torch.equal(logits, plain)
    tokens = token_rollout(maps)
    names, expected = dense_token_rollout(model, x, READOUTS.get(maps.kind, "first"), maps.prefix_tokens)
    assert names == [layer.name for layer in maps.layers]
    assert abs(tokens - expected).max() <= 2e-6
    if architecture not in ("halonet26t", "volo_d1_224"):  # their padding takes a share
        assert tokens.sum() == pytest.approx(1.0, abs=1e-6)
    fused = attention_maps(model, x, head_fusion="mean")[1]
    assert np.allclose(token_rollout(fused), tokens, atol=1e-7) and len(fused.layers[0].weights) == 1
    for layer in range(len(maps.layers)):
        assert layer_map(maps, layer).shape == maps.grid


def test_cells_are_those_of_the_modules() -> None:
    assert pooled(nn.Conv2d(1, 1, 8, 8), (60, 9))[1].rows[-1] == (48, 56)  # type: ignore[union-attr]
    assert pooled(nn.Conv2d(1, 1, 3, 2, 1), (7, 8))[1].rows == ((0, 2), (2, 4), (4, 6), (6, 7))  # type: ignore[union-attr]
    for side in range(4, 40):
        images = torch.eye(side)[:, None, :, None].expand(-1, -1, -1, side)
        for module in (
            nn.AdaptiveAvgPool2d(7),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.AvgPool2d(3),
            nn.Conv2d(1, 1, 3, 4, 1),
            nn.Conv2d(1, 1, 2, 2),
            nn.Conv2d(1, 1, 3, 2, 2, dilation=2),
            nn.MaxPool2d(3, 2, 1),
        ):
            grid, pooling = pooled(module, (side, side))
            made = module(images)
            assert grid == tuple(made.shape[-2:])
            if isinstance(module, nn.AdaptiveAvgPool2d | nn.AvgPool2d):
                cells = [(i, i + 1) for i in range(side)] if pooling is None else pooling.rows
                means = np.zeros((grid[0], side))
                for row, (start, stop) in zip(means, cells, strict=True):
                    row[start:stop] = 1 / (stop - start)
                assert np.allclose(made[:, 0, :, 0].numpy().T, means, atol=1e-6)


def test_a_grid_made_in_an_unknown_way_is_refused() -> None:
    assert halved((7, 8), (7, 8)) is None and halved((7, 8), (2, 2)).rows == ((0, 4), (4, 7))  # type: ignore[union-attr]
    with pytest.raises(UnsupportedError, match="3 x 4 patches are made of 7 x 8"):
        halved((7, 8), (3, 4))


@pytest.mark.parametrize("architecture", ["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"])
def test_rectangles_keep_rows_and_columns_apart(architecture: str) -> None:
    shape = {"img_size": (32, 64), "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32}
    model, x = build(architecture, shape)
    maps = attention_maps(model, x)[1]
    assert maps.grid == (8, 16)
    _, expected = dense_token_rollout(model, x, "patches", 0)
    assert abs(token_rollout(maps) - expected).max() <= 2e-6


def test_a_flipped_image_flips_the_map_of_symmetric_windows() -> None:
    """Without shift, bias and asymmetric filters windows do not know left from right."""
    shape = {"img_size": 32, "window_size": 4, "depths": (1, 1), "num_heads": (2, 4), "embed_dim": 32}
    model, x = build("swin_tiny_patch4_window7_224", shape)
    with torch.no_grad():
        weight = model.patch_embed.proj.weight
        weight.copy_((weight + weight.flip(-1)) / 2)
        for stage in model.layers:
            for block in stage.blocks:
                block.attn.relative_position_bias_table.zero_()
        reduction = model.layers[1].downsample
        norm, linear = reduction.norm, reduction.reduction.weight
        # Merging takes the four patches in the order (0, 0), (1, 0), (0, 1), (1, 1): equal weights for left and right.
        parts = linear.reshape(linear.shape[0], 2, 2, -1)
        linear.copy_(((parts + parts.flip(1)) / 2).reshape(linear.shape))
        assert torch.equal(norm.weight, torch.ones_like(norm.weight))
    one, other = (rollout(attention_maps(model, image)[1]) for image in (x, x.flip(-1)))
    assert np.allclose(other, one[:, ::-1], atol=1e-7) and np.ptp(one) > 1e-3 * one.max()
    assert not np.allclose(other, one, atol=1e-7)


def test_a_batch_is_its_images() -> None:
    shape = {"img_size": 32, "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32}
    model, x = build("swin_tiny_patch4_window7_224", shape)
    images = torch.cat([x, x.flip(-1), 2.0 * x])
    _, maps = batch_attention_maps(model, images)
    for image, found in zip(images, maps, strict=True):
        assert np.allclose(rollout(found), rollout(attention_maps(model, image[None])[1]), atol=1e-6)


def test_a_coarse_patch_spreads_over_what_it_covers() -> None:
    coarse = np.array([4.0, 8.0, 2.0, 6.0])
    pooling = pooled(nn.AvgPool2d(2, ceil_mode=True), (3, 4))[1]
    fine = spread(coarse, (2, 2), (3, 4), pooling).reshape(3, 4)
    # Rows of 2 and 1 (the last is cut), columns of 2 and 2: sums stay.
    assert np.allclose(fine, [[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 3, 3]])
    assert spread(coarse, (2, 2), (5, 3)).sum() == pytest.approx(20.0)


def test_a_clicked_patch_starts_where_it_lies() -> None:
    model, x = build("swin_tiny_patch4_window7_224", SWIN)
    maps = attention_maps(model, x)[1]
    first = layer_map(maps, 0, query=5 * 16 + 9)
    inside = np.zeros((16, 16), bool)
    inside[4:8, 8:12] = True
    # The first layer is not shifted: the patch sees its own window and nothing else.
    assert first[inside].sum() == pytest.approx(1.0, abs=1e-6) and not first[~inside].any()
    assert rollout(maps, query=5 * 16 + 9).sum() == pytest.approx(1.0, abs=1e-6)


def test_shares_are_named_for_what_they_are() -> None:
    model, x = build("volo_d1_224", {"img_size": 64})
    first = EXPLAINERS["layer_attention"].explain(model, x, 0, layer=0)
    # Outlook windows overlap: a patch asks in up to nine, and has the mean of them.
    assert first.numbers["prefix_share"] == 0.0 and 0.0 < first.numbers["padding_share"] < 0.5
    assert first.maps.sum() == pytest.approx(1.0 - first.numbers["padding_share"], abs=1e-5)
    inner = EXPLAINERS["layer_attention"].explain(model, x, 0, layer=0, query=3 * 8 + 4)
    assert inner.numbers["padding_share"] == 0.0 and inner.maps.sum() == pytest.approx(1.0, abs=1e-5)
    model, x = build("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 72, "window_size": 7})
    for method in ("layer_attention", "attention_rollout"):
        padded = EXPLAINERS[method].explain(model, x, 0, **({"layer": 0} if method == "layer_attention" else {}))
        assert padded.numbers["prefix_share"] == 0.0 and padded.numbers["padding_share"] > 0.01
        assert padded.maps.sum() + padded.numbers["padding_share"] == pytest.approx(1.0, abs=1e-5)
    assert f"{padded.numbers['padding_share']:.0%} ended on the padding of windows." in padded.caption


def test_a_head_that_reads_the_patches_alone() -> None:
    options = {"img_size": 64, **TINY, "num_heads": 3}
    model, x = build("vit_so150m_patch16_reg4_map_256", options)
    maps = attention_maps(model, x)[1]
    assert maps.kind == "attention_pool" and maps.registers == maps.prefix_tokens == 4
    _, expected = dense_token_rollout(model, x, "pool", 4)
    assert abs(token_rollout(maps) - expected).max() <= 2e-6 and expected[:4].sum() > 0.01
    last = EXPLAINERS["layer_attention"].explain(model, x, 0)
    assert last.numbers["prefix_share"] == 0.0 and last.maps.sum() == pytest.approx(1.0, abs=1e-6)
