"""Which of timm's architectures can be opened up: recorded, rolled out, or refused with the reason, at three sizes.

    python benchmarks/attention_coverage.py [--only NAME ...] [--minutes 60] [--write docs/attention.md]

Random weights, float32 on the CPU; one architecture of every configuration below 150 million parameters, the small ones
first. Each is looked at where it was made, at another square and on a rectangle, as far as the architecture takes them.
``exact``: rollout equals the dense float64 reference of ``tests/dense`` within 2e-6, layer names agree with the modules
found on the stack, and logits are bitwise those of a plain pass. ``impulse``: all attention on one key is drawn where
the model reads that key, layer by layer. Query and key weights are enlarged sixfold, so that attention is not uniform.
What was found is kept in a file in the temporary folder and not looked at again (``--fresh`` begins anew).
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.architectures import in_order
from benchmarks.coverage_table import write
from tests.dense.layers import dense_token_rollout
from vlass_explorer.attention import attention_maps, impulse, supports, token_rollout
from vlass_explorer.schema import AttentionMaps, UnsupportedError

READOUTS = {"class_token": "first", "distilled": "two", "average_pool": "patches", "attention_pool": "pool"}
TOLERANCE = 2e-6
MOST_PARAMETERS = 150e6
MOST_SECONDS = 2.0
"""What an impulse test beside a dense reference may take."""
MOST_BYTES = 2e9
"""What the dense matrices of one model may take."""
CACHE = Path(tempfile.gettempdir()) / "attention_coverage.jsonl"
Size = tuple[int, int]


def sharpen(model: nn.Module, factor: float) -> None:
    """Enlarge the weights of queries and keys, so that attention is not uniform."""
    parts = ("qk", "kv", ".q.", ".k.", "query", "key", "rel", "attn.proj_l", "in_proj", "pos", "bias_table")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in parts):
                parameter.mul_(factor)


def sizes(made: Size) -> Iterator[tuple[str, list[Size]]]:
    """Its own size, squares and rectangles in the order in which they are tried: few of them are multiples of 32."""
    half = made[0] // 2
    yield "own", [made]
    yield "square", [(104, 104), (112, 112), (126, 126), (half, half), (128, 128), (192, 192), (160, 160), (256, 256)]
    rectangles = [
        (72, 120),
        (80, 112),
        (112, 80),
        (84, 126),
        (96, 128),
        (96, 160),
        (half, made[1]),
        (128, 192),
        (192, 256),
    ]
    yield "rectangle", [size for size in rectangles if size[0] != size[1]]


def models(name: str, size: Size, made: Size) -> Iterator[nn.Module]:
    """The architecture built for a size, and as it is by default where it does not ask for one."""
    for options in ({"img_size": size}, {}) if size != made else ({},):
        torch.manual_seed(0)
        try:
            model = timm.create_model(name, num_classes=4, **options).eval()
        except (TypeError, ValueError, RuntimeError, AssertionError, IndexError, ZeroDivisionError):
            continue  # this size, or any, does not suit the architecture
        yield model
        if options:
            return


def look_at(name: str, seen: set[str]) -> dict[str, Any] | None:
    """One architecture at up to three sizes; None for one that is too large or of a configuration seen before."""
    card = timm.get_pretrained_cfg(name)
    made: Size = tuple(card.input_size[1:]) if card else (224, 224)
    row: dict[str, Any] = {"name": name, "cells": {}}
    for which, candidates in sizes(made):
        for size in candidates:
            if size == made and which != "own":
                continue
            for model in models(name, size, made):
                if which == "own":
                    row["parameters"] = sum(each.numel() for each in model.parameters())
                    look = hashlib.sha256(repr(model).encode()).hexdigest()
                    if row["parameters"] > MOST_PARAMETERS or look in seen:
                        return None
                    row["look"] = look
                cell = check(model, size)
                if cell is not None:
                    before = row["cells"].get(which)
                    if before is None or before["verdict"] == "refused" or cell["verdict"] == "WRONG":
                        row["cells"][which] = cell | {"size": size}
                del model
            gc.collect()
            if which in row["cells"] and row["cells"][which]["verdict"] != "refused":
                break
        if which == "own" and row["cells"].get("own", {"verdict": "refused"})["verdict"] == "refused":
            break  # refused for what it is
    return row


def check(model: Any, size: Size) -> dict[str, Any] | None:
    """What holds at one size; None where the model itself does not take it."""
    sharpen(model, 6.0)
    x = torch.randn(1, 3, *size)
    start = time.process_time()
    try:
        with torch.no_grad():
            plain = model(x)
    except (TypeError, ValueError, RuntimeError, AssertionError, IndexError):
        return None
    seconds = time.process_time() - start
    answer, why = supports(model)
    try:
        logits, maps = attention_maps(model, x, head_fusion="mean")
    except UnsupportedError as error:
        # A yes that is taken back at the very size that the model was built for would be untrue.
        return {"verdict": "refused", "reason": str(error), "said_yes": answer}
    if not answer:
        return {"verdict": "WRONG", "reason": f"drawn, though {why}"}
    layers = len(maps.layers)
    gy, gx = maps.grid
    found = {"what": f"{maps.kind}, {layers} layer{'s' * (layers > 1)}", "grid": f"{gy} x {gx}", "verdict": "exact"}
    if not torch.equal(plain, logits):
        return found | {"verdict": "WRONG", "reason": "logits differ"}
    difference = against_dense(model, x, maps)
    if isinstance(difference, float):
        found["difference"] = difference
        if difference > TOLERANCE:
            return found | {"verdict": "WRONG", "reason": f"rollout differs by {difference:.1e}"}
    else:
        found |= {"verdict": "impulse", "no_reference": difference}
    if isinstance(difference, str) or seconds * (min(gy, 24) + min(gx, 24)) < MOST_SECONDS:
        try:
            faults = [f"{layer.name}: {layer.fault}" for layer in impulse.verify(model, x) if layer.fault]
        except UnsupportedError as error:
            faults = [str(error)]
        found["impulse"] = "; ".join(faults[:1]) or "right"
        # A deep network may blur the image so much that all keys together look misplaced: a dense product knows better.
        if faults and not (found["verdict"] == "exact" and all("(r = " in fault for fault in faults)):
            return found | {"verdict": "WRONG", "reason": f"impulse: {faults[0]}"}
    return found


def against_dense(model: Any, x: torch.Tensor, maps: AttentionMaps) -> float | str:
    """Largest difference from the dense reference, or why there is none for this model and size."""
    tokens = token_rollout(maps)
    if 24.0 * sum(layer.place.before.size * layer.place.after.size for layer in maps.layers) > MOST_BYTES:
        return "the dense matrices are too large"
    readout = READOUTS.get(maps.kind, "first")
    if maps.kind == "late_class_token" and model.global_pool == "avg":
        readout = "all" if type(model).__name__ == "VOLO" else "patches"
    try:
        names, expected = dense_token_rollout(model, x, readout, maps.prefix_tokens)
    except (AssertionError, LookupError, ValueError, TypeError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"[:200]
    if names != [layer.name for layer in maps.layers] or expected.shape != tokens.shape:
        return "layers of other names"
    return float(abs(tokens - expected).max())


def main() -> None:
    """Look at all architectures and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--minutes", type=float, default=90.0, help="CPU time after which no other is begun")
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.fresh:
        CACHE.unlink(missing_ok=True)
    known = [json.loads(line) for line in CACHE.read_text().splitlines()] if CACHE.exists() else []
    done = {row["name"] for row in known} - set(args.only or ())
    rows = [row for row in known if row.get("cells") and row["name"] in done]
    with CACHE.open("a") as kept:
        for name in args.only or in_order():
            if name in done:
                continue
            if time.process_time() > 60 * args.minutes:
                break
            row = look_at(name, {each["look"] for each in rows if each["name"] != name})
            kept.write(json.dumps(row or {"name": name}) + "\n")
            kept.flush()
            if row is not None:
                rows.append(row)
                verdicts = {which: cell["verdict"] for which, cell in row["cells"].items()}
                reasons = {cell.get("reason", "") for cell in row["cells"].values()} - {""}
                print(
                    f"{time.process_time():6.0f} s  {name:40} {verdicts} {reasons or ''}", file=sys.stderr, flush=True
                )
    print(write(args.write, rows))
    if any(cell["verdict"] == "WRONG" for row in rows for cell in row["cells"].values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
