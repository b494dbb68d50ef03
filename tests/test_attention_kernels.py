"""Overhearing where torch lacks the private keys: the same calls by a mode over its functions."""

from __future__ import annotations

import importlib.util
import sys
import threading
from types import ModuleType

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from vlass_explorer.attention import attention_maps, kernels

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")
BROKEN = [("_parse_dispatch_key", RuntimeError("could not parse")), ("DispatchKeySet", AttributeError("no such name"))]


def broken(error: Exception):
    def function(*_: object) -> None:
        raise error

    return function


@pytest.fixture(params=BROKEN, ids=[name for name, _ in BROKEN])
def without_keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it loads in a torch whose private parts are others."""
    name, error = request.param
    spec = importlib.util.spec_from_file_location("kernels_of_another_torch", kernels.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patched:
        patched.setattr(torch._C, name, broken(error))
        spec.loader.exec_module(module)
    assert module._DISPATCHER is None
    return module


def test_this_torch_has_the_keys() -> None:
    assert kernels._DISPATCHER is not None


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "convit_tiny"])
def test_maps_without_the_keys_are_the_same(
    without_keys: ModuleType, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    torch.manual_seed(0)
    options = {"local_up_to_layer": 1} if architecture == "convit_tiny" else {}
    model: nn.Module = timm.create_model(architecture, num_classes=3, img_size=64, depth=2, **options).eval()
    x = torch.randn(1, 3, 64, 64)
    logits, expected = attention_maps(model, x)
    monkeypatch.setattr(sys.modules["vlass_explorer.attention.capture"], "intercepted", without_keys.intercepted)
    again, maps = attention_maps(model, x)
    assert torch.equal(logits, again) and len(maps.layers) == 2
    for one, other in zip(maps.layers, expected.layers, strict=True):
        assert np.array_equal(one.weights, other.weights)


def test_modes_hear_their_own_thread_and_may_be_nested(without_keys: ModuleType) -> None:
    heard: list[tuple[str, str]] = []
    scores = torch.randn(2, 3, 4, requires_grad=True)

    def listener(where: str):
        def tell(name: str, result: torch.Tensor, args: object, kwargs: object) -> None:
            assert not torch.is_grad_enabled() and torch.equal(result, scores.softmax(-1))
            heard.append((where, name))

        return tell

    with without_keys.intercepted(listener("outer")), without_keys.intercepted(listener("inner"), dropouts=True):
        result = F.softmax(scores, dim=-1)
        thread = threading.Thread(target=lambda: torch.softmax(scores, -1))
        thread.start()
        thread.join()
        F.dropout(result, 0.0)
    torch.softmax(scores, -1)
    assert sorted(heard) == [("inner", "dropout"), ("inner", "softmax"), ("outer", "softmax")]
    assert result.requires_grad
