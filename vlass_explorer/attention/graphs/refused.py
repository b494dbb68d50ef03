"""Architectures whose softmax is no map from patch to patch, or not one that can be rolled out, with the reason."""

from __future__ import annotations

from timm.models.coat import CoaT
from timm.models.cpubone import CPUBone
from timm.models.davit import DaVit
from timm.models.edgenext import EdgeNeXt
from timm.models.efficientformer_v2 import EfficientFormerV2
from timm.models.efficientvit_msra import EfficientVitMsra
from timm.models.lowformer import LowFormer
from timm.models.swiftformer import SwiftFormer
from timm.models.xcit import Xcit

UPSAMPLED = (
    "attends between groups of patches and spreads the answer by learned filters: no row of attention is a patch's"
)
CHANNELS = "attends between channels, not between patches: there is no map to draw"

REFUSED = {
    Xcit: f"XCiT {CHANNELS}.",
    EdgeNeXt: f"EdgeNeXt {CHANNELS}.",
    DaVit: f"Every second layer of DaViT {CHANNELS}.",
    CoaT: "CoaT factorises attention: its softmax runs over one key at a time, so that there is no map to draw.",
    SwiftFormer: "SwiftFormer adds its tokens up with learned weights: there is no map from patch to patch.",
    EfficientFormerV2: "EfficientFormerV2 mixes heads after the softmax inside the layer, where it cannot be read.",
    EfficientVitMsra: "EfficientViT feeds each head with the one before it: no single map describes a layer.",
    LowFormer: f"LowFormer {UPSAMPLED}.",
    CPUBone: f"CPUBone {UPSAMPLED}.",
}
