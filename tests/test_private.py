"""Copies of a model for gradients, hooks and many passes: the weights are shared, the model stays as it was."""

from __future__ import annotations

import timm
import torch
from torch import nn

from vlass_explorer import checkpoints
from vlass_explorer.attribution import gradient
from vlass_explorer.private import private_copy, unrolled


def test_a_private_copy_shares_the_weights_and_nothing_else() -> None:
    model = timm.create_model("levit_128s", num_classes=4).eval()
    with torch.inference_mode():
        model(torch.zeros(1, 3, 224, 224))  # fills caches that autograd would refuse
    copy = private_copy(model)
    caches = [
        [m.attention_bias_cache for m in one.modules() if hasattr(m, "attention_bias_cache")] for one in (model, copy)
    ]
    assert all(caches[0]) and len(caches[0]) == len(caches[1]) and not any(caches[1])
    assert all(a is b for a, b in zip(model.parameters(), copy.parameters(), strict=True))
    assert not {id(module) for module in model.modules()} & {id(module) for module in copy.modules()}
    assert gradient(copy, torch.rand(1, 3, 224, 224), 0).shape == (1, 3, 224, 224)


def test_a_network_unrolled_is_the_same_and_leaves_the_model() -> None:
    torch.manual_seed(0)
    model, x = checkpoints.create("d4_resnet", 3, {}).eval(), torch.rand(2, 1, 32, 32)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    whole, before, drawn = unrolled(model), model(x), torch.random.get_rng_state()
    assert not any(hasattr(module, "plain") for module in whole.modules()) and unrolled(whole) is whole
    assert [name for name, _ in whole.named_modules()] == [name for name, _ in model.named_modules()]
    assert torch.allclose(whole(x), before, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(model(x), before)  # kernels are turned another way without gradients
    assert torch.allclose(gradient(whole, x, 1), gradient(model, x, 1), atol=1e-6)
    assert any(hasattr(module, "plain") for module in model.modules()) and whole.head.weight is model.head.weight
    assert unrolled(model.train()) is model
    model.eval()
    unrolled(model)
    assert torch.equal(drawn, torch.random.get_rng_state())
