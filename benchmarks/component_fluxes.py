"""Fluxes of components against the truth of simulated images: with the true masks, and with those of a checkpoint.

    python benchmarks/component_fluxes.py [--count 60] [--part validation] [--checkpoint NAME]

For each class of an image the sum over its components against the noise-free flux inside the true mask: share within
15 % where the sum has S/N of at least 20, and the scatter of (measured - true) / error, 1 where errors are right: with
the error of the noise, and with that of the class too. Missed are images whose true mask has the class with a flux of
20 errors of the noise, where the model finds none of it; found in vain those where it finds it with that S/N and there
is none. Stripes of artefacts lie over some sources and are no error of the noise, so images with and without them are
told apart. The last rows are the total against all flux of the source, also that in no mask. Core-minutes: 2 for 100
images with a small network.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vlass_explorer import checkpoints, segmentation
from vlass_explorer.checkpoints import tasks
from vlass_explorer.datasets import pixel_labels, simulated_masks
from vlass_explorer.segmentation import Fluxes, Segmentation

CLASSES = ("compact core", "lobe", "jet")
CLEAR, WITHIN = 20.0, 0.15
Row = tuple[float, float, float, float]
"""Flux, error of the noise, error of the class, truth."""


def main() -> None:
    """Measure, and print one table."""
    parsed = argparse.ArgumentParser(description=__doc__)
    parsed.add_argument("--count", type=int, default=60)
    parsed.add_argument("--part", choices=list(simulated_masks.SEEDS), default="test")
    parsed.add_argument("--checkpoint")
    given = parsed.parse_args()
    card = tasks.require(checkpoints.find(given.checkpoint), "segmentation") if given.checkpoint else None
    model = None if card is None else checkpoints.load(card)
    rows: dict[tuple[str, bool], list[Row]] = {}
    wrong: dict[tuple[str, bool], list[int]] = {}
    for item in pixel_labels.simulate(given.count, seed=simulated_masks.SEEDS[given.part]).items:
        cutout, mask = item.read(len(pixel_labels.CLASSES))
        exact = Segmentation(mask, np.ones(mask.shape, np.float32), pixel_labels.CLASSES, 1)
        best = segmentation.fluxes(cutout, segmentation.find(cutout, exact, least_beams=0.0))
        measured = best
        if card is not None and model is not None:
            found = segmentation.segment(model, card.input_spec, card.label_names, cutout)
            measured = segmentation.fluxes(cutout, segmentation.find(cutout, found, least_beams=0.0))
        assert item.fluxes is not None
        truth, striped = item.fluxes(), bool((mask == pixel_labels.CLASSES.index("artefact")).any())
        for name in CLASSES:
            flux, noise, doubt = _sum(measured, name)
            true_noise = _sum(best, name)[1]
            missed, vain = wrong.setdefault((name, striped), [0, 0])
            missed += not noise and bool(true_noise) and truth[name] >= CLEAR * true_noise
            vain += bool(noise) and not true_noise and flux >= CLEAR * noise
            wrong[name, striped] = [missed, vain]
            if noise and truth[name] > 0:
                rows.setdefault((name, striped), []).append((flux, noise, doubt, truth[name]))
        if measured.total is not None:
            total = (measured.total.flux, measured.total.flux_error, 0.0, sum(truth.values()))
            rows.setdefault(("total", striped), []).append(total)
    whose = "the true masks" if card is None else f"masks of {card.name}"
    print(f"{given.count} simulated images of the {given.part} part, {whose}\n")
    print(
        "| class | stripes | images | S/N ≥ 20 | of these within 15 % | median measured/true | scatter, noise alone "
        "| scatter with the class | missed | found in vain |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (name, striped), values in sorted(rows.items()):
        flux, noise, doubt, true = np.array(values).T
        clear = flux >= CLEAR * noise
        near = np.abs(flux / true - 1) <= WITHIN
        share = f"{near[clear].mean():.0%}" if clear.any() else "–"
        missed, vain = wrong.get((name, striped), ("–", "–"))
        print(
            f"| {name} | {'yes' if striped else 'no'} | {len(flux)} | {int(clear.sum())} | {share} "
            f"| {np.median(flux / true):.3f} | {_scatter((flux - true) / noise):.2f} "
            f"| {_scatter((flux - true) / np.hypot(noise, doubt)):.2f} | {missed} | {vain} |"
        )
    for told, which in (("Without stripes", (False,)), ("All", (False, True))):
        own = [(name, striped) for name in CLASSES for striped in which]
        some = [row for key in own for row in rows.get(key, [])]
        if not some:
            continue
        flux, noise, doubt, true = np.array(some).T
        clear, off = flux >= CLEAR * noise, abs(flux - true) / np.hypot(noise, doubt)
        near = (np.abs(flux / true - 1) <= WITHIN)[clear]
        lost = sum(wrong.get(key, [0])[0] for key in own)
        print(f"\n{told}: {near.mean():.1%} of {near.size} class fluxes within 15 %, ", end="")
        print(f"{near.sum() / (near.size + lost):.1%} with the missed ones; ", end="")
        print(f"of {off.size} {np.mean(off < 1):.1%} within one error, {np.mean(off < 2):.1%} within two.")


def _sum(measured: Fluxes, name: str) -> tuple[float, float, float]:
    """Flux, error of the noise and error of the class of all components of a class; 0 where there is none."""
    own = [one for one in measured.components if one.label == name and one.flux is not None]
    flux = sum(one.flux or 0.0 for one in own)
    noise, doubt = (
        float(np.hypot.reduce([0.0, *(getattr(one, error) or 0.0 for one in own)]))
        for error in ("flux_error", "class_error")
    )
    return flux, noise, doubt


def _scatter(pulls: np.ndarray) -> float:
    """Half the width that holds 68 %."""
    return float(np.diff(np.percentile(pulls, [15.87, 84.13]))[0] / 2)


if __name__ == "__main__":
    main()
