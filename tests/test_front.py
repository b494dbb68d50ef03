"""A spatial transformer before any backbone: from the run to the checkpoint and back, without moving what it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import tiny_set
import torch
from safetensors.torch import save_file
from scipy import ndimage
from timm.models import group_parameters

from train.__main__ import main
from vlass_explorer import attention, checkpoints, front, layers, recipes
from vlass_explorer.backbones.stn_cnn import StnCnn
from vlass_explorer.checkpoints.onnx_file import to_onnx
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.learning.network import build, freeze
from vlass_explorer.learning.patches import keep_brightest
from vlass_explorer.schema import CheckpointError, ConfigError, InputSpec, RunConfig

LABELS = ("a", "b")
CNN = RunConfig(architecture="vlass_vision_cnn", img_size=32, front="stn")
VIT = RunConfig(architecture="vit_tiny_patch16_224", img_size=32, patch_size=8, front="stn")


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def images(side: int = 32, chans: int = 1) -> torch.Tensor:
    return torch.rand(2, chans, side, side, generator=torch.Generator().manual_seed(1))


def stirred(model: torch.nn.Module) -> torch.nn.Module:
    """The same model with a front that turns each image in its own way."""
    with torch.no_grad():
        model.front.regressor[-1].weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(2))
    return model.eval()


def keep(model: torch.nn.Module, config: RunConfig, arguments: dict[str, object], name: str) -> checkpoints.Checkpoint:
    spec = InputSpec(img_size=config.img_size, in_chans=config.in_chans)
    return tiny_checkpoint.save(
        checkpoints.folder() / name,
        model,
        architecture=config.architecture,
        model_args=arguments,
        label_names=LABELS,
        input_spec=spec,
    )


@pytest.mark.parametrize("config", [CNN, VIT, replace(CNN, architecture="resnet10t", in_chans=3, head="mlp")])
def test_it_starts_as_the_backbone_alone_and_outlives_the_disk(config: RunConfig) -> None:
    model, arguments = build(config, LABELS)
    plain, _ = build(replace(config, front="none"), LABELS)
    x = images(config.img_size, config.in_chans)
    assert arguments["front"] == "stn" and isinstance(model, front.Fronted)
    model.body.load_state_dict(plain.state_dict())
    torch.testing.assert_close(model.eval()(x), plain.eval()(x), atol=1e-4, rtol=1e-4)
    count = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in plain.parameters())
    assert count == 8 * 49 * config.in_chans + 8 + 2010 + 161 * 32 + 33 * 6
    card = keep(stirred(model), config, arguments, "turned")
    again = checkpoints.load(card)
    checkpoints.round_to_stored(model)
    with torch.no_grad():
        assert torch.equal(again(x), model(x)) and not torch.allclose(model(x), model.body(x), atol=1e-5)
    assert card.parameters == sum(p.numel() for p in model.parameters())


def test_at_32_pixels_it_is_the_network_of_the_exercise() -> None:
    torch.manual_seed(0)
    theirs, ours = StnCnn().eval(), front.SpatialTransformer(3)
    with torch.no_grad():
        theirs.regressor[-1].weight.normal_(0, 0.3)
    own = {k: v for k, v in theirs.state_dict().items() if k.startswith(("localisation", "regressor"))}
    ours.load_state_dict(own)  # strict: the same names and shapes
    x = images(32, 3)
    torch.testing.assert_close(ours.theta(x), theirs.theta(x))
    torch.testing.assert_close(ours(x), theirs.transform(x))


@pytest.mark.parametrize("side", [18, 50, 97])
def test_any_size_from_18_pixels_on_is_resampled_as_scipy_does(side: int) -> None:
    module = front.SpatialTransformer(1).double()
    turn, shift = 0.4, 0.1
    matrix = [[np.cos(turn), -np.sin(turn), shift], [np.sin(turn), np.cos(turn), 0.0]]
    with torch.no_grad():
        module.regressor[-1].bias.copy_(torch.tensor(matrix).flatten())
    x = images(side).double()[:1]
    half = (side - 1) / 2
    # (x, y) in units of side / 2 from the centre; scipy's axes are (y, x) in pixels.
    swap = np.array(matrix)[::-1, 1::-1]
    offset = np.array([half, half + shift * side / 2]) - swap @ [half, half]
    expected = ndimage.affine_transform(np.pad(x[0, 0].numpy(), 2), swap, offset + 2 - swap @ [2, 2], order=1)
    found = module(x)[0, 0].detach().numpy()
    inside = np.s_[side // 4 : -side // 4, side // 4 : -side // 4]
    assert abs(found[inside] - expected[2:-2, 2:-2][inside]).max() < 1e-9
    with pytest.raises(ValueError, match="at least 18"):
        module(images(17).double())


def test_its_gradient_is_learnt_and_whole_under_half_precision() -> None:
    model, _ = build(CNN, LABELS)
    model(images()).square().sum().backward()
    assert float(model.front.regressor[-1].bias.grad.abs().min()) > 0
    turned = stirred(build(CNN, LABELS)[0]).front
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(turned(images()), turned(images())) and turned(images()).dtype == torch.float32
        half = turned(images())
    assert torch.equal(half, turned(images()))


@pytest.mark.parametrize("config", [CNN, VIT])
def test_groups_of_layers_begin_with_the_front(config: RunConfig) -> None:
    model, _ = build(config, LABELS)
    plain, _ = build(replace(config, front="none"), LABELS)
    for coarse in (True, False):
        found = group_parameters(model, model.group_matcher(coarse=coarse))
        own = group_parameters(plain, plain.group_matcher(coarse=coarse))
        assert all(name.startswith("front.") for name in found[0])
        assert {key + 1: [f"body.{name}" for name in names] for key, names in own.items()} == {
            key: names for key, names in found.items() if key
        }
    freeze(model, replace(config, tune="head"))
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {
        f"body.{part}" for part in ("head.weight", "head.bias")
    }


def test_a_run_starts_from_checkpoints_with_and_without_a_front(tmp_path: Path) -> None:
    bare = replace(CNN, front="none")
    plain, arguments = build(bare, LABELS)
    keep(plain, bare, arguments, "plain")
    model, arguments = build(CNN, LABELS)
    keep(stirred(model), CNN, arguments, "turned")
    # Put before trained weights, it changes nothing at the start.
    started, _ = build(replace(CNN, weights="plain"), LABELS)
    start = checkpoints.load(checkpoints.find("plain"))
    torch.testing.assert_close(started.eval()(images()), start(images()), atol=1e-4, rtol=1e-4)
    again, _ = build(replace(CNN, weights="turned"), LABELS)
    assert torch.equal(again.eval()(images()), checkpoints.load(checkpoints.find("turned"))(images()))
    with pytest.raises(ConfigError, match="turned was trained behind a front; set front=stn"):
        build(replace(bare, weights="turned"), LABELS)
    inherited = checkpoints.with_inherited(lambda base: replace(base, weights="turned"))
    assert inherited.front == "stn"
    file = tmp_path / "w.safetensors"
    save_file(start.state_dict(), file)
    filed, _ = build(replace(CNN, weights=str(file)), LABELS)
    assert torch.equal(filed.body.state_dict()["head.weight"], start.state_dict()["head.weight"])


def test_maps_on_the_turned_image_are_refused_and_gradients_are_not() -> None:
    model = stirred(build(VIT, LABELS)[0])
    for supported, reason in (attention.supports(model), layers.supports(model)):
        assert not supported and "turns the image" in reason
    off = {"grad_cam", "attention_rollout", "layer_attention", "legrad", "token_maps", "attention_flow"}
    assert not any(EXPLAINERS[name].supports(model)[0] for name in off)
    result = EXPLAINERS["integrated_gradients"].explain(model, images()[:1], 1)
    assert result.maps.shape[1:] == (32, 32) and np.isfinite(result.maps).all()


def test_what_only_the_backbone_has_is_found_behind_the_front() -> None:
    model, _ = build(replace(VIT, initialise="mimetic"), LABELS)
    keep_brightest(model, 4)
    seen: list[int] = []
    model.body.blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    model.train()(images())
    model.eval()(images())
    assert seen == [5, 17]  # the class token and four patches, or all sixteen


def test_a_run_behind_a_front_becomes_a_checkpoint_that_the_next_run_starts_from(tmp_path: Path) -> None:
    with tiny_set.place(tmp_path) as place:
        folder = place / "data"
        assert (
            main(["fit", *tiny_set.words(folder, img_size=32, epochs=1, front="stn", layer_decay=0.9, name="turned")])
            == 0
        )
        card = checkpoints.find("turned")
        assert card.model_args["front"] == "stn"
        assert "vlass_vision_cnn behind a spatial transformer with" in (card.path / "README.md").read_text()
        assert main(["fit", *tiny_set.words(folder, img_size=32, epochs=1, weights="turned", name="again")]) == 0
        assert checkpoints.find("again").model_args == card.model_args


def test_impossible_fronts_are_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"front=stn needs an img_size of at least 18, not 16\."):
        build(replace(CNN, img_size=16), LABELS)
    with pytest.raises(CheckpointError, match="no front 'fisheye', only stn"):
        checkpoints.create("vlass_vision_cnn", 2, {"in_chans": 1, "img_size": 32, "front": "fisheye"})
    assert recipes.from_yaml("front: stn").front == "stn" and recipes.from_yaml("seed: 1").front == "none"


def test_it_is_exported_as_onnx() -> None:
    model, arguments = build(CNN, LABELS)
    assert len(to_onnx(keep(stirred(model), CNN, arguments, "turned"))) > 10_000
