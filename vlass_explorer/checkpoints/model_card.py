"""The model card README.md of a checkpoint, written from its data alone: what is not known is not claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..quantities import angle, frequency
from ..schema import Checkpoint, Figures, OtherData, Overlap
from .heads import FRONT

README = "README.md"
# Provenance keys in the order of the card; any other key follows under its own name.
TITLES = {
    "data": "Data",
    "data_licence": "Licence of the data",
    "licence": "Licence of the data",
    "citation": "Citation",
    "split": "Split",
    "fold": "Validation fold",
    "train_count": "Training cutouts",
    "validation_count": "Validation cutouts",
    "recipe": "Recipe",
    "seed": "Seed",
    "epochs": "Training epochs",
    "pretraining": "Pre-training",
    "weights": "Weights started from",
    "command": "Command",
    "versions": "Versions",
    "created": "Written",
}


def model_card(card: Checkpoint) -> str:
    """Markdown model card.

    It tells all that ``card.provenance`` knows, what else a foreign card says under its own keys, every evaluation with
    what the checkpoint had seen of it, and the floors beside them.
    """
    parts = [f"# {card.name}", _summary(card), "## What it was trained on", _training(card)]
    if shares := card.provenance.class_fractions:
        rows = [(label, f"{share:.1%}") for label, share in shares.items()]
        what = "labelled pixels" if card.task == "segmentation" else "training cutouts"
        parts += [f"Share of each class in the {what}:", _table(("class", "share"), rows)]
    parts += ["## What it has seen", _seen(card)]
    evaluations = card.reports.evaluations
    if evaluations:
        parts += ["## How good it is", _scores(evaluations, card.reports.floors)]
    if marks := card.reports.segmentations:
        parts += ["## How good it is", *(_segmentation(card, name, found) for name, found in marks.items())]
    for name, figures in evaluations.items():
        if table := _confusion(card, figures.table.get("confusion")):
            parts += [f"Confusion, {_cell(name)} (rows: true, columns: predicted):", table]
    if others := card.reports.others:
        parts += ["## How unlike its training data other files are", UNLIKE, _others(others)]
    parts += ["## What it takes", _input(card), "## How to load it", _usage(card)]
    configuration = card.provenance.configuration or ""
    if configuration.strip():
        block = "\n".join(f"    {line}" for line in configuration.strip().splitlines())
        parts += ["## Configuration of the run", block]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(card: Checkpoint) -> str:
    """Two or three sentences for somebody who has never seen the checkpoint."""
    spec = card.input_spec
    labels = ", ".join(map(_cell, card.label_names))
    front = " behind a spatial transformer" if card.model_args.get(FRONT) == "stn" else ""
    is_segmentation = card.task == "segmentation"
    over = f" over {_cell(card.model_args.get('encoder'))}" if is_segmentation else ""
    does = f"It gives each pixel one of the classes {labels}" if is_segmentation else f"It tells {labels} apart"
    text = f"{card.architecture}{over}{front} with {card.parameters:,} parameters. {does}"
    text += f" in cutouts of {_cell(spec.survey)}." if spec.survey else "."
    if card.provenance.simulated:
        text += " **Trained on simulated cutouts only**: its scores say nothing yet about real sources."
    return text + " Its outputs are softmax scores, not calibrated probabilities."


def _training(card: Checkpoint) -> str:
    spec = card.input_spec
    beam = f"{angle(spec.beam_arcsec[0])} × {angle(spec.beam_arcsec[1])}" if spec.beam_arcsec else None
    known: list[tuple[str, Any]] = [
        ("Survey", spec.survey),
        ("Frequency", frequency(spec.frequency_ghz) if spec.frequency_ghz else None),
        ("Beam", beam),
        ("Pixel scale", angle(spec.pixel_scale_arcsec) if spec.pixel_scale_arcsec else None),
        ("Unit", spec.unit),
        ("Real or simulated", _reality(card)),
    ]
    said = card.provenance.table()
    skipped = {"class_fractions", "configuration", "simulated", "seen"} - card.provenance.other.keys()
    known += [(title, said.get(key)) for key, title in TITLES.items()]
    known += [
        (key.replace("_", " ").capitalize(), value)
        for key, value in said.items()
        if key not in TITLES and key not in skipped
    ]
    return _table(("", ""), [(title, value) for title, value in known if value not in (None, "", {}, [])])


EVALUATIONS = {
    "validation_apart": "validation, without cutouts that have a training cutout closer than 270″",
    "sky_folds": "sky-disjoint folds, trained on each of the others, mean",
    "authors_folds": "the authors' folds, trained on each of the others, mean",
}


UNLIKE = (
    "AUROC, with its 95 % interval, of three measures of its own features between files of a kind and held-out cutouts of "
    "the set that it was trained on: 0.5 where the kind looks like these, 1 where every file is less alike."
)


def _others(others: Sequence[OtherData]) -> str:
    measures = list(dict.fromkeys(name for row in others for name in row.auroc))
    rows = [
        (row.kind, row.asked, row.outside, *(_with_interval(row.auroc.get(name)) for name in measures)) for row in others
    ]
    return _table(("kind", "files asked", "refused as outside", *measures), rows)


def _seen(card: Checkpoint) -> str:
    record = card.provenance.seen
    if record is None:
        return "This card does not list the cutouts that its weights were fitted to or validated on: unknown, not none."
    rows = [("Trained on", record.train), ("Validated on", record.selected), ("Calibrated on", record.calibrated)]
    table = _table(("", "cutouts"), [(title, f"{number:,}") for title, number in rows])
    table += "\n\nTheir content and places on the sky are in `seen.csv`."
    if record.unlisted:
        table += f" What these saw is not listed: {_cell(record.unlisted)}."
    if record.stated:
        table += f" That these saw nothing else is stated, not checked: {_cell(record.stated)}."
    return table


def _reality(card: Checkpoint) -> str | None:
    simulated = card.provenance.simulated
    return None if simulated is None else "simulated" if simulated else "real"


def _scores(evaluations: Mapping[str, Figures], floors: Mapping[str, float | None]) -> str:
    rows: list[tuple[Any, ...]] = []
    for name, found in evaluations.items():
        interval = f"{found.macro_f1_interval[0]:.3f} to {found.macro_f1_interval[1]:.3f}" if found.macro_f1_interval else ""
        scores = (_number(found.accuracy), _number(found.macro_f1), interval)
        # A mean over folds is of other weights, each of which held its own fold out.
        seen = found.seen.label if found.seen else "" if "folds" in found.table else "unknown"
        rows.append((EVALUATIONS.get(name, name), found.count, *scores, seen))
    rows += [(f"floor: {name}", None, None, _number(value), None, None) for name, value in floors.items()]
    heads = ("evaluation", "cutouts", "accuracy", "macro F1", "95 % bootstrap interval", "seen before")
    return _table(heads, rows)


def _segmentation(card: Checkpoint, name: str, found: Mapping[str, Any]) -> str:
    """One evaluation of the classes of pixels: figures of the whole part, and of each class."""
    interval = found.get("mean_iou_interval")
    spread = ""
    if isinstance(interval, (list, tuple)) and len(interval) == 2 and None not in interval:
        spread = f" (95 % bootstrap interval over images {interval[0]:.3f} to {interval[1]:.3f})"
    seen = Overlap.of(found.get("seen"))
    edges = _number(found.get("boundary_f1"))
    beam = found.get("tolerance")
    near = f", boundary F1 {edges} within one beam ({beam:.2f} pixels)" if edges and beam else ""
    text = (
        f"{EVALUATIONS.get(name, name)}, {found.get('count')} images: mean IoU {_number(found['mean_iou'])}{spread}, "
        f"pixel accuracy {_number(found.get('pixel_accuracy'))}{near}; "
        f"seen before: {seen.label if seen else 'unknown'}."
    )
    keys = ("iou", "precision", "recall", "boundary_f1")
    classes = found.get("per_class")
    rows: list[tuple[Any, ...]] = [
        (label, *(_number(row.get(key)) for key in keys), row.get("support"))
        for label, row in (classes.items() if isinstance(classes, Mapping) else ())
        if isinstance(row, Mapping)
    ]
    return f"{text}\n\n{_table(('class', 'IoU', 'precision', 'recall', 'boundary F1', 'pixels'), rows)}"


def _confusion(card: Checkpoint, confusion: Any) -> str:
    if not isinstance(confusion, (list, tuple)) or not all(isinstance(row, (list, tuple)) for row in confusion):
        return ""
    rows = [(label, *row) for label, row in zip(card.label_names, confusion, strict=False)]
    return _table(("", *card.label_names), rows)


def _input(card: Checkpoint) -> str:
    spec = card.input_spec
    rows: list[tuple[str, Any]] = [
        ("Stretch", spec.stretch),
        ("Field of view", f"{spec.field_of_view:g}″, without coordinates {spec.field_of_view_pixels} pixels"),
        ("Normalisation", spec.normalisation),
        ("Pixels without data become", spec.nan_fill),
        ("Model input", f"{spec.in_chans} × {spec.img_size} × {spec.img_size}"),
    ]
    return _table(("", ""), rows)


def _usage(card: Checkpoint) -> str:
    lines = [
        "```python",
        "from vlass_explorer import checkpoints",
        f'card = checkpoints.find("{card.name}")',
        "model = checkpoints.load(card)",
        *(
            [
                "from vlass_explorer import segmentation",
                "found = segmentation.segment(model, card.input_spec, card.label_names, cutout)",
            ]
            if card.task == "segmentation"
            else []
        ),
        "```",
        "",
        f"sha256 of `model.safetensors`: `{card.sha256}`",
    ]
    return "\n".join(lines)


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


def _cell(value: Any) -> str:
    """Text for one table cell: no value breaks out of it, becomes HTML, or links to anything."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{key} {item}" for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        value = ", ".join(" ".join(map(str, item.values())) if isinstance(item, Mapping) else str(item) for item in value)
    text = "" if value is None else " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "|[]`" else c for c in text)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _with_interval(value: tuple[float, float, float] | None) -> str:
    return "" if value is None else f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})"
