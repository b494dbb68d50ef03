"""What recording attention costs: capture, all-layer maps and rollout over a plain fused forward pass.

    python benchmarks/attention_cost.py [--pairs 20] [--threads 2] [--device cpu] [--json]

Random weights at 224 pixels, inference mode, two threads. Each pair is one plain pass and one recorded pass, back to
back; the median of the ratios is the result, so that a slow moment of the machine touches both sides. Goals 1.35,
1.15 and 1.10 for ViT-Tiny, Small and Base; limits 1.6, 1.3 and 1.2.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import timm
import torch
from torch import nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer.attention import attention_maps, layer_map, rollout

GOALS = {"vit_tiny_patch16_224": 1.35, "vit_small_patch16_224": 1.15, "vit_base_patch16_224": 1.1}
LIMITS = {"vit_tiny_patch16_224": 1.6, "vit_small_patch16_224": 1.3, "vit_base_patch16_224": 1.2}


def processor() -> str:
    """Name of the processor as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def recorded(model: nn.Module, x: torch.Tensor) -> None:
    """One image: logits, the stack of all heads of every layer, one map a layer, rollout."""
    _, maps = attention_maps(model, x)
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


def compare(architecture: str, pairs: int, device: str) -> dict[str, float | str]:
    """Median ratio of interleaved pairs, with the spread of the middle half and the plain pass in milliseconds."""
    torch.manual_seed(0)
    model = timm.create_model(architecture).eval().to(device)
    x = torch.randn(1, 3, 224, 224, device=device)
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
        "ratio": round(statistics.median(ratios), 3),
        "ratio_low": round(low, 3),
        "ratio_high": round(high, 3),
        "plain_ms": round(1e3 * statistics.median(plain), 1),
        "goal": GOALS[architecture],
        "limit": LIMITS[architecture],
    }


def main() -> None:
    """Measure the three models and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with torch.inference_mode():
        rows = [compare(architecture, args.pairs, args.device) for architecture in GOALS]
    machine = f"{processor()}, {args.threads} threads, torch {torch.__version__}, device {args.device}"
    if args.json:
        print(json.dumps({"machine": machine, "rows": rows}))
        return
    print(machine)
    print(f"{'architecture':24} {'ratio':>6} {'middle half':>14} {'plain ms':>9} {'goal':>5} {'limit':>6}")
    for row in rows:
        spread = f"{row['ratio_low']}-{row['ratio_high']}"
        head = f"{row['architecture']:24} {row['ratio']:6} {spread:>14}"
        print(f"{head} {row['plain_ms']:9} {row['goal']:5} {row['limit']:6}")


if __name__ == "__main__":
    main()
