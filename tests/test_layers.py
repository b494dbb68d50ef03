"""The layer of a class activation map and its layout, for every family, against grad-cam."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch
from pytorch_grad_cam import GradCAM, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from vlass_explorer import backbones
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.layers import feature_map, feature_maps
from vlass_explorer.schema import UnsupportedError

# Architecture, arguments, then what must be found: layer, layout, prefix tokens, grid.
FAMILIES: list[tuple[str, dict[str, Any], tuple[str, str, int, tuple[int, int]]]] = [
    ("resnet10t", {}, ("layer4", "channels first", 0, (2, 3))),
    ("mobilenetv3_small_050", {}, ("blocks", "channels first", 0, (2, 3))),
    ("convnext_atto", {}, ("norm_pre", "channels first", 0, (2, 3))),
    ("vit_tiny_patch16_224", {"img_size": (64, 96)}, ("blocks.11.norm1", "tokens", 1, (4, 6))),
    (
        "vit_tiny_patch16_224",
        {"img_size": (64, 96), "class_token": False, "global_pool": "map", "depth": 2},
        ("norm", "tokens", 0, (4, 6)),
    ),
    ("deit_tiny_distilled_patch16_224", {"img_size": (64, 96)}, ("blocks.11.norm1", "tokens", 2, (4, 6))),
    ("vit_small_patch14_reg4_dinov2", {"img_size": (56, 84), "depth": 2}, ("blocks.1.norm1", "tokens", 5, (4, 6))),
    ("vit_wee_patch16_reg1_gap_256", {"img_size": (64, 96), "depth": 2}, ("blocks", "tokens", 1, (4, 6))),
    ("vit_tiny_r_s16_p8_224", {"img_size": (64, 96)}, ("blocks.11.norm1", "tokens", 1, (2, 3))),
    ("convit_tiny", {"img_size": 64}, ("blocks.11.norm1", "tokens", 1, (4, 4))),
    ("cait_xxs24_224", {"img_size": 64, "depth": 2}, ("blocks_token_only.1.norm1", "tokens", 1, (4, 4))),
    ("xcit_nano_12_p16_224", {"depth": 2}, ("cls_attn_blocks.1.norm1", "tokens", 1, (4, 6))),
    ("crossvit_tiny_240", {}, ("blocks.2.fusion.1.norm1", "tokens", 1, (20, 20))),
    ("pit_ti_distilled_224", {}, ("transformers.2.blocks.3.norm1", "tokens", 2, (7, 7))),
    ("tnt_s_legacy_patch16_224", {"img_size": 64, "depth": 2}, ("blocks.1.norm_out", "tokens", 1, (4, 4))),
    (
        "swin_tiny_patch4_window7_224",
        {"img_size": (64, 96), "depths": (1, 1, 1, 1), "window_size": 2},
        ("norm", "channels last", 0, (2, 3)),
    ),
    ("pvt_v2_b0", {}, ("stages", "channels first", 0, (2, 3))),
    ("twins_pcpvt_small", {"img_size": 64, "depths": (1, 1, 1, 1)}, ("norm", "tokens", 0, (2, 2))),
    ("levit_128s", {"img_size": 224}, ("stages", "tokens", 0, (4, 4))),
    (
        "coat_lite_tiny",
        {"img_size": 64, "serial_depths": (1, 1, 1, 1)},
        ("serial_blocks4.0.norm1", "tokens", 1, (2, 2)),
    ),
    ("botnet26t_256", {"img_size": 64}, ("final_conv", "channels first", 0, (2, 2))),
    ("mobilevit_xxs", {}, ("final_conv", "channels first", 0, (2, 3))),
    ("vlass_vision_cnn", {"img_size": 64}, ("features", "channels first", 0, (8, 8))),
    ("d4_resnet", {}, ("stages", "channels first", 0, (4, 6))),
    ("d4_former", {}, ("blocks.2.norm1", "tokens", 1, (16, 24))),
    ("conv_stem_vit_mini", {"img_size": 64}, ("blocks", "tokens", 0, (8, 8))),
    ("deeplense_cnn", {"img_size": 64}, ("features", "channels first", 0, (3, 3))),
    ("tnt_s_patch16_224", {"img_size": (64, 64), "depth": 2}, ("blocks.1.norm_out", "tokens", 1, (4, 4))),
    ("tnt_s_patch16_224", {"img_size": (64, 96), "depth": 2}, ("blocks.1.norm_out", "tokens", 1, (4, 6))),
    # Behind its class attention a head on the patches takes the largest logit: one patch.
    ("volo_d1_224", {"img_size": 64}, ("post_network.1.norm1", "tokens", 1, (4, 4))),
    ("nest_tiny", {"img_size": 64}, ("norm", "channels last", 0, (4, 4))),
    # Its 16 learned tokens are no grid of 4 x 4, though as many.
    ("vt_resnet18", {}, ("vt1.projector", "tokens", 0, (4, 4))),
    ("vt_r50", {}, ("vts.1.projector", "tokens", 0, (4, 4))),
]
SQUARE = {
    "convit_tiny": 64,
    "cait_xxs24_224": 64,
    "crossvit_tiny_240": 240,
    "pit_ti_distilled_224": 224,
    "tnt_s_legacy_patch16_224": 64,
    "twins_pcpvt_small": 64,
    "levit_128s": 224,
    "coat_lite_tiny": 64,
    "botnet26t_256": 64,
    "vlass_vision_cnn": 64,
    "conv_stem_vit_mini": 64,
    "deeplense_cnn": 64,
    "vt_resnet18": 64,
    "vt_r50": 64,
    "volo_d1_224": 64,
    "nest_tiny": 64,
}


def image(name: str, args: dict[str, Any], chans: int) -> torch.Tensor:
    size = (SQUARE[name],) * 2 if name in SQUARE else args.get("img_size", (64, 96))
    return torch.randn(1, chans, *size, generator=torch.Generator().manual_seed(3))


def build(name: str, args: dict[str, Any]) -> tuple[nn.Module, torch.Tensor]:
    backbones.register()
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4, **args).eval()
    return model, image(name, args, model.pretrained_cfg["input_size"][0])


@pytest.mark.parametrize(("name", "args", "expected"), FAMILIES, ids=[f"{n}-{len(a)}" for n, a, _ in FAMILIES])
def test_the_layer_is_found_and_every_patch_counts(name: str, args: dict[str, Any], expected: tuple[Any, ...]) -> None:
    model, x = build(name, args)
    found = feature_map(model, x, 1)
    assert (found.layer, found.layout, found.prefix_tokens, tuple(found.values.shape[1:])) == expected
    assert found.values.shape == found.gradient.shape
    assert bool((found.gradient.abs().sum(dim=0) > 0).all())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    # Nothing is transposed: a change of one corner shows most in its own quarter (fewer cells see the whole image).
    gy, gx = found.values.shape[1:]
    if gy > 3:
        changed = x.clone()
        changed[..., : x.shape[-2] // gy, : x.shape[-1] // gx] += 5.0
        moved = (feature_map(model, changed, 1).values - found.values).abs().sum(dim=0)
        row, column = divmod(int(moved.argmax()), gx)
        assert row < gy / 2 and column < gx / 2


def test_shelf_backbones_are_among_the_families() -> None:
    prefixes = {name.split("_")[0] for name, _, _ in FAMILIES}
    turned = {"stn"}  # its maps lie on the image that it turned: refused, see test_warp
    assert {name.split("_")[0] for name in backbones.names()} <= prefixes | turned


@pytest.mark.parametrize("index", [0, 3, 5, 9, 15], ids=lambda i: FAMILIES[i][0])
@pytest.mark.parametrize(("method", "theirs"), [("grad_cam", GradCAM), ("hirescam", HiResCAM), ("layercam", LayerCAM)])
def test_maps_are_those_of_grad_cam(index: int, method: str, theirs: type) -> None:
    name, args, (layer, layout, prefix, (gy, gx)) = FAMILIES[index]
    model, x = build(name, args)

    def reshape(tensor: torch.Tensor) -> torch.Tensor:
        if layout == "channels first":
            return tensor
        return tensor.flatten(1, -2)[:, prefix:].reshape(1, gy, gx, -1).permute(0, 3, 1, 2)

    with torch.no_grad():
        target = int(model(x).argmax())
    targets = [ClassifierOutputTarget(target)]
    module = model.get_submodule(layer)
    with theirs(model=model, target_layers=[module], reshape_transform=reshape) as cam:
        cam(x, targets)
        seen = cam.activations_and_grads
        values, gradients = (one[0].cpu().numpy() for one in (seen.activations, seen.gradients))
        expected = cam.get_cam_image(x, module, targets, values, gradients, False)
    ours = EXPLAINERS[method].explain(model, x, target).maps
    if method == "hirescam":
        ours = np.maximum(ours, 0)
    assert np.abs(ours - np.maximum(expected, 0)).max() <= 1e-6 and ours.max() > 0


def test_hirescam_adds_up_to_the_logit_of_an_averaging_head() -> None:
    model, x = build("resnet10t", {})
    with torch.no_grad():
        logit = float(model(x)[0, 1] - model.fc.bias[1])
    assert EXPLAINERS["hirescam"].explain(model, x, 1).maps.sum() == pytest.approx(logit, abs=1e-5)


@pytest.mark.parametrize(
    "name", ["resnet10t", "vit_wee_patch16_reg1_gap_256", "swin_tiny_patch4_window7_224", "volo_d1_224", "vt_resnet18"]
)
def test_images_of_one_pass_get_the_maps_that_each_gets_alone(name: str) -> None:
    args = next(args for other, args, _ in FAMILIES if other == name)
    model, x = build(name, args)
    images = torch.cat([x, x.flip(-1), torch.zeros_like(x)])
    for image, found in zip(images, feature_maps(model, images, 1), strict=True):
        alone = feature_map(model, image[None], 1)
        assert (found.layer, found.layout, found.prefix_tokens) == (alone.layer, alone.layout, alone.prefix_tokens)
        for ours, theirs in ((found.values, alone.values), (found.gradient, alone.gradient)):
            assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))
    (named,) = feature_maps(model, x, 1, alone.layer)
    assert torch.equal(named.values, feature_map(model, x, 1).values)


def test_a_layer_can_be_named() -> None:
    model, x = build("vit_tiny_patch16_224", {"img_size": (64, 96)})
    answer = EXPLAINERS["layercam"].explain(model, x, 1, layer="blocks.3.norm2")
    assert answer.numbers["layer"] == "blocks.3.norm2" and answer.maps.shape == (1, 4, 6)
    with pytest.raises(UnsupportedError, match=r"'blocks\.3\.attn\.qkv' is no layer .* near are"):
        EXPLAINERS["grad_cam"].explain(model, x, 1, layer="blocks.3.attn.qkv")
    # Behind the last attention of a class-token model no patch counts any more: named all the same, it is empty.
    assert not EXPLAINERS["hirescam"].explain(model, x, 1, layer="blocks.11").maps.any()


def test_a_model_without_maps_says_so() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    assert EXPLAINERS["grad_cam"].supports(flat) == (
        False,
        "This model has no layer whose output is a map over the image.",
    )
    with pytest.raises(UnsupportedError, match="no layer"):
        feature_map(flat, torch.rand(1, 1, 8, 8), 0)
    hidden = nn.Sequential(nn.Conv2d(1, 4, 8), nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(UnsupportedError, match="No layer of this model"):
        feature_map(hidden, torch.rand(1, 1, 8, 8), 0)


@pytest.mark.parametrize(
    ("name", "args", "layer", "grid"),
    [
        ("hiera_tiny_224", {"img_size": (96, 128), "stages": (1, 1, 1, 1)}, "blocks.0", (24, 32)),
        ("hiera_tiny_224", {"img_size": (96, 128), "stages": (1, 1, 1, 1)}, "blocks.1.norm2", (12, 16)),
        ("hiera_tiny_224", {"img_size": (96, 128), "stages": (1, 1, 1, 1)}, "blocks.2.norm1", (12, 16)),
        ("nest_tiny", {"img_size": 64}, "levels.0.transformer_encoder", (16, 16)),
        ("nest_tiny", {"img_size": 64}, "levels.0.transformer_encoder.1.norm1", (16, 16)),
    ],
)
def test_tokens_in_another_order_are_put_in_their_places(
    name: str, args: dict[str, Any], layer: str, grid: tuple[int, int]
) -> None:
    """The patch of the image that changes is the one that changes most on the map."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4, **args).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "attn" in key and "proj" in key:
                weight.zero_()  # nothing moves between tokens
    size = args["img_size"] if isinstance(args["img_size"], tuple) else (args["img_size"],) * 2
    x = torch.zeros(1, 3, *size)
    plain = feature_map(model, x, 1, layer).values
    assert tuple(plain.shape[1:]) == grid
    cell = (size[0] // grid[0], size[1] // grid[1])
    for row, column in ((0, 0), (3, 5), (grid[0] // 2, grid[1] - 2), (grid[0] - 1, 1)):
        image = x.clone()
        image[:, :, row * cell[0] : (row + 1) * cell[0], column * cell[1] : (column + 1) * cell[1]] = 1.0
        change = (feature_map(model, image, 1, layer).values - plain).norm(dim=0)
        assert divmod(int(change.argmax()), grid[1]) == (row, column)
