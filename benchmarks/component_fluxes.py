"""Fluxes of components against the truth of simulated images: with the true masks, and with those of a checkpoint.

    python benchmarks/component_fluxes.py [--count 60] [--checkpoint NAME]

For each class of an image the sum over its components against the noise-free flux inside the true mask: share within
15 % where the sum has S/N of at least 20, and the scatter of (measured - true) / error, 1 where errors are right.
Stripes of artefacts lie over some sources and are no error of the noise, so images with and without them are told
apart. The last rows are the total against the flux inside all true masks: flux below twice the noise is in no mask.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vlass_explorer import checkpoints, segmentation
from vlass_explorer.checkpoints import tasks
from vlass_explorer.datasets import pixel_labels
from vlass_explorer.segmentation import Segmentation

CLASSES = ("compact core", "lobe", "jet")
SEED, CLEAR, WITHIN = 2_147_483_646, 20.0, 0.15
"""Images of the test part of simulated_masks."""


def main() -> None:
    """Measure, and print one table."""
    parsed = argparse.ArgumentParser(description=__doc__)
    parsed.add_argument("--count", type=int, default=60)
    parsed.add_argument("--checkpoint")
    given = parsed.parse_args()
    card = tasks.require(checkpoints.find(given.checkpoint), "segmentation") if given.checkpoint else None
    model = None if card is None else checkpoints.load(card)
    rows: dict[tuple[str, bool], list[tuple[float, float, float]]] = {}
    for item in pixel_labels.simulate(given.count, seed=SEED).items:
        cutout, mask = item.read(len(pixel_labels.CLASSES))
        found = Segmentation(mask, np.ones(mask.shape, np.float32), pixel_labels.CLASSES, 1)
        if card is not None and model is not None:
            found = segmentation.segment(model, card.input_spec, card.label_names, cutout)
        assert item.fluxes is not None
        truth, striped = item.fluxes(), bool((mask == 4).any())
        measured = segmentation.fluxes(cutout, segmentation.find(cutout, found, least_beams=0.0))
        for name in CLASSES:
            own = [one for one in measured.components if one.label == name and one.flux is not None]
            if own and truth[name] > 0:
                error = float(np.hypot.reduce([one.flux_error or 0.0 for one in own]))
                rows.setdefault((name, striped), []).append((sum(one.flux or 0.0 for one in own), error, truth[name]))
        if measured.total is not None:
            inside = sum(truth[name] for name in CLASSES)
            rows.setdefault(("total", striped), []).append((measured.total.flux, measured.total.flux_error, inside))
    whose = "the true masks" if card is None else f"masks of {card.name}"
    print(f"{given.count} simulated images, {whose}\n")
    print(
        "| class | stripes | images | S/N ≥ 20 | of these within 15 % | median measured/true | scatter of the errors |"
    )
    print("|---|---|---|---|---|---|---|")
    for (name, striped), values in sorted(rows.items()):
        flux, error, true = np.array(values).T
        clear = flux >= CLEAR * error
        near = np.abs(flux / true - 1) <= WITHIN
        pulls = (flux - true) / error
        scatter = float(np.diff(np.percentile(pulls, [15.87, 84.13]))[0] / 2)
        share = f"{near[clear].mean():.0%}" if clear.any() else "–"
        print(
            f"| {name} | {'yes' if striped else 'no'} | {len(flux)} | {int(clear.sum())} | {share} "
            f"| {np.median(flux / true):.3f} | {scatter:.2f} |"
        )


if __name__ == "__main__":
    main()
