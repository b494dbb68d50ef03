"""What each function computes, as a formula, and the parts that a pass is read in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .recording import Attention, Operation, rms

FORMULAS = {
    "conv2d": "y = W ∗ x + b",
    "linear": "y = W x + b",
    "layer_norm": "y = γ (x − μ) / √(σ² + ε) + β, over channels",
    "batch_norm": "y = γ (x − μ) / √(σ² + ε) + β, μ and σ of the training set",
    "group_norm": "y = γ (x − μ) / √(σ² + ε) + β, over groups of channels",
    "gelu": "y = x Φ(x)",
    "relu": "y = max(x, 0)",
    "silu": "y = x / (1 + e⁻ˣ)",
    "sigmoid": "y = 1 / (1 + e⁻ˣ)",
    "tanh": "y = tanh x",
    "hardtanh": "y = min(max(x, a), b)",
    "softmax": "yᵢ = eˣⁱ / Σ eˣʲ",
    "add": "y = x + f(x)",
    "iadd": "y = x + f(x)",
    "mul": "y = a x",
    "matmul": "y = A B",
    "bmm": "y = A B",
    "cat": "tokens side by side",
    "mean": "y = mean of x",
    "max_pool2d": "y = largest of each window",
    "avg_pool2d": "y = mean of each window",
    "adaptive_avg_pool2d": "y = mean of each cell",
    "grid_sample": "y = x at θ (u, v, 1), bilinear",
    "affine_grid": "positions θ (u, v, 1)",
    "interpolate": "x between its pixels",
    "scaled_dot_product_attention": "softmax(Q Kᵀ / √d) V",
    "multi_head_attention_forward": "softmax(Q Kᵀ / √d) V, then W y + b",
}
"""By the name of the function; others are shown by their name alone."""


@dataclass(frozen=True, eq=False)
class Step:
    """One line of a walk: what is computed, its formula, the result (None where it was too large to keep)."""

    part: str
    module: str
    name: str
    formula: str
    shape: tuple[int, ...]
    parameters: tuple[str, ...]
    norm: float
    output: Tensor | None
    operation: int


def part_of(module: str) -> str:
    """The part of the model that a module belongs to: blocks.3.attn.qkv is of blocks.3, norm1 of a CNN of itself."""
    words = module.split(".")
    return ".".join(words[:2]) if len(words) > 1 and words[1].isdigit() else words[0]


def steps(operations: Sequence[Operation]) -> tuple[Step, ...]:
    """The operations as lines to read; attention that ran in one fused function is taken apart.

    Queries, keys, values, scores and their softmax are computed once more from what the function was given; the mix is
    the tensor of the pass itself.
    """
    found: list[Step] = []
    last = ""
    for each in operations:
        # what the model does between its modules belongs to where it stands
        part = part_of(each.module) or (f"after {last}" if last else "start")
        last = part_of(each.module) or last
        if each.attention is not None:
            found += _attention(part, each, each.attention)
            continue
        name = each.function
        if name in ("add", "iadd"):
            name = "residual" if not each.parameters else "add " + ", ".join(each.parameters)
        formula = FORMULAS.get(each.function, "")
        if each.parameters and each.function in ("add", "iadd"):
            formula = "y = x + E, a position embedding" if "pos" in each.parameters[0] else "y = x + b"
        found.append(
            Step(part, each.module, name, formula, each.shape, each.parameters, each.norm, each.output, each.number)
        )
    return tuple(found)


def _attention(part: str, each: Operation, known: Attention) -> list[Step]:
    scores = known.scale * known.query @ known.key.transpose(-2, -1)
    share = "eˢ⁺ᵐ / Σ eˢ⁺ᵐ over the keys, m the mask or bias" if known.is_masked else "eˢ / Σ eˢ over the keys"
    lines = [
        ("queries Q", "rows of W x + b, a head each", known.query),
        ("keys K", "rows of W x + b, a head each", known.key),
        ("values V", "rows of W x + b, a head each", known.value),
        ("scores", f"Q Kᵀ × {known.scale:.3g}", scores),
        ("softmax", share, known.weights),
    ]
    found = [
        Step(part, each.module, name, formula, tuple(tensor.shape), (), rms(tensor), tensor, each.number)
        for name, formula, tensor in lines
    ]
    return [
        *found,
        Step(part, each.module, "mix", "softmax × V", each.shape, (), each.norm, each.output, each.number),
    ]
