"""Every explainer on the architectures that are ours: a finite map on the sky, or one sentence on why there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vlass_explorer import backbones, checkpoints, explainers, segmentation
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import Explanation, UnsupportedError

X = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
ATTENTION = {name for name in EXPLAINERS if "attention" in name} | {
    "generic_relevance",
    "gradient_rollout",
    "legrad",
    "position_bias",
    "position_similarity",
}
FIRST = {"integrated_gradients", "input_x_gradient", "occlusion", "gradient_shap", "smoothgrad", "feature_ablation"}
CAM = {"grad_cam", "hirescam", "layercam"}
STN = {"spatial_transformer", "transformed_input"}
CHEAP = {"integrated_gradients": {"max_steps": 2}, "gradient_shap": {"samples": 2}, "smoothgrad": {"samples": 2}}


def classifier(name: str, **more: object) -> nn.Module:
    torch.manual_seed(0)
    backbones.register()
    return checkpoints.create(name, 3, {"in_chans": 1, **more}).eval()


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return segmentation.create(name, 3, encoder="test_resnet", in_chans=1, pyramid=16).eval()


BUILT = {
    "vt_r18": lambda: classifier("vt_r18"),
    "vt_r50": lambda: classifier("vt_r50"),
    "stn_cnn": lambda: classifier("stn_cnn", img_size=64),
    "vit behind stn": lambda: classifier("test_vit", img_size=64, front="stn"),
    "resnet behind stn": lambda: classifier("test_resnet", front="stn"),
    "panoptic_fpn": lambda: network("panoptic_fpn"),
    "vt_fpn": lambda: network("vt_fpn"),
}
WORKS = {
    "vt_r18": FIRST | CAM | {"token_maps"},
    "vt_r50": FIRST | CAM | {"token_maps"},
    "stn_cnn": FIRST | STN,
    "vit behind stn": FIRST | STN,
    "resnet behind stn": FIRST | STN,
    "panoptic_fpn": set(),
    "vt_fpn": {"token_maps"},
}


@pytest.mark.parametrize("name", BUILT)
def test_each_method_gives_a_map_or_says_why_not(name: str) -> None:
    model = BUILT[name]()
    task = "segmentation" if name.endswith("fpn") else "classification"
    answers = {method: explainers.supports(method, model, task) for method in EXPLAINERS}
    works = {method for method, (applies, _) in answers.items() if applies}
    assert works - {"patch_filters"} == WORKS[name]
    assert not works & ATTENTION  # a token is no place on the sky, and a turned image is none either
    for method, (applies, reason) in answers.items():
        assert applies or (reason.endswith(".") and "\n" not in reason), method
    for method in sorted((works - FIRST) | (works & {"integrated_gradients"})):
        found = EXPLAINERS[method].explain(model, X, 1, **CHEAP.get(method, {}))
        assert isinstance(found, Explanation) and np.isfinite(found.maps).all() and found.maps.any(), method
    if task == "classification":
        for method in sorted(set(EXPLAINERS) - works):
            with pytest.raises(UnsupportedError):
                EXPLAINERS[method].explain(model, X, 1)
