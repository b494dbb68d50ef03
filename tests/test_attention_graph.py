"""Token graphs: what the head reads, checked on the model itself; refusals with their reasons."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from benchmarks.attention_coverage import sharpen
from tests.dense.layers import dense_token_rollout
from vlass_explorer.attention import attention_maps, describe, supports
from vlass_explorer.explainers import attention_rollout
from vlass_explorer.schema import UnsupportedError


def small(architecture: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(architecture, num_classes=4, **options).eval()


VIT = {"img_size": 64, "depth": 2, "embed_dim": 48, "num_heads": 3}
CASES = [
    ("vit_tiny_patch16_224", VIT, "class_token", 1),
    ("vit_small_patch14_reg4_dinov2", {**VIT, "img_size": 56}, "class_token", 5),
    ("deit3_small_patch16_224", VIT, "class_token", 1),
    ("deit_tiny_distilled_patch16_224", VIT, "distilled", 2),
    ("vit_base_patch16_gap_224", VIT, "average_pool", 0),
    ("vit_wee_patch16_reg1_gap_256", VIT, "average_pool", 1),
    ("vit_tiny_patch16_224", {**VIT, "global_pool": "avg"}, "average_pool", 1),
    ("vit_tiny_patch16_224", {**VIT, "global_pool": "avg", "pool_include_prefix": True}, "average_pool", 1),
    ("convit_tiny", {"img_size": 64, "depth": 3, "local_up_to_layer": 2}, "late_class_token", 1),
    ("convit_tiny", {"img_size": 64, "depth": 3, "local_up_to_layer": 2, "global_pool": "avg"}, "late_class_token", 1),
]


@pytest.mark.parametrize(("architecture", "options", "kind", "prefix"), CASES)
def test_readout_names_the_tokens_that_the_head_reads(
    architecture: str, options: dict[str, object], kind: str, prefix: int
) -> None:
    model = small(architecture, **options)
    side = int(options["img_size"])  # type: ignore[call-overload]
    _, maps = attention_maps(model, torch.rand(1, 3, side, side))
    assert (maps.kind, maps.grid, maps.prefix_tokens) == (kind, (4, 4), prefix)
    # A token is read where the logits depend on it: the gradient through the head alone says so.
    tokens = torch.randn(1, maps.readout.size, model.num_features, requires_grad=True)
    model.forward_head(tokens).square().sum().backward()
    weight = tokens.grad.norm(dim=-1)[0].numpy()
    assert np.array_equal(weight > 0, maps.readout > 0)
    assert maps.readout.sum() == pytest.approx(1.0, abs=1e-6)
    assert len(np.unique(maps.readout[maps.readout > 0])) == 1, "every token that is read counts the same"


@pytest.mark.parametrize(
    ("architecture", "classes", "registers"),
    [
        ("vit_small_patch14_reg4_dinov2", 1, 4),
        ("vit_wee_patch16_reg1_gap_256", 0, 1),
        ("vit_small_patch16_dinov3", 1, 4),
        ("naflexvit_base_patch16_gap", 0, 4),
        ("vit_tiny_patch16_224", 1, 0),
    ],
)
def test_what_ended_on_registers_is_told_apart(architecture: str, classes: int, registers: int) -> None:
    side = 56 if "14" in architecture else 64
    model = small(architecture, **{**VIT, "img_size": side})
    sharpen(model, 6.0)
    if "naflex" in architecture:
        side = 384
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    _, maps = attention_maps(model, x)
    assert maps.registers == registers and maps.prefix_tokens == classes + registers
    readout = "first" if maps.kind == "class_token" else "patches"
    _, expected = dense_token_rollout(model, x, readout, classes + registers)
    answer = attention_rollout.explain(model, x, 0)
    assert answer.numbers["prefix_share"] == pytest.approx(expected[: classes + registers].sum(), abs=2e-6)
    assert ("register_share" in answer.numbers) == (registers > 0)
    assert ("class_token_share" in answer.numbers) == (registers > 0 and classes > 0)
    if registers:
        share = answer.numbers["register_share"]
        assert share == pytest.approx(expected[classes:][:registers].sum(), abs=2e-6) and share > 1e-4
        assert f"{share:.1%} on registers." in answer.caption


def test_registers_stand_behind_the_class_token() -> None:
    model = small("vit_small_patch14_reg4_dinov2", **{**VIT, "img_size": 56})
    with torch.no_grad():
        model.cls_token.fill_(1.0)
        model.reg_token.fill_(2.0)
        tokens = model._pos_embed(model.patch_embed(torch.rand(1, 3, 56, 56)))
    assert (tokens[0, 0] == 1.0).all() and (tokens[0, 1:5] == 2.0).all() and tokens.shape[1] == 5 + 16


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def test_grid_of_a_rectangle_is_rows_by_columns(architecture: str) -> None:
    model = small(architecture, **{**VIT, "img_size": (32, 80)})
    _, maps = attention_maps(model, torch.rand(1, 3, 32, 80))
    assert maps.grid == (2, 5)


def test_grid_follows_the_image_where_its_size_is_dynamic() -> None:
    model = small("vit_tiny_patch16_224", **VIT, dynamic_img_size=True)
    assert attention_maps(model, torch.rand(1, 3, 96, 48))[1].grid == (6, 3)


def test_grid_of_a_hybrid_is_that_of_its_feature_map() -> None:
    model = small("vit_tiny_r_s16_p8_224", img_size=64, depth=1)
    _, maps = attention_maps(model, torch.rand(1, 3, 64, 64))
    assert maps.grid == (2, 2) and maps.layers[0].weights.shape[-1] == 5


REFUSED = [
    ("resnet18", {}, "no softmax attention"),
    ("convnext_atto", {}, "no softmax attention"),
    ("mixer_s32_224", {}, "no softmax attention"),
    ("xcit_nano_12_p16_224", {"depth": 1, "global_pool": "avg"}, "between channels"),
    ("gcresnet33ts", {}, "a weight a position"),
    ("coat_lite_tiny", {}, "over all positions for one channel"),
    ("edgenext_xx_small", {}, "between channels"),
    ("davit_tiny", {"depths": (1, 1, 1, 1)}, "between channels"),
    ("coat_lite_tiny", {}, "factorises attention"),
    ("lambda_resnet26t", {}, "lambda layer"),
    ("mobilevitv2_050", {}, "Linear attention"),
    ("crossvit_tiny_240", {"depth": ((1, 1, 2),)}, "read each other once"),
    ("vit_tiny_patch16_224", {**VIT, "global_pool": "max"}, "'max'"),
    ("vit_tiny_patch16_224", {**VIT, "global_pool": ""}, "no pooled read-out"),
    ("vit_small_patch16_18x2_224", VIT, "ParallelThingsBlock"),
    ("vit_tiny_patch16_224", {**VIT, "embed_dim": 96, "attn_layer": "diff"}, "DiffAttention"),
    ("convit_tiny", {"img_size": 64, "depth": 2, "local_up_to_layer": 2}, "class token joins"),
]


@pytest.mark.parametrize(("architecture", "options", "reason"), REFUSED)
def test_what_cannot_be_placed_is_refused_with_its_reason(
    architecture: str, options: dict[str, object], reason: str
) -> None:
    model = small(architecture, **options)
    answer, text = supports(model)
    assert not answer and reason in text and text.endswith(".")
    with pytest.raises(UnsupportedError, match="covered|attention|attends|pool|lambda|softmax|read"):
        describe(model)


def test_supported_models_need_no_reason() -> None:
    assert supports(small("vit_tiny_patch16_224", **VIT)) == (True, "")


def test_calls_that_do_not_fit_the_graph_are_refused() -> None:
    model = small("vit_tiny_patch16_224", **VIT)
    x = torch.rand(1, 3, 64, 64)
    model.blocks[0].attn.proj_drop = nn.Sequential(nn.Softmax(dim=-1))
    with pytest.raises(UnsupportedError, match="3 attention calls were seen where this architecture makes 2"):
        attention_maps(model, x)
    model = small("vit_tiny_patch16_224", **VIT, patch_drop_rate=0.5).train()
    with pytest.raises(UnsupportedError, match=r"where \(1, 3, 17, 17\) was expected"):
        attention_maps(model, x)


def test_one_image_at_a_time() -> None:
    with pytest.raises(ValueError, match="one image"):
        attention_maps(small("vit_tiny_patch16_224", **VIT), torch.rand(2, 3, 64, 64))
