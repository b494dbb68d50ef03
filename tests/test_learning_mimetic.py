"""Mimetic initialisation: products of weights near the identity, as the paper prescribes."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.layers import build_sincos2d_pos_embed

from vlass_explorer import checkpoints
from vlass_explorer.learning import mimetic
from vlass_explorer.schema import ConfigError


def vit() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, in_chans=1, num_classes=4, depth=2)


def test_products_have_the_diagonals_of_the_paper() -> None:
    model = vit()
    mimetic.initialise(model)
    attention = model.blocks[1].attn
    query, key, value = attention.qkv.weight.detach().double().chunk(3)
    size = query.shape[0]
    # Value times projection has full rank, so that its product is exact: -0.4 on the diagonal, 0.4/sqrt(size) noise.
    product = attention.proj.weight.detach().double() @ value
    assert float(product.diag().mean()) == pytest.approx(-0.4, abs=0.01)
    off = product[~torch.eye(size, dtype=torch.bool)]
    assert float(off.std()) == pytest.approx(0.4 / size**0.5, rel=0.05)
    # One head has a third of the rank: its diagonal is positive but smaller than 0.7.
    head = query[:64].T @ key[:64]
    assert 0.2 < float(head.diag().mean()) < 0.7
    assert float(head.diag().mean()) > 5 * float(head[~torch.eye(size, dtype=torch.bool)].mean().abs())


def test_positions_start_as_sinusoids_and_the_class_token_keeps_its_own() -> None:
    model = vit()
    before = model.pos_embed.detach().clone()
    mimetic.initialise(model)
    expected = 0.5 * build_sincos2d_pos_embed([4, 4], dim=192)
    assert torch.equal(model.pos_embed[0, 1:], expected)
    assert torch.equal(model.pos_embed[0, :1], before[0, :1])
    assert torch.isfinite(model(torch.rand(1, 1, 32, 32))).all()


def test_other_models_are_refused() -> None:
    with pytest.raises(ConfigError, match="plain vision transformers"):
        mimetic.initialise(checkpoints.create("d4_resnet", 4, {"in_chans": 1}))
