"""Families at sizes that their kernels and windows do not fill, against dense float64 matrices; sizes refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from test_attention_families import build

from tests.dense.layers import dense_token_rollout
from vlass_explorer.attention import (
    attention_gradients,
    attention_maps,
    describe,
    distance,
    layer_map,
    rollout,
    supports,
    token_rollout,
)
from vlass_explorer.attention.walk import covering
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import AttentionMaps, UnsupportedError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")

PVT = {"depths": (1, 2, 1, 1), "embed_dims": (16, 32, 32, 32), "num_heads": (1, 2, 2, 2), "mlp_ratios": (1, 1, 1, 1)}
WIDE = {"depths": (1, 1, 2), "num_heads": (1, 2, 2), "mlp_ratios": (1, 1, 1), "embed_dims": (16, 32, 32)}
# Families whose keys are pooled, at sizes at which kernels do not fill: their last rows and columns are read by nobody.
AWKWARD = [
    ("pvt_v2_b1", PVT, [240, (80, 112), 104]),
    ("pvt_v2_b2_li", PVT, [128, 256, (96, 160)]),
    ("twins_pcpvt_small", {**WIDE, "sr_ratios": (8, 4, 2)}, [240, (80, 112), 104]),
    ("twins_svt_small", {**WIDE, "sr_ratios": (8, 4, 2), "wss": (7, 7, 7)}, [240, (80, 112), 104]),
    ("mvitv2_tiny", {}, [36, (36, 100), (148, 20)]),
    ("nextvit_small", {}, [80, (112, 48), 208]),
]


@pytest.mark.parametrize("case", [0, 1, 2])
@pytest.mark.parametrize(("architecture", "options", "sizes"), AWKWARD, ids=[name for name, *_ in AWKWARD])
def test_pooled_keys_lie_where_their_kernels_read(
    architecture: str, options: dict[str, object], sizes: list[object], case: int
) -> None:
    size = sizes[case]
    own = {"img_size": 160} if "mvit" in architecture else {}
    model, x = build(architecture, {**options, **own, "size": size})
    maps = attention_maps(model, x)[1]
    tokens = token_rollout(maps)
    names, expected = dense_token_rollout(model, x, "patches", 0)
    assert names == [layer.name for layer in maps.layers]
    assert abs(tokens - expected).max() <= 2e-6 and np.ptp(expected) > 0.1 / expected.size
    if "svt" not in architecture:  # its windows are padded
        assert tokens.sum() == pytest.approx(1.0, abs=1e-6)
        for layer in range(len(maps.layers)):
            assert layer_map(maps, layer).sum() == pytest.approx(1.0, abs=1e-5)
    assert all(np.isfinite(each).all() for each in distance.attention_distances(maps))


def test_gaps_between_kernels_get_no_attention() -> None:
    model, x = build("mvitv2_tiny", {"img_size": 64, "size": 64})
    maps = attention_maps(model, x)[1]
    first = layer_map(maps, 0)
    # Kernels of 3 with a stride of 4 and a margin of 1: row 2 of every four is read by none.
    assert maps.layers[0].place.pools_keys.rows == ((0, 2), (3, 6), (7, 10), (11, 14))  # type: ignore[union-attr]
    assert not first[[2, 6, 10, 14, 15]].any() and first[3:6, 3:6].all()
    assert covering(replaced_before(maps), 15 * 16 + 2, 0) == 3 * 4


def replaced_before(maps: AttentionMaps) -> AttentionMaps:
    """Maps whose first layer hands on what it pools its keys to."""
    place = maps.layers[0].place
    pooling = replace(place, pools_queries=place.pools_keys, after=place.keys)
    return replace(maps, layers=(replace(maps.layers[0], place=pooling),))


def test_attention_without_a_shortcut_replaces_what_it_reads() -> None:
    model, x = build("haloregnetz_b", {"size": 224})
    maps = attention_maps(model, x)[1]
    assert [layer.place.residual for layer in maps.layers] == [True, True, True, False, True]
    _, expected = dense_token_rollout(model, x, "patches", 0)
    assert abs(token_rollout(maps) - expected).max() <= 2e-6
    caption = EXPLAINERS["attention_distance"].explain(model, x, 0).caption
    assert "blank" not in caption


@pytest.mark.parametrize("side", [240, 256])
def test_what_the_last_merging_leaves_out(side: int) -> None:
    model, x = build("csatv2", {"size": side})
    maps = attention_maps(model, x)[1]
    _, expected = dense_token_rollout(model, x, "patches", 0)
    assert maps.grid == (side // 32, side // 32) and abs(token_rollout(maps) - expected).max() <= 2e-6


def test_a_size_that_the_model_does_not_take_is_one_sentence() -> None:
    model, _ = build("efficientformer_l1", {"size": 224})
    with pytest.raises(UnsupportedError, match="EfficientFormer as it was built takes no 128 x 128 inputs"):
        attention_maps(model, torch.zeros(1, 3, 128, 128))
    with pytest.raises(UnsupportedError, match="takes no 128 x 128 inputs"):
        attention_gradients(model, torch.zeros(1, 3, 128, 128), 0)


def test_what_fills_no_kernel_gets_no_attention() -> None:
    model, x = build("pvt_v2_b1", {**PVT, "size": 240})
    first = layer_map(attention_maps(model, x)[1], 0)
    # 60 rows under kernels of 8: 56 to 59 are read by none.
    assert first.shape == (60, 60) and not first[56:].any() and not first[:, 56:].any()
    assert (first[:56, :56] > 0).all()


def test_a_clicked_patch_is_followed_into_the_cell_that_holds_it() -> None:
    model, x = build("pvt_v2_b1", {**PVT, "size": (80, 112)})
    maps = attention_maps(model, x)[1]
    rows, columns = describe(model, (80, 112)).layers[-1].place.after.grid
    assert (rows, columns) == (3, 4)
    for row, column in ((0, 0), (7, 9), (19, 27)):
        found = covering(maps, row * 28 + column, -1)
        assert found == min(row // 8, 2) * 4 + column // 8


def test_supports_asks_the_model_at_hand() -> None:
    model = timm.create_model("maxvit_rmlp_pico_rw_256", img_size=160, num_classes=4)
    assert supports(model.eval()) == (True, "")
    assert attention_maps(model, torch.randn(1, 3, 160, 160))[1].grid == (40, 40)
    with pytest.raises(UnsupportedError, match="does not fit 64 x 64 patches"):
        attention_maps(model, torch.randn(1, 3, 256, 256))


def test_a_patch_of_an_interpolated_grid_goes_into_the_cell_over_its_middle() -> None:
    """MobileViT enlarges 9 x 13, 5 x 7 and 3 x 4 patches to even numbers: 10 x 14, 6 x 8 and 4 x 4."""
    torch.manual_seed(0)
    model = timm.create_model("mobilevit_xxs", num_classes=2).eval()
    maps = attention_maps(model, torch.randn(1, 3, 72, 104))[1]
    assert [layer.place.before.grid for layer in maps.layers] == [(10, 14)] * 2 + [(6, 8)] * 4 + [(4, 4)] * 3
    for query in range(maps.grid[0] * maps.grid[1]):
        row, column = divmod(query, 14)
        middle = (row + 0.5) / 10, (column + 0.5) / 14
        for layer, (rows, columns) in ((1, (10, 14)), (2, (6, 8))):
            assert covering(maps, query, layer) == int(middle[0] * rows) * columns + int(middle[1] * columns)
        found = rollout(maps, query=query, identity_weight=0.999)
        # Within the cell of the last layer, of 2.5 x 3.5 patches.
        cells = np.abs(np.subtract(np.unravel_index(found.argmax(), found.shape), (row, column)))
        assert (cells <= (2, 3)).all() and found.sum() == pytest.approx(1.0, abs=1e-5)
