"""Training on the brightest patches: which are kept, and that nothing else changes."""

from __future__ import annotations

import pytest
import timm
import torch

from vlass_explorer.learning.patches import keep_brightest
from vlass_explorer.schema import ConfigError

SMALL = {"vit_tiny_patch16_224": {"depth": 2}, "convit_tiny": {"depth": 2, "local_up_to_layer": 1}}


def pair(name: str, count: int) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The same model twice, the second one thinned."""
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        models.append(timm.create_model(name, img_size=32, patch_size=8, in_chans=1, num_classes=3, **SMALL[name]))
    keep_brightest(models[1], count)
    return models[0], models[1]


@pytest.mark.parametrize("name", SMALL)
def test_all_patches_kept_in_any_order_give_the_plain_result(name: str) -> None:
    plain, thinned = pair(name, 16)
    x = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(thinned.train()(x), plain.train()(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_prediction_after_a_thinned_step_is_the_plain_one(name: str) -> None:
    plain, thinned = pair(name, 4)
    x = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    few = thinned.train()(x)
    assert not torch.allclose(few, plain.train()(x), atol=1e-5)
    assert torch.equal(thinned.eval()(x), plain.eval()(x))
    assert thinned.state_dict().keys() == plain.state_dict().keys()


def test_the_source_is_kept_and_empty_sky_dropped() -> None:
    _, thinned = pair("vit_tiny_patch16_224", 2)
    x = torch.zeros(1, 1, 32, 32)
    x[0, 0, 9, 17] = x[0, 0, 30, 1] = 1.0
    thinned.train()(x)
    # Row-major patches of 8 pixels, four a row: pixel (9, 17) is in patch 1 * 4 + 2, pixel (30, 1) in 3 * 4 + 0.
    assert set(thinned.patch_drop.chosen[0].tolist()) == {6, 12}


def test_other_architectures_are_refused() -> None:
    with pytest.raises(ConfigError, match="keep_patches"):
        keep_brightest(timm.create_model("resnet10t"), 4)
