"""What it costs to ask when a label flips, over the bare forward passes that it makes.

    python benchmarks/flips.py [--checkpoint first-cnn] [--draws 16] [--rounds 5] [--threads 2] [--data-dir DIR]

Baseline, in the same run and turn by turn with what is measured: the same model on as many ready inputs, in the same
batches. Medians of the rounds, wall clock and processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import checkpoints, cutouts, flips, preprocess, progress  # noqa: E402
from vlass_explorer.flips import plans  # noqa: E402


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="first-cnn")
    parser.add_argument("--draws", type=int, default=flips.DRAWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    card = checkpoints.find(given.checkpoint)
    model = checkpoints.load(card)
    cutout = cutouts.read(next((given.data_dir / "cutouts" / "vlass").glob("VLASS__3.1.ql*")))
    x = preprocess.to_tensor(cutout, card.input_spec)
    print("| curves | model inputs | wall (s) | processor (s) | bare forward: wall | processor | ratio of processor |")
    print("|---|---|---|---|---|---|---|")
    for kinds in (["noise"], list(flips.KINDS)):
        count = sum(plans.KINDS[kind](cutout, card.input_spec, given.draws, 0).count for kind in kinds)
        shares: list[float] = []

        def asked(kinds: list[str] = kinds, shares: list[float] = shares) -> None:
            with progress.watch(shares.append):
                flips.measure(model, card, cutout, kinds=kinds, draws=given.draws)

        def bare(count: int = count) -> None:
            with torch.inference_mode():
                for at in range(0, count, 32):
                    model(x.expand(min(32, count - at), -1, -1, -1).contiguous())

        asked()
        bare()
        rounds = np.array([[*timed(asked), *timed(bare)] for _ in range(given.rounds)])
        wall, cpu, bare_wall, bare_cpu = np.median(rounds, axis=0)
        cells = f"{wall:.2f} | {cpu:.2f} | {bare_wall:.2f} | {bare_cpu:.2f} | {cpu / bare_cpu:.2f}"
        print(f"| {', '.join(kinds)} | {count} | {cells} |")
        assert shares[-1] == 1.0 and len(shares) > 5, "progress was not reported"


if __name__ == "__main__":
    main()
