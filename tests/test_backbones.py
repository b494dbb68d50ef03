"""Every architecture of the shelf keeps the contract that training, checkpoints and pages rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from timm.models import group_parameters

from vlass_explorer import backbones

NAMES = backbones.names()


def create(name: str, **arguments: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=4, in_chans=1, **arguments).eval()


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str) -> None:
    model = create(name)
    x = torch.rand(2, *model.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(1))
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
    weights = model.get_submodule(model.pretrained_cfg["first_conv"]).weight
    assert weights is next(p for name, p in model.named_parameters() if "pos_embed" not in name)


@pytest.mark.parametrize("name", NAMES)
def test_state_dict_makes_the_same_model_again(name: str) -> None:
    model, other = create(name), create(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    other.load_state_dict(model.state_dict(), strict=True)
    x = torch.rand(2, *model.pretrained_cfg["input_size"])
    assert torch.equal(model(x), other(x))


def test_parameters_of_the_published_cnn() -> None:
    # 75, 50 and 25 kernels of 3 x 3, batch norms, 1600 to 512 to 4: 0.867 million in VLASS-Vision's table.
    convolutions = (9 + 1) * 75 + (75 * 9 + 1) * 50 + (50 * 9 + 1) * 25
    dense = (25 * 8 * 8 + 1) * 512 + 513 * 4
    assert sum(p.numel() for p in create("first_cnn").parameters()) == convolutions + 2 * (75 + 50 + 25) + dense


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
