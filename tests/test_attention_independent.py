"""Rollout, gradient rollout, relevance, LeGrad and Grad-CAM against plain autograd on an unfused copy and grad-cam."""

from __future__ import annotations

import pytest
import timm
import torch

from benchmarks.attention_independent import FLOAT32, METHODS, TOLERANCE, TOLERANCE_FLOAT32, compare, liven

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")


@pytest.mark.parametrize(
    ("architecture", "options", "size", "refused"),
    [
        ("test_vit", {"img_size": (64, 96)}, (64, 96), ()),
        ("test_vit3", {"img_size": 64}, (64, 64), ("LeGrad",)),
        ("convit_small", {"img_size": 48, "depth": 3, "local_up_to_layer": 2, "embed_dim": 36}, (48, 48), ("LeGrad",)),
        ("cait_xxs36_224", {"img_size": 48, "depth": 2}, (48, 48), ("LeGrad",)),
        (
            "swin_small_patch4_window7_224",
            {"img_size": 32, "window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32},
            (32, 32),
            ("LeGrad",),
        ),
        ("pvt_v2_b1", {"depths": (1, 1, 1, 1)}, (64, 96), ("LeGrad",)),
        ("mobilevit_xs", {}, (64, 64), ("LeGrad",)),
    ],
)
def test_methods_equal_independent_computations(
    architecture: str, options: dict[str, object], size: tuple[int, int], refused: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    model = timm.create_model(architecture, num_classes=4, **options).eval()
    liven(model)
    row = compare(model, torch.randn(1, 3, *size))
    assert tuple(method for method in METHODS if isinstance(row[method], str)) == refused
    assert max(row[method] for method in METHODS if not isinstance(row[method], str)) <= TOLERANCE, row
    assert row[FLOAT32] <= TOLERANCE_FLOAT32
    assert "flat" not in row.values(), "the comparison is void"
