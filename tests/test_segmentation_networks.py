"""Networks for segmentation against float64 formulas, and their sizes and operations against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vlass_explorer import segmentation
from vlass_explorer.schema import ConfigError
from vlass_explorer.segmentation.branch import SemanticBranch
from vlass_explorer.segmentation.networks import PanopticFpn, TokenPyramid

CHANS = [256, 512, 1024, 2048]
ROWS, COLUMNS = 800, 1216


def draw(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["panoptic_fpn", "vt_fpn"])
@pytest.mark.parametrize(("encoder", "size"), [("test_resnet", (75, 90)), ("test_convnext", (64, 64))])
def test_logits_have_the_size_of_the_image_and_every_weight_learns(
    name: str, encoder: str, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    model = segmentation.create(name, 5, encoder=encoder, in_chans=1)
    x, masks = draw(2, 1, *size), torch.zeros(2, *size, dtype=torch.long)
    masks[:, 20:40, 20:40] = 3
    logits = model(x)
    assert logits.shape == (2, 5, *size)
    segmentation.cross_entropy(logits, masks).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
    # The last places of the image matter, too: nothing is cut off where a size is no multiple of 32.
    moved = x.clone()
    moved[:, :, -8:, -8:] += 3.0
    with torch.no_grad():
        assert float((model.eval()(moved) - model(x)).abs()[..., -8:, -8:].max()) > 1e-3


def test_the_token_pyramid_is_the_equations_over_all_levels() -> None:
    torch.manual_seed(0)
    chans, sizes = [8, 16], [(6, 5), (3, 2)]
    module = TokenPyramid(chans).double()
    maps = [draw(1, width, *size).double() for width, size in zip(chans, sizes, strict=True)]
    own = {key.removesuffix(".weight"): value.numpy().T for key, value in module.state_dict().items()}

    def softmax(values: np.ndarray, axis: int) -> np.ndarray:
        raised = np.exp(values - values.max(axis, keepdims=True))
        return raised / raised.sum(axis, keepdims=True)

    pixels = [each[0].flatten(1).T.numpy() for each in maps]
    gathered = [
        softmax(x @ own[f"tokenizers.{level}.filters"], 0).T @ x @ own[f"tokenizers.{level}.widen"]
        for level, x in enumerate(pixels)
    ]
    t = np.concatenate(gathered)
    t = t + softmax((t @ own["transformer.key"]) @ (t @ own["transformer.query"]).T, 1) @ t
    t = t + np.maximum(t @ own["transformer.expand"], 0) @ own["transformer.reduce"]
    for level, (x, found) in enumerate(zip(pixels, module(maps), strict=True)):
        tokens, part = t[8 * level : 8 * level + 8], f"projectors.{level}"
        weights = softmax((x @ own[f"{part}.query"]) @ (tokens @ own[f"{part}.key"]).T, 1)
        expected = x + weights @ tokens @ own[f"{part}.narrow"]
        assert abs(found[0].detach().flatten(1).T.numpy() - expected).max() <= 1e-9


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def operations(module: nn.Module, *given: object) -> float:
    """Multiplications (half of torch's count) of a module on torch's meta device, in 1e9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*given)
    return counter.get_total_flops() / 2e9


def pyramid_maps() -> list[torch.Tensor]:
    strides = segmentation.networks.STRIDES
    return [
        torch.zeros(1, width, ROWS // stride, COLUMNS // stride, device="meta")
        for width, stride in zip(CHANS, strides, strict=True)
    ]


def test_the_operations_of_the_pyramids_in_the_configuration_of_the_paper() -> None:
    maps, area = pyramid_maps(), ROWS * COLUMNS
    with torch.device("meta"):
        convolutions = PanopticFpn(nn.Identity(), CHANS, 91).pyramid
        tokens = TokenPyramid(CHANS)
    # 1 x 1 laterals and 3 x 3 outputs: the paper's 55.1 G, at 800 x 1216 pixels.
    laterals = sum(width * 256 / stride**2 for width, stride in zip(CHANS, (4, 8, 16, 32), strict=True))
    outputs = 9 * 256**2 * sum(1 / stride**2 for stride in (4, 8, 16, 32))
    found = operations(convolutions, {str(level): each for level, each in enumerate(maps)})
    assert found == pytest.approx((laterals + outputs) * area / 1e9) == pytest.approx(55.1, abs=0.05)
    # Filters, gathering, scores and writing take 8 tokens x C a pixel each; matrices of tokens do not grow with it.
    a_pixel = sum(4 * 8 * width / stride**2 for width, stride in zip(CHANS, (4, 8, 16, 32), strict=True))
    of_tokens = 32 * (1024**2 * 3 + 32 * (512 + 1024))
    of_tokens += sum(8 * (width * 1024 * (1 if width == 1024 else 3) + width**2) for width in CHANS)
    assert operations(tokens, maps) == pytest.approx((a_pixel * area + of_tokens) / 1e9, rel=1e-6)
    assert operations(tokens, maps) < 1.3  # the paper has 8.5
    # Equation 5 as it is printed, W_Q on every pixel, would take 16 G more.
    printed = sum((width / stride) ** 2 for width, stride in zip(CHANS, (4, 8, 16, 32), strict=True)) * area / 1e9
    assert printed == pytest.approx(15.9, abs=0.05)


def test_the_published_sizes_are_those_of_an_encoder_that_shares_its_blocks() -> None:
    # AndreyBocharnikov/Visual-Transformers multiplies one copy of a block, so that repeated blocks share their weights:
    # 16.4 and 40.3 million, less than ResNet-50 alone has.
    with torch.device("meta"):
        body = timm.create_model("resnet50", num_classes=0)
        ours = segmentation.create("panoptic_fpn", 91)
        tokens = segmentation.create("vt_fpn", 91)
    repeated = sum(parameters(block) for stage in (1, 2, 3, 4) for block in getattr(body, f"layer{stage}")[2:])
    encoder = parameters(body) - repeated
    one_step = parameters(ours.branch.levels[2][1])  # the coarsest level's second and third step are one there
    laterals = parameters(ours.pyramid.inner_blocks)
    assert round((encoder + laterals + parameters(ours.branch) - one_step) / 1e6, 1) == 16.4
    # It has value matrices of 1024 x 1024 in the transformer, and to and from the map that is as wide as the tokens.
    assert (
        round((encoder + parameters(tokens.pyramid) + 3 * 1024**2 + parameters(tokens.branch) - one_step) / 1e6, 1)
        == 40.3
    )
    assert parameters(ours.encoder) == parameters(tokens.encoder) == parameters(body) == 23_508_032


def test_the_branch_takes_three_steps_from_the_coarsest_map() -> None:
    branch = SemanticBranch([16, 16, 16, 16], 3)
    assert [len(level) for level in branch.levels] == [1, 1, 2, 3]
    maps = [draw(1, 16, side, side) for side in (21, 11, 6, 3)]
    assert branch(maps).shape == (1, 3, 21, 21)


@pytest.mark.parametrize(
    ("name", "encoder", "said"),
    [
        ("unet", "resnet10t", "There is no segmentation network 'unet', only panoptic_fpn, vt_fpn."),
        ("vt_fpn", "vit_tiny_patch16_224", "its maps are at 1/16"),
        ("vt_fpn", "resnet_of_ours", "resnet_of_ours cannot be the encoder of vt_fpn"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(name: str, encoder: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as found:
        segmentation.create(name, 3, encoder=encoder)
    assert "\n" not in str(found.value)
