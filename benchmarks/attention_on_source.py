"""Does an attention map lie on the source: rollout, relevance and LeGrad of checkpoints over a held-out fold of FIRST.

    python benchmarks/attention_on_source.py --data-dir FIRST [--checkpoint NAME …] [--count 60]

Every n-th cutout of the authors' fold 0, the map of the label that the model gives. Emission: share of the map on
pixels above 1 % of the brightest one, over the share that these pixels have of the field (1: as a flat map).
Gap: insertion less deletion (20 steps, softmax score, replaced with zero), less that of a random map of the same grid.
Symmetry: correlation of rollout with that of the seven other orientations, turned back. Means with standard errors.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import checkpoints, explainers  # noqa: E402
from vlass_explorer.datasets.stretched import stretched  # noqa: E402
from vlass_explorer.evaluation.images import Images  # noqa: E402
from vlass_explorer.evaluation.parts import open_data_set, split_of  # noqa: E402
from vlass_explorer.recipes import with_values  # noqa: E402
from vlass_explorer.schema import FloatArray, RunConfig  # noqa: E402
from vlass_explorer.trust import faithfulness, symmetry  # noqa: E402
from vlass_explorer.trust.emission import emission_share  # noqa: E402

METHODS = ("attention_rollout", "generic_relevance", "legrad")
FAINT = 0.1  # of the square root of brightness: 1 % of the maximum


def mapped(method: str, model: nn.Module, target: int, x: Tensor) -> FloatArray:
    """Map (gy, gx) of an image (1, C, H, W)."""
    found: FloatArray = explainers.EXPLAINERS[method].explain(model, x, target).maps[0]
    return found


def told(values: list[float]) -> str:
    found = np.array([value for value in values if np.isfinite(value)])
    return f"{found.mean():.3f} ± {found.std(ddof=1) / len(found) ** 0.5:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--checkpoint", nargs="+", default=["first-d4-vit"])
    parser.add_argument("--count", type=int, default=60)
    given = parser.parse_args()
    torch.set_num_threads(1)
    config = with_values(RunConfig(), {"data_dir": given.data_dir})
    data_set = open_data_set(config)
    held_out = split_of(data_set, config).validation.tolist()
    chosen = held_out[:: max(1, len(held_out) // given.count)][: given.count]
    print("| checkpoint | method | emission over a flat map | gap | symmetry |\n|---|---|---|---|---|")
    for name in given.checkpoint:
        card = checkpoints.find(name)
        model, spec = checkpoints.load(card), card.input_spec
        images = Images(data_set, chosen, spec, stretched(data_set, spec, config, allowed=0.0, check=lambda: None))
        x, _ = images.plain(torch.arange(len(images)), "cpu")
        bright = x[:, 0] * spec.std[0] + spec.mean[0] > FAINT
        for method in METHODS:
            if not explainers.supports(method, model, "classification")[0]:
                continue
            shares, gaps, turned = [], [], []
            for one, mask in zip(x.split(1), bright.numpy(), strict=True):
                with torch.inference_mode():
                    target = int(model(one).argmax())
                explain = partial(mapped, method, model, target)
                found = explain(one)
                share, flat = emission_share(found, mask)
                shares.append(share / flat)
                gaps.append(faithfulness(model, one, target, found, steps=20, seeds=(0,)).gap)
                if method == METHODS[0]:
                    again = symmetry(explain, one, known=found)
                    turned.append(again.mean)
            last = told(turned) if turned else ""
            print(f"| `{name}` | {method} | {told(shares)} | {told(gaps)} | {last} |", flush=True)


if __name__ == "__main__":
    main()
