"""A checkpoint in a few words: what it was trained on, how good it was there, how large it is."""

from __future__ import annotations

from ..quantities import angle, frequency
from ..schema import Checkpoint, Reports


def trained_on(card: Checkpoint) -> str:
    """Survey, frequency and beam of the training data, or its name, in a few words."""
    spec = card.input_spec
    facts = [frequency(spec.frequency_ghz)] if spec.frequency_ghz else []
    facts += (
        [
            angle(spec.beam_arcsec[0])
            if len(set(spec.beam_arcsec)) == 1
            else f"{angle(spec.beam_arcsec[0])}×{angle(spec.beam_arcsec[1])}"
        ]
        if spec.beam_arcsec
        else []
    )
    facts += [f"{angle(spec.pixel_scale_arcsec)} pixels"] if spec.pixel_scale_arcsec else []
    name = spec.survey or card.provenance.data or "unnamed data"
    return f"{name} ({', '.join(facts)})" if facts else name


def score(reports: Reports) -> str | None:
    """Macro F1 with its interval and the accuracy of the first evaluation on a card; mean IoU of classes of pixels."""
    for name, marks in reports.segmentations.items():
        low, high = marks.get("mean_iou_interval") or (None, None)
        spread = f" ({low:.2f} to {high:.2f})" if low is not None and high is not None else ""
        return f"Mean IoU {marks['mean_iou']:.2f}{spread}, {name}"
    found = {name: figures for name, figures in reports.evaluations.items() if figures.macro_f1 is not None}
    if not found:
        return None
    name, figures = next(iter(found.items()))
    low, high = figures.macro_f1_interval or (None, None)
    spread = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    tail = f", accuracy {figures.accuracy:.2f}" if figures.accuracy is not None else ""
    leaks = " (trained on: no test)" if figures.seen is not None and figures.seen.status == "trained" else ""
    return f"Macro F1 {figures.macro_f1:.2f}{spread}{tail}, {name}{leaks}"


def count(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} million" if parameters >= 1e5 else f"{parameters:,}"
