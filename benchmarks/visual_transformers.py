"""Sizes and operations of visual transformers and their baselines beside the published ones, and why they differ.

    python benchmarks/visual_transformers.py

Nothing is run: models are built on torch's meta device, operations are counted by torch, a multiplication and an
addition as one, as both publications count. Times are those of ``python -m vlass_explorer profile NAME…``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints, segmentation
from vlass_explorer.segmentation.networks import STRIDES

ROWS, COLUMNS = 800, 1216
"""Pixels at which the pyramid of Panoptic FPN has the paper's 55.1 G."""


def millions(*modules: nn.Module) -> float:
    return sum(p.numel() for module in modules for p in module.parameters()) / 1e6


def operations(module: nn.Module, *given: object) -> float:
    """In 1e9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*given)
    return counter.get_total_flops() / 2e9


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def classifiers() -> None:
    print("| model, classes | parameters (M) | published | GMAC at 224 | published |\n|---|---|---|---|---|")
    for name, classes, size, cost in (
        ("resnet18", 144, "11.2 (implementation)", "0.822"),
        ("vt_resnet18", 144, "12.7 (implementation)", "0.543"),
        ("resnet18", 1000, "11.7 (paper)", "1.814"),
        ("vt_r18", 1000, "–", "–"),
        ("vt_r18_1024", 1000, "11.6 (paper)", "1.579"),
        ("vt_r50", 1000, "–", "–"),
    ):
        model = checkpoints.create(name, classes, {}).eval()
        row(f"`{name}`, {classes}", millions(model), size, operations(model, torch.zeros(1, 3, 224, 224)), cost)


def widened_first() -> None:
    """VT-R18 where one tokenizer brings pixels, not averages, to the width of the tokens: the paper's 1,579 million."""
    model = checkpoints.create("vt_r18_1024", 1000, {}).eval()
    before = operations(model, torch.zeros(1, 3, 224, 224))
    pixels, tokens, matrix = 14 * 14, 16, 256 * 1024
    row("`vt_r18_1024`, one tokenizer widens pixels", millions(model), "11.6 (paper)")
    row("GMAC", before + (pixels - tokens) * matrix / 1e9, "1.579 (paper)")


def halves(chans: list[int]) -> tuple[float, float]:
    """GMAC of the token pyramid with queries and keys of C/2 on every pixel: all products, and those with weights."""
    pixels = [ROWS * COLUMNS / stride**2 for stride in STRIDES]
    filters = sum(8 * width * n for width, n in zip(chans, pixels, strict=True))  # a score for each token
    queries = sum(width**2 / 2 * n for width, n in zip(chans, pixels, strict=True))
    widths = [(width, 0 if width == 1024 else width * 1024) for width in chans]
    matrices = 32 * 3 * 1024**2 + sum(8 * (2 * other + 1024 * width / 2) for width, other in widths)
    between = 2.5 * filters + 32 * 32 * 1536  # gathered, compared at half the width, written; token with token
    return (filters + queries + matrices + between) / 1e9, (filters + queries + matrices) / 1e9


def segmenters() -> None:
    fpn, tokens = (segmentation.create(name, 91).eval() for name in ("panoptic_fpn", "vt_fpn"))
    body = timm.create_model("resnet50", num_classes=0)
    later = [block for stage in (1, 2, 3, 4) for block in getattr(body, f"layer{stage}")[2:]]
    shared = millions(body) - millions(*later)
    step = millions(fpn.branch.levels[2][1])
    print("\n| network, 91 classes | parameters (M) | published | GMAC at 512 | published |\n|---|---|---|---|---|")
    image = torch.zeros(1, 3, 512, 512)
    row("`panoptic_fpn`", millions(fpn), 16.4, operations(fpn, image), 67.412)
    row("`vt_fpn`", millions(tokens), 40.3, operations(tokens, image), 110.019)
    print("\n| part (M) | panoptic_fpn | with the implementation's sharing | vt_fpn | with its sharing and values |")
    print("|---|---|---|---|---|")
    values = 3 * 1024**2 / 1e6
    parts = [
        ("encoder, repeated blocks once", millions(fpn.encoder), shared, millions(tokens.encoder), shared),
        ("1 × 1 laterals", millions(fpn.pyramid.inner_blocks), millions(fpn.pyramid.inner_blocks), 0.0, 0.0),
        ("3 × 3 outputs", millions(fpn.pyramid.layer_blocks), 0.0, 0.0, 0.0),
        ("tokens", 0.0, 0.0, millions(tokens.pyramid), millions(tokens.pyramid) + values),
        (
            "branch",
            millions(fpn.branch),
            millions(fpn.branch) - step,
            millions(tokens.branch),
            millions(tokens.branch) - step,
        ),
    ]
    for part in parts:
        row(*part)
    row("sum", *(sum(float(part[column]) for part in parts) for column in range(1, 5)))
    maps = [
        torch.zeros(1, width, ROWS // stride, COLUMNS // stride)
        for width, stride in zip(fpn.encoder.feature_info.channels(), STRIDES, strict=True)
    ]
    printed = sum(
        width**2 * x.shape[2] * x.shape[3] for width, x in zip(fpn.encoder.feature_info.channels(), maps, strict=True)
    )
    print(f"\n| pyramid at {ROWS} x {COLUMNS} | GMAC | paper |\n|---|---|---|")
    row("`panoptic_fpn`", operations(fpn.pyramid, dict(zip("0123", maps, strict=True))), 55.1)
    row("`vt_fpn`", operations(tokens.pyramid, maps), 8.5)
    row("`vt_fpn`, equation 5 in the order of print", operations(tokens.pyramid, maps) + printed / 1e9, 8.5)
    every, weighted = halves(list(fpn.encoder.feature_info.channels()))
    row("the same with queries and keys of C/2", every, 8.5)
    row("of these, products with weights", weighted, 8.5)


if __name__ == "__main__":
    with torch.device("meta"):
        classifiers()
        widened_first()
        segmenters()
