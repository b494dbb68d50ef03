"""Every architecture of the shelf keeps the contract that training, checkpoints and pages rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import tiny_checkpoint
import torch
from timm.models import group_parameters

from vlass_explorer import backbones, checkpoints, headed, recipes
from vlass_explorer.attention.capture import capture
from vlass_explorer.checkpoints.saving import STRUCTURAL
from vlass_explorer.schema import TakesNoArgument

NAMES = backbones.names()


def create(name: str, **arguments: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=4, in_chans=1, **arguments).eval()


def images(model: torch.nn.Module) -> torch.Tensor:
    size = model.pretrained_cfg["input_size"][1:]
    return torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str) -> None:
    model = create(name)
    x = images(model)
    features = model.forward_features(x)
    assert torch.equal(model.forward_head(features), model(x))
    assert model.forward_head(features, pre_logits=True).shape == (2, model.head_hidden_size)
    assert model(x).shape == (2, model.num_classes) == (2, 4)
    head = model.get_classifier()
    assert isinstance(head, torch.nn.Linear) and head.out_features == 4
    groups = group_parameters(model, model.group_matcher(coarse=True))
    assert sum(len(members) for members in groups.values()) == len(list(model.parameters()))
    last = set(groups[max(groups)])
    classifier = {f"{model.pretrained_cfg['classifier']}.{part}" for part in ("weight", "bias")}
    assert classifier <= last and all("norm" in name for name in last - classifier)
    model.reset_classifier(7)
    assert model.num_classes == 7 and model(x).shape == (2, 7)
    first = model.pretrained_cfg["first_conv"]
    first = (first,) if isinstance(first, str) else first
    weights = [model.get_submodule(name).weight for name in first]
    # Those, and no others, change with the number of input channels.
    three = dict(timm.create_model(name, num_classes=7, in_chans=3).named_parameters())
    changed = [p for key, p in model.named_parameters() if p.shape != three[key].shape]
    assert {id(p) for p in changed} == {id(w) for w in weights}


@pytest.mark.parametrize("name", [name for name in NAMES if backbones.is_plain(name)])
@pytest.mark.parametrize("arguments", [{}, {"num_classes": 3, "in_chans": 1, "img_size": None}], ids=["plain", "asked"])
def test_it_is_built_without_timm_as_timm_builds_it(name: str, arguments: dict[str, object]) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model(name, **arguments)
    torch.manual_seed(0)
    ours = headed.build(name, **arguments)
    assert type(ours) is type(theirs) and ours.num_classes == theirs.num_classes
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in ours.state_dict().items())
    assert ours.pretrained_cfg.items() <= theirs.pretrained_cfg.items()
    assert {"first_conv", "classifier", "input_size", *STRUCTURAL} <= ours.pretrained_cfg.keys()


def test_an_argument_that_nobody_takes_is_refused_by_name() -> None:
    assert backbones.is_plain("d4_resnet") and not backbones.is_plain("conv_stem_vit_mini")
    with pytest.raises(TakesNoArgument, match="img_size"):
        checkpoints.create("d4_resnet", 4, {"img_size": 64})


@pytest.mark.parametrize("name", NAMES)
def test_state_dict_makes_the_same_model_again(name: str) -> None:
    model, other = create(name), create(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    other.load_state_dict(model.state_dict(), strict=True)
    x = images(model)
    assert torch.equal(model(x), other(x))


def test_parameters_of_the_published_cnn() -> None:
    # 75, 50 and 25 kernels of 3 x 3, batch norms, 1600 to 512 to 4: 0.867 million in VLASS-Vision's table.
    convolutions = (9 + 1) * 75 + (75 * 9 + 1) * 50 + (50 * 9 + 1) * 25
    dense = (25 * 8 * 8 + 1) * 512 + 513 * 4
    assert sum(p.numel() for p in create("vlass_vision_cnn").parameters()) == convolutions + 2 * (75 + 50 + 25) + dense


def count(name: str, **arguments: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in timm.create_model(name, **arguments).parameters())


def test_parameters_of_the_spatial_transformer() -> None:
    assert count("stn_cnn") == 39_884  # the log of the exercise on CIFAR-10


def test_parameters_of_the_token_resnet() -> None:
    # 12.7 million in the table of AndreyBocharnikov/Visual-Transformers, by hand from its matrices.
    trunk = sum(p.numel() for p in timm.create_model("resnet18", num_classes=0).parameters())
    trunk -= sum(p.numel() for p in timm.create_model("resnet18").layer4.parameters())
    transformer = 1024 * (512 + 512 + 1024 + 1024 + 1024)
    first, second = 256 * (16 + 1024), 1024 * 256 + 256 * 1024
    projector = 256 * 256 + 2 * 1024 * 256
    total = trunk + first + second + 2 * transformer + projector + 1025 * 144
    assert count("vt_resnet18") == total and round(total / 1e6, 1) == 12.7


@pytest.mark.parametrize(("size", "side"), [(150, 14), (64, 3), (42, 1), (100, 8)])
def test_the_dense_layer_of_the_deeplense_baseline_fits_every_size(size: int, side: int) -> None:
    # 14 at 150 pixels and 3 at 64 are those of the source, int(size / 8 - 4.5).
    model = create("deeplense_cnn", img_size=size)
    assert model.forward_features(torch.rand(1, 1, size, size)).shape == (1, 128, side, side)
    convolutions = [(25, 16), (144, 32), (288, 32), (288, 32), (288, 64), (32, 64), (576, 64), (64, 64), (576, 128)]
    norms = 2 * (16 + 3 * 32 + 2 * 64 + 128)
    dense = (128 * side * side + 1) * 256 + 257 * 32 + 33 * 4
    expected = sum((inputs + 1) * out for inputs, out in convolutions) + norms + dense
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize(("name", "size"), [("deeplense_cnn", 41), ("stn_cnn", 17)])
def test_an_input_that_is_too_small_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"img_size of at least {size + 1}"):
        create(name, img_size=size)
    assert create(name, img_size=size + 1)(torch.rand(1, 1, size + 1, size + 1)).shape == (1, 4)


def test_the_spatial_transformer_starts_as_the_identity() -> None:
    model, x = create("stn_cnn", img_size=41), torch.rand(3, 1, 41, 41)
    assert torch.equal(model.theta(x), torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]).expand(3, 2, 3))
    torch.testing.assert_close(model.transform(x), x, atol=1e-5, rtol=0)


def test_the_spatial_transformer_turns_its_input() -> None:
    model, x = create("stn_cnn"), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        model.regressor[-1].bias.copy_(torch.tensor([0.0, -1.0, 0.0, 1.0, 0.0, 0.0]))
    # The output at (x, y) is the input at (-y, x): a quarter turn.
    torch.testing.assert_close(model.transform(x), x.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    # The gradient of the scores reaches the matrix: it is learnt, not fixed.
    model(x).square().sum().backward()
    assert model.regressor[-1].bias.grad.abs().min() > 0


def test_the_token_resnet_is_the_published_formula() -> None:
    # Channels first and in float64, written from the source's formulas (facts of its modules, not its code).
    model = create("vt_resnet18").double()
    x = torch.rand(2, 1, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    features = model.stages(model.stem(x)).flatten(2)  # (B, 256, HW)
    state = model.state_dict()

    def times(key: str, values: torch.Tensor) -> torch.Tensor:
        return torch.einsum("oc,bcn->bon", state[f"{key}.weight"], values)

    def softmax(values: torch.Tensor, dim: int) -> torch.Tensor:
        raised = (values - values.amax(dim, keepdim=True)).exp()
        return raised / raised.sum(dim, keepdim=True)

    def transformed(vt: str, tokens: torch.Tensor) -> torch.Tensor:
        key, query = times(f"{vt}.transformer.key", tokens), times(f"{vt}.transformer.query", tokens)
        weights = softmax(torch.einsum("bci,bcj->bij", key, query) / 512**0.5, 1)
        tokens = tokens + torch.einsum("bci,bij->bcj", times(f"{vt}.transformer.value", tokens), weights)
        return tokens + times(f"{vt}.transformer.reduce", times(f"{vt}.transformer.expand", tokens).clamp_min(0))

    weights = softmax(times("vt1.tokenizer.filters", features) / 16, 2)
    tokens = transformed("vt1", torch.einsum("bcn,bln->bcl", times("vt1.tokenizer.values", features), weights))
    query, key = times("vt1.projector.query", features), times("vt1.projector.key", tokens)
    weights = softmax(torch.einsum("bcn,bcl->bnl", query, key) / 16, 2)
    features = features + torch.einsum("bcl,bnl->bcn", times("vt1.projector.value", tokens), weights)
    filters = times("vt2.tokenizer.filters", tokens)
    weights = softmax(torch.einsum("bcl,bcn->bln", filters, features) / 16, 2)
    tokens = transformed("vt2", torch.einsum("bcn,bln->bcl", times("vt2.tokenizer.values", features), weights))
    torch.testing.assert_close(model(x), model.head(tokens.mean(2)), atol=1e-9, rtol=1e-9)


def test_the_attention_of_the_token_resnet_can_be_captured() -> None:
    model, x = create("vt_resnet18"), torch.rand(2, 1, 64, 96)
    with capture() as calls:
        logits = model(x)
    assert torch.equal(logits, model(x))
    assert [call.weights.shape[1:] for call in calls] == [(16, 24), (16, 16), (24, 16), (16, 24), (16, 16)]
    for call in calls:
        torch.testing.assert_close(call.weights.sum(-1), torch.ones_like(call.weights[..., 0]))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_d4_scores_do_not_depend_on_orientation(turns: int, mirrored: bool) -> None:
    model = create("d4_resnet")
    with torch.no_grad():
        for norm in (m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.weight.uniform_(0.5, 1.5)
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    turned = x.rot90(turns, (2, 3))
    torch.testing.assert_close(model(turned.flip(3) if mirrored else turned), model(x), atol=1e-5, rtol=1e-4)
    # The features do turn: equal scores are no sign of a network that ignores its input.
    assert not torch.allclose(model(x), model(torch.rand_like(x)), atol=1e-3)


def test_a_name_of_timm_is_refused(tmp_path: Path, repo_root: Path) -> None:
    package = tmp_path / "clashing"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "own.py").write_text(
        "from timm.models import register_model, generate_default_cfgs\n"
        "default_cfgs = generate_default_cfgs({'resnet18': {}})\n"
        "@register_model\ndef resnet18(pretrained=False, **kwargs):\n    return None\n"
    )
    code = (
        "import clashing\nfrom vlass_explorer.backbones import discover\n"
        "try:\n    discover('clashing', clashing.__path__)\nexcept ValueError as error:\n    print(error)\n"
    )
    # A process of its own: the clash spoils timm's registry.
    path = {"PYTHONPATH": f"{repo_root}:{tmp_path}", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "clashing.own registers 'resnet18', a name that is already taken.", done.stderr


def test_the_old_name_of_the_cnn_of_vlass_vision_still_opens_checkpoints_and_configurations(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="first_cnn to current vlass_vision_cnn"):
        old = timm.create_model("first_cnn", num_classes=4, img_size=16)
    assert "first_cnn" not in (*backbones.names(), *timm.list_models())
    assert recipes.from_yaml("architecture: first_cnn").architecture == "vlass_vision_cnn"
    arguments = {"in_chans": 1, "img_size": 32}
    tiny_checkpoint.save(
        tmp_path / "old", checkpoints.create("first_cnn", 4, arguments), architecture="first_cnn", model_args=arguments
    )
    config = tmp_path / "old" / "config.json"
    config.write_text(config.read_text().replace("vlass_vision_cnn", "first_cnn"))
    card = checkpoints.read(tmp_path / "old")
    assert card.architecture == "vlass_vision_cnn"
    assert type(checkpoints.load(card)) is type(old)
