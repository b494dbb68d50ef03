"""Architectures whose softmax is no map from patch to patch, or not one that can be rolled out, with the reason."""

from __future__ import annotations

from timm.layers.global_context import GlobalContext
from timm.layers.non_local_attn import BatNonLocalAttn, NonLocalAttn
from timm.models.coat import CoaT
from timm.models.cpubone import CPUBone
from timm.models.davit import DaVit
from timm.models.edgenext import EdgeNeXt
from timm.models.efficientvit_msra import EfficientVitMsra
from timm.models.lowformer import LowFormer
from timm.models.swiftformer import SwiftFormer
from torch import nn

from ...front import OFF, Fronted

UPSAMPLED = (
    "attends between groups of patches and spreads the answer by learned filters: no row of attention is a patch's"
)
CHANNELS = "attends between channels, not between patches: there is no map to draw"

REFUSED = {
    Fronted: OFF,
    EdgeNeXt: f"EdgeNeXt {CHANNELS}.",
    DaVit: f"Every second layer of DaViT {CHANNELS}.",
    CoaT: "CoaT factorises attention: its softmax runs over all positions for one channel of the keys at a time, so "
    "that there is no map from patch to patch.",
    SwiftFormer: "SwiftFormer adds its tokens up with learned weights: there is no map from patch to patch.",
    EfficientVitMsra: "EfficientViT feeds each head with the one before it: no single map describes a layer.",
    LowFormer: f"LowFormer {UPSAMPLED}.",
    CPUBone: f"CPUBone {UPSAMPLED}.",
}


def why_without(model: nn.Module) -> str:
    """Why a network without attention layers has no map from patch to patch, by what stands in their stead."""
    modules = list(model.modules())
    if any(isinstance(module, GlobalContext) and module.conv_attn is not None for module in modules):
        return (
            "Global-context blocks have one softmax over positions that all of them share: a weight a position, and no "
            "map from patch to patch; try class activation maps or integrated gradients instead."
        )
    if any(isinstance(module, NonLocalAttn | BatNonLocalAttn) for module in modules):
        return "Non-local blocks are not covered yet; try class activation maps or integrated gradients instead."
    return "This model has no softmax attention; try class activation maps or integrated gradients instead."
