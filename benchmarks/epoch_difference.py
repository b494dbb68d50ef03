"""Two VLASS epochs of one simulated field against its truth: shift, residual, changes found, false alarms.

    python benchmarks/epoch_difference.py [--draws 1000] [--shifts 50] [--json]

Fields of 6 arcmin with 10 to 20 compact neighbours (S/N 25 to 150), noise whose autocorrelation is the beam, 3.0 x 2.2
and 2.7 x 2.4 arcsec, Quick Look. Beside each figure stands its baseline of the same run: the difference of the images
laid over each other without registration, without the neighbours' flux scale, without a common beam.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from two_epochs import BEAMS, RMS, Truth, pair  # noqa: E402

from vlass_explorer import epochs, match  # noqa: E402
from vlass_explorer.epochs import Comparison  # noqa: E402
from vlass_explorer.schema import Cutout  # noqa: E402

SHIFT, QUIET = 0.5, 1e-6
BOX = 6  # pixels around the source
UNCERTAIN = 0.15  # of each flux scale of Quick Look


def around(pixels: np.ndarray, found: Comparison) -> np.ndarray:
    y, x = found.target.peak_yx
    return pixels[y - BOX : y + BOX + 1, x - BOX : x + BOX + 1]


def peak(found: Comparison) -> float:
    return found.target.measured[0].peak


def plain(one: Cutout, other: Cutout, found: Comparison) -> float:
    """Largest difference near the source over its peak when the images are subtracted as they are."""
    laid = match.onto(other, one.wcs, one.shape)
    return float(np.abs(around(laid.pixels - one.pixels, found)).max() / around(one.pixels, found).max())


def shifted(count: int) -> dict[str, float]:
    """How well half an arcsec is found, and what is left of it at the source, noise aside."""
    wrong, kept, left = [], [], []
    for draw in range(count):
        angle = np.random.default_rng(draw).uniform(0, 2 * np.pi)
        shift = (SHIFT * np.cos(angle), SHIFT * np.sin(angle))
        found = epochs.compare(*pair(draw, Truth(shift=shift, neighbours=12)))
        assert found.shift is not None
        wrong.append(np.hypot(found.shift.east - shift[0], found.shift.north - shift[1]))
        if draw < 8:  # what the noise would hide
            one, other = pair(draw, Truth(shift=shift, neighbours=12, rms=QUIET))
            quiet = epochs.compare(one, other)
            left.append(np.abs(around(quiet.difference.pixels, quiet)).max() / peak(quiet))
            fitted = match.onto(quiet.second, quiet.first.wcs, quiet.first.shape, (-shift[0], -shift[1]))
            kept.append(np.abs(around(fitted.pixels - quiet.first.pixels, quiet)).max() / peak(quiet))
    return {
        "error of the shift, median (arcsec)": float(np.median(wrong)),
        "error of the shift, largest (arcsec)": float(np.max(wrong)),
        "dipole over the peak, registered, largest": float(np.max(left)),
        "dipole over the peak, not registered, smallest": float(np.min(kept)),
    }


def residual(count: int) -> dict[str, float]:
    """A constant source of S/N 100: without noise the largest residual, with it that at the peak."""
    quiet, alone, noisy = [], [], []
    for draw in range(min(count, 20)):
        one, other = pair(draw, Truth(rms=QUIET, scale=1.1))
        found = epochs.compare(one, other)
        quiet.append(np.abs(around(found.difference.pixels, found)).max() / peak(found))
        alone.append(plain(one, other, found))
    for draw in range(count):
        found = epochs.compare(*pair(draw, Truth(scale=1.1)))
        noisy.append(np.sqrt(np.mean(around(found.difference.pixels, found) ** 2)) / peak(found))
    return {
        "residual without noise, largest": float(np.max(quiet)),
        "the images as they are, without noise, smallest": float(np.min(alone)),
        "rms of the residual on the source, median": float(np.median(noisy)),
        "rms of the residual on the source, 95 %": float(np.quantile(noisy, 0.95)),
    }


def alarms(draws: int, change: float) -> dict[str, float]:
    """Shares of draws that are flagged, relative to the field and with both flux scales."""
    flagged: dict[str, list[bool]] = {
        f"{what}, {to}": [] for what in ("peak", "flux") for to in ("relative", "absolute")
    }
    bare, missing = [], 0
    for draw in range(draws):
        random = np.random.default_rng(10_000 + draw)
        truth = Truth(
            snr=float(random.uniform(50, 150)),
            change=change * random.choice([-1.0, 1.0]) if change else 0.0,
            scale=float(np.exp(random.normal(0.0, UNCERTAIN * np.sqrt(2)))) if not change else 1.0,
            shift=tuple(random.normal(0.0, 0.2, 2)),
            neighbours=int(random.integers(10, 21)),
            size=float(random.choice([0.0, 3.0])),
        )
        found = epochs.compare(*pair(20_000 + draw, truth))
        missing += found.scale is None
        for what, both in (("peak", found.target.peak), ("flux", found.target.flux)):
            for to, each in zip(("relative", "absolute"), both, strict=True):
                if each is not None:
                    flagged[f"{what}, {to}"].append(each.is_real)
        first, second = found.target.measured
        bare.append(abs(second.peak - first.peak) > 3 * np.hypot(first.peak_error, second.peak_error))
    shares = {key: float(np.mean(values)) for key, values in flagged.items()}
    return shares | {"peak, noise alone as the error": float(np.mean(bare)), "without ten neighbours": missing / draws}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--shifts", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    parts: dict[str, Callable[[], dict[str, float]]] = {
        f"shift of {SHIFT} arcsec, {options.shifts} fields": partial(shifted, options.shifts),
        f"constant source of S/N 100, beams {BEAMS[0]} and {BEAMS[1]}": partial(residual, max(options.draws // 10, 10)),
        f"constant sources, scales drawn by {UNCERTAIN:.0%} each, {options.draws} draws: flagged": partial(
            alarms, options.draws, 0.0
        ),
        f"changed by 20 % at S/N 50 to 150, {options.draws} draws: flagged": partial(alarms, options.draws, 0.2),
    }
    few = epochs.words.scale(epochs.compare(*pair(0, Truth(neighbours=4))))
    found = {}
    for title, part in parts.items():
        found[title] = part()
        if not options.json:
            lines = (f"| {key} | {value:.4f} |" for key, value in found[title].items())
            print(f"| {title} | |\n|---|---|", *lines, "", sep="\n", flush=True)
    if options.json:
        print(json.dumps(found | {"four neighbours": few}, indent=1))
    else:
        print(f"Four neighbours, noise {1e6 * RMS:.0f} µJy/beam: {few}")


if __name__ == "__main__":
    main()
