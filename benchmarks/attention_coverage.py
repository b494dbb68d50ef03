"""Which of timm's architectures can be opened up: recorded, rolled out, or refused with the reason.

    python benchmarks/attention_coverage.py [--only NAME ...] [--write docs/attention.md]

Random weights, one architecture of each family, float32 on the CPU. A rollout counts as valid where it equals the dense
float64 reference of ``dense_rollout`` within 2e-6, layer names agree with the modules found on the stack, and the
logits are bitwise those of a plain pass. Query and key weights are enlarged sixfold, so that attention is not uniform;
maps that are nearly so all the same are counted.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from torch import nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.architectures import ARCHITECTURES
from benchmarks.dense_layers import dense_token_rollout
from benchmarks.dense_rollout import record
from vlass_explorer.attention import attention_maps, capture, supports, token_rollout
from vlass_explorer.schema import UnsupportedError

READOUTS = {"class_token": "first", "distilled": "two", "average_pool": "patches", "attention_pool": "pool"}
TOLERANCE = 2e-6


@dataclass
class Row:
    """What was found for one architecture."""

    name: str
    calls: int
    captured: int
    verdict: str
    detail: str = ""
    difference: float = float("nan")
    contrast: float = float("nan")
    bitwise: bool = True


def sharpen(model: nn.Module, factor: float) -> None:
    """Enlarge the weights of queries and keys, so that attention is not uniform."""
    parts = ("qk", "kv", ".q.", ".k.", "query", "key", "rel", "attn.proj_l", "in_proj", "pos", "bias_table")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in parts):
                parameter.mul_(factor)


def look_at(name: str) -> Row:
    """Classify and check one architecture, at half the size it was made for where that works."""
    card = timm.get_pretrained_cfg(name)
    made = 224 if card is None else card.input_size[-1]
    for options, side in (({"img_size": made // 2}, made // 2), ({}, made // 2)):
        try:
            return check(name, options, side)
        except (TypeError, ValueError, RuntimeError, AssertionError, LookupError, UnsupportedError):
            continue  # this size does not suit the architecture or the reference: the next does
    return check(name, {}, made)


def check(name: str, options: dict[str, int], side: int) -> Row:
    """The same at one size; raises what timm or the reference raises where that size does not suit."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4, **options).eval()
    sharpen(model, 6.0)
    x = torch.randn(1, 3, side, side)
    seen = record(model, x)
    with torch.no_grad():
        plain = model(x)
        with capture() as calls:
            bitwise = torch.equal(model(x), plain)
    row = Row(name, len(seen), len(calls), "", bitwise=bitwise)
    answer, why = supports(model)
    if not answer:
        row.verdict, row.detail = ("no attention" if not seen else "refused"), why
        return row
    logits, maps = attention_maps(model, x, head_fusion="mean")
    tokens = token_rollout(maps)
    row.bitwise &= torch.equal(plain, logits)
    row.contrast = float(np.ptp(tokens[maps.prefix_tokens :]) * tokens.size)
    readout = READOUTS.get(maps.kind, "first")
    if maps.kind == "late_class_token" and model.global_pool == "avg":
        readout = "all" if type(model).__name__ == "VOLO" else "patches"
    names, expected = dense_token_rollout(model, x, readout, maps.prefix_tokens)
    row.difference = float(abs(tokens - expected).max())
    right = row.difference <= TOLERANCE and row.bitwise and names == [layer.name for layer in maps.layers]
    row.verdict = "valid" if right else "WRONG"
    layers = len(maps.layers)
    row.detail = f"{maps.kind}, {layers} layer{'s' * (layers > 1)}, {maps.grid[0]} x {maps.grid[1]} patches"
    return row


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| architecture | softmax calls | recorded | rollout | what it is, or why not | largest difference |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        difference = "" if np.isnan(row.difference) else f"{row.difference:.0e}"
        lines.append(f"| {row.name} | {row.calls} | {row.captured} | {row.verdict} | {row.detail} | {difference} |")
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """One line of counts."""
    attend = [row for row in rows if row.calls]
    recorded = sum(row.calls == row.captured for row in attend)
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("valid", "refused", "WRONG")}
    blind = sum(row.verdict == "valid" and row.contrast <= 0.05 for row in rows)
    return (
        f"{len(rows)} architectures, {len(attend)} with softmax attention: all calls recorded in {recorded}, rollout "
        f"valid in {counts['valid']} (of which {blind} nearly uniform), refused with a reason in {counts['refused']}, "
        f"wrong in {counts['WRONG']}; logits bitwise equal in {sum(row.bitwise for row in rows)}."
    )


def write(path: Path, rows: list[Row]) -> None:
    """Put the table under its mark in a Markdown file, below what is written there."""
    head = path.read_text().partition("<!-- table -->")[0] if path.exists() else ""
    path.write_text(f"{head}<!-- table -->\n\n{summary(rows)}\n\n{table(rows)}\n")


def main() -> None:
    """Look at all architectures and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = []
    start = time.perf_counter()
    for name in args.only:
        rows.append(look_at(name))
        if args.write:
            write(args.write, rows)
        print(f"{time.perf_counter() - start:6.0f} s  {rows[-1]}", file=sys.stderr, flush=True)
    print(summary(rows))
    if not args.write:
        print(table(rows))
    if any(row.verdict == "WRONG" or not row.bitwise for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
