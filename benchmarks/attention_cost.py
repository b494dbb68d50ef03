"""What recording attention costs: capture, all-layer maps and rollout over a plain fused forward pass.

    python benchmarks/attention_cost.py [--pairs 20] [--threads 2] [--device cpu] [--memory] [--json]

Random weights at 224 pixels, inference mode, two threads. Each pair is one plain pass and one recorded pass, back to
back; the median of the ratios is the result, so that a slow moment of the machine touches both sides. Rollout itself is
compared with the product of whole matrices at 1,370 tokens and 12 layers. ``--memory`` adds the peak of ViT-L/14 at 518
pixels over its plain pass, each in a process of its own. The load of the machine is printed: above the number of its
processors the ratios say little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import timm
import torch
from torch import nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer.attention import attention_maps, batch_attention_maps, layer_map, rollout, token_rollout
from vlass_explorer.schema import AttentionLayer, AttentionMaps, Place, Tokens

LIMITS = {
    ("vit_tiny_patch16_224", 1): 1.35,
    ("vit_small_patch16_224", 1): 1.15,
    ("vit_base_patch16_224", 1): 1.1,
    ("vit_base_patch16_224", 16): 1.1,
    ("swin_tiny_patch4_window7_224", 1): 1.4,
}
LARGE = "vit_large_patch14_dinov2"


def processor() -> str:
    """Name of the processor as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def recorded(model: nn.Module, x: torch.Tensor) -> None:
    """Logits, one map a layer and rollout of every image."""
    _, found = batch_attention_maps(model, x, head_fusion="mean")
    for maps in found:
        for layer in range(len(maps.layers)):
            layer_map(maps, layer)
        rollout(maps)


def seconds(work: object, *arguments: object) -> float:
    """Wall time of one call, the device waited for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work(*arguments)  # type: ignore[operator]
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(architecture: str, batch: int, pairs: int, device: str) -> dict[str, float | str]:
    """Median ratio of interleaved pairs, with the spread of the middle half and the plain pass in milliseconds."""
    torch.manual_seed(0)
    model = timm.create_model(architecture).eval().to(device)
    x = torch.randn(batch, 3, 224, 224, device=device)
    plain, ratios = [], []
    for pair in range(pairs + 3):
        # The order alternates, so that neither side profits from warm caches.
        first, second = (recorded, model) if pair % 2 else (model, recorded)
        times = {work: seconds(work, *((model, x) if work is recorded else (x,))) for work in (first, second)}
        if pair >= 3:
            plain.append(times[model])
            ratios.append(times[recorded] / times[model])
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "architecture": architecture,
        "batch": batch,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_low": round(low, 3),
        "ratio_high": round(high, 3),
        "plain_ms": round(1e3 * statistics.median(plain), 1),
        "limit": LIMITS[architecture, batch],
    }


def compare_rollout(repeats: int = 5) -> dict[str, float]:
    """Rollout as a row against the product of whole matrices, both float32 and heads fused, 1,370 tokens, 12 layers."""
    tokens = Tokens(1, (37, 37))
    generator = np.random.default_rng(0)
    place = Place(tokens, tokens, tokens)
    layers = []
    for index in range(12):
        weights = generator.random((1, 1, tokens.size, tokens.size), np.float32)
        layers.append(AttentionLayer(f"{index}", weights / weights.sum(-1, keepdims=True), place, 1))
    readout = np.eye(1, tokens.size, dtype=np.float32)[0]
    maps = AttentionMaps(tuple(layers), "class_token", tokens.grid, 1, readout, (518, 518))

    def whole() -> np.ndarray:
        product = torch.eye(tokens.size)
        for layer in maps.layers:
            half = 0.5 * torch.from_numpy(layer.weights[0, 0]) + 0.5 * torch.eye(tokens.size)
            product = half @ product
        first: np.ndarray = product[0].numpy()
        return first

    assert abs(whole() - token_rollout(maps)).max() <= 2e-6
    as_row = statistics.median(seconds(token_rollout, maps) for _ in range(repeats))
    as_matrices = statistics.median(seconds(whole) for _ in range(repeats))
    faster = round(as_matrices / as_row, 1)
    return {"row_ms": round(1e3 * as_row, 2), "matrices_ms": round(1e3 * as_matrices, 1), "faster": faster}


def peak(kind: str) -> float:
    """Peak resident memory in GB of one pass of ViT-L/14 at 518 pixels, in this process."""
    model = timm.create_model(LARGE, img_size=518).eval()
    x = torch.randn(1, 3, 518, 518)
    model(x)
    if kind == "recorded":
        rollout(attention_maps(model, x, head_fusion="mean")[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def compare_memory() -> dict[str, float]:
    """Peak of a recorded pass over that of a plain one, each in a fresh process."""
    peaks = {}
    for kind in ("plain", "recorded"):
        command = [sys.executable, __file__, "--peak", kind]
        peaks[kind] = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {"plain_gb": peaks["plain"], "more_gb": round(peaks["recorded"] - peaks["plain"], 3), "limit_gb": 0.4}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--peak", choices=["plain", "recorded"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with torch.inference_mode():
        if args.peak:
            print(peak(args.peak))
            return
        rows = [compare(architecture, batch, args.pairs, args.device) for architecture, batch in LIMITS]
        rolled = compare_rollout()
        memory = compare_memory() if args.memory else {}
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    machine = f"{processor()}, {args.threads} threads, torch {torch.__version__}, device {args.device}, {load}"
    if args.json:
        print(json.dumps({"machine": machine, "rows": rows, "rollout": rolled, "memory": memory}))
        return
    print(machine)
    print(f"{'architecture':30} {'batch':>5} {'ratio':>6} {'middle half':>14} {'plain ms':>9} {'limit':>6}")
    for row in rows:
        spread = f"{row['ratio_low']}-{row['ratio_high']}"
        head = f"{row['architecture']:30} {row['batch']:5} {row['ratio']:6} {spread:>14}"
        print(f"{head} {row['plain_ms']:9} {row['limit']:6}")
    print(
        f"rollout of 1,370 tokens, 12 layers: {rolled['row_ms']} ms, whole matrices {rolled['matrices_ms']} ms, "
        f"{rolled['faster']} times as fast (at least 20)"
    )
    if memory:
        print(f"ViT-L/14 at 518 pixels: {memory['more_gb']} GB more than {memory['plain_gb']:.2f} GB (at most 0.4)")


if __name__ == "__main__":
    main()
