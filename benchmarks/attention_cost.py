"""What recording attention costs: capture, all-layer maps and rollout over a plain fused forward pass.

    python benchmarks/attention_cost.py [--pairs 24] [--before REVISION] [--only ARCHITECTURE] [--memory]

Random weights at 224 pixels, inference mode, two threads. Each pair is one plain pass and one recorded pass, back to
back; the median of the ratios is the result, so that a slow moment of the machine touches both sides. ``--before``
measures another revision of this repository beside this one: its package in a process of its own, pairs of both in
turns (the file of that revision is not needed, its functions are those used here). Rollout itself is
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
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from torch import nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, os.environ.get("ATTENTION_COST_PACKAGE") or str(Path(__file__).resolve().parent.parent))

from vlass_explorer.attention import attention_maps, batch_attention_maps, layer_map, rollout, token_rollout
from vlass_explorer.schema import AttentionLayer, AttentionMaps, Place, Tokens

HERE = Path(__file__).resolve().parent.parent
LIMITS = {
    ("vit_tiny_patch16_224", 1): 1.35,
    ("vit_small_patch16_224", 1): 1.25,
    ("vit_base_patch16_224", 1): 1.1,
    ("vit_base_patch16_224", 16): 1.1,
    ("swin_tiny_patch4_window7_224", 1): 1.15,
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


def pairs(architecture: str, batch: int, device: str) -> Iterator[tuple[float, float]]:
    """Seconds of a plain and of a recorded pass, without end; the order alternates, so that caches help neither."""
    torch.manual_seed(0)
    model = timm.create_model(architecture).eval().to(device)
    x = torch.randn(batch, 3, 224, 224, device=device)
    while True:
        plain = seconds(model, x)
        yield plain, seconds(recorded, model, x)
        record = seconds(recorded, model, x)
        yield seconds(model, x), record


def serve(device: str) -> None:
    """Measure one pair for each line ``architecture batch`` on standard input, which goes on where it left off."""
    running: dict[str, Iterator[tuple[float, float]]] = {}
    for line in sys.stdin:
        if line not in running:
            name, batch = line.split()
            running = {line: pairs(name, int(batch), device)}
        print(json.dumps(next(running[line])), flush=True)


@contextmanager
def worker(root: Path, args: argparse.Namespace) -> Iterator[subprocess.Popen[str]]:
    """This file in another process, with the package that lies in ``root``."""
    command = [sys.executable, __file__, "--serve", "--device", args.device, "--threads", str(args.threads)]
    environment = {**os.environ, "ATTENTION_COST_PACKAGE": str(root)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        process.stdin.close()  # type: ignore[union-attr]


@contextmanager
def workers(args: argparse.Namespace) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """A process for this package, and one for that of another revision, checked out beside it, where asked."""
    with worker(HERE, args) as now:
        if not args.before:
            yield {"now": now}
            return
        git = ["git", "-C", str(HERE), "worktree"]
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "before"
            subprocess.run([*git, "add", "--quiet", "--detach", str(root), args.before], check=True)
            try:
                with worker(root, args) as before:
                    yield {"now": now, "before": before}
            finally:
                subprocess.run([*git, "remove", "--force", str(root)], check=True)


def compare(architecture: str, batch: int, count: int, sides: dict[str, subprocess.Popen[str]]) -> dict[str, Any]:
    """Median ratio of interleaved pairs, with the spread of the middle half and the plain pass in milliseconds."""
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(count + 3):
        for side, process in sides.items():
            assert process.stdin is not None and process.stdout is not None
            print(architecture, batch, file=process.stdin, flush=True)
            times[side].append(json.loads(process.stdout.readline()))
    ratios = {side: [record / plain for plain, record in found[3:]] for side, found in times.items()}
    median = {side: statistics.median(found) for side, found in ratios.items()}
    low, _, high = statistics.quantiles(ratios["now"], n=4)
    row = {
        "architecture": architecture,
        "batch": batch,
        "ratio": round(median["now"], 3),
        "ratio_low": round(low, 3),
        "ratio_high": round(high, 3),
        "plain_ms": round(1e3 * statistics.median(plain for plain, _ in times["now"][3:]), 1),
        "limit": LIMITS[architecture, batch],
    }
    if "before" in median:
        row |= {"before": round(median["before"], 3), "of_before": round(median["now"] / median["before"], 3)}
    return row


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
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--before", metavar="REVISION", help="measure this revision, too")
    parser.add_argument("--only", nargs="*", default=sorted({name for name, _ in LIMITS}), metavar="ARCHITECTURE")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", choices=["plain", "recorded"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with torch.inference_mode():
        if args.peak:
            print(peak(args.peak))
            return
        if args.serve:
            serve(args.device)
            return
        with workers(args) as sides:
            rows = [
                compare(architecture, batch, args.pairs, sides)
                for architecture, batch in LIMITS
                if architecture in args.only
            ]
        rolled = compare_rollout()
        memory = compare_memory() if args.memory else {}
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    machine = f"{processor()}, {args.threads} threads, torch {torch.__version__}, device {args.device}, {load}"
    if args.json:
        print(json.dumps({"machine": machine, "rows": rows, "rollout": rolled, "memory": memory}))
        return
    print(machine)
    columns = f"{'architecture':30} {'batch':>5} {'ratio':>6} {'middle half':>14} {'plain ms':>9} {'limit':>6}"
    print(columns + (f" {'before':>6} {'share of it':>11}" if args.before else ""))
    for row in rows:
        spread = f"{row['ratio_low']}-{row['ratio_high']}"
        head = f"{row['architecture']:30} {row['batch']:5} {row['ratio']:6} {spread:>14}"
        tail = f" {row['before']:6} {row['of_before']:11}" if args.before else ""
        print(f"{head} {row['plain_ms']:9} {row['limit']:6}{tail}")
    print(
        f"rollout of 1,370 tokens, 12 layers: {rolled['row_ms']} ms, whole matrices {rolled['matrices_ms']} ms, "
        f"{rolled['faster']} times as fast (at least 20)"
    )
    if memory:
        print(f"ViT-L/14 at 518 pixels: {memory['more_gb']} GB more than {memory['plain_gb']:.2f} GB (at most 0.4)")


if __name__ == "__main__":
    main()
