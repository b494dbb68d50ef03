"""The model card README.md of a checkpoint, written from its data alone: what is not known is not claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..schema import Checkpoint

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

    ``card.metrics`` may hold reports (tables with macro_f1, as ``dataclasses.asdict`` makes them from a Report) under
    the name of their split, a report at its top, and ``floors`` (description -> macro F1 of something simpler on the
    same fold).  ``card.provenance`` may hold the keys of ``TITLES``, ``class_fractions`` (label -> share of the
    training cutouts), ``configuration`` (text of the run's configuration) and ``simulated``.
    """
    parts = [f"# {card.name}", _summary(card), "## What it was trained on", _training(card)]
    shares = card.provenance.get("class_fractions")
    if isinstance(shares, Mapping) and shares:
        rows = [(label, f"{share:.1%}" if _is_number(share) else share) for label, share in shares.items()]
        parts += ["Share of each class in the training cutouts:", _table(("class", "share"), rows)]
    reports = _reports(card.metrics)
    if reports:
        parts += ["## How good it is", _scores(reports, card.metrics.get("floors"))]
    for name, report in reports.items():
        if table := _confusion(card, report.get("confusion")):
            parts += [f"Confusion, {_cell(name)} (rows: true, columns: predicted):", table]
    parts += ["## What it takes", _input(card), "## How to load it", _usage(card)]
    configuration = card.provenance.get("configuration")
    if isinstance(configuration, str) and configuration.strip():
        block = "\n".join(f"    {line}" for line in configuration.strip().splitlines())
        parts += ["## Configuration of the run", block]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(card: Checkpoint) -> str:
    """Two or three sentences for somebody who has never seen the checkpoint."""
    spec = card.input_spec
    labels = ", ".join(map(_cell, card.label_names))
    text = f"{card.architecture} with {card.parameters:,} parameters. It tells {labels} apart"
    text += f" in cutouts of {_cell(spec.survey)}." if spec.survey else "."
    if card.provenance.get("simulated"):
        text += " **Trained on simulated cutouts only**: its scores say nothing yet about real sources."
    return text + " Its outputs are softmax scores, not calibrated probabilities."


def _training(card: Checkpoint) -> str:
    spec = card.input_spec
    beam = f"{spec.beam_arcsec[0]:g}″ × {spec.beam_arcsec[1]:g}″" if spec.beam_arcsec else None
    known: list[tuple[str, Any]] = [
        ("Survey", spec.survey),
        ("Frequency", f"{spec.frequency_ghz:g} GHz" if spec.frequency_ghz else None),
        ("Beam", beam),
        ("Pixel scale", f"{spec.pixel_scale_arcsec:g}″" if spec.pixel_scale_arcsec else None),
        ("Unit", spec.unit),
        ("Real or simulated", _reality(card)),
    ]
    skipped = {"class_fractions", "configuration", "simulated"}
    known += [(title, card.provenance.get(key)) for key, title in TITLES.items()]
    known += [
        (key.replace("_", " ").capitalize(), value)
        for key, value in card.provenance.items()
        if key not in TITLES and key not in skipped
    ]
    return _table(("", ""), [(title, value) for title, value in known if value not in (None, "", {}, [])])


EVALUATIONS = {
    "validation_apart": "validation, without cutouts that have a training cutout closer than 270″",
    "sky_folds": "sky-disjoint folds, trained on each of the others, mean",
    "authors_folds": "the authors' folds, trained on each of the others, mean",
}


def _reality(card: Checkpoint) -> str | None:
    simulated = card.provenance.get("simulated")
    return None if simulated is None else "simulated" if simulated else "real"


def _reports(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All tables among the metrics that look like a Report, by the name of their split."""
    own = {"validation": metrics} if "macro_f1" in metrics else {}
    nested = {k: v for k, v in metrics.items() if isinstance(v, Mapping) and "macro_f1" in v}
    return {**own, **nested}


def _scores(reports: Mapping[str, Mapping[str, Any]], floors: Any) -> str:
    rows: list[tuple[Any, ...]] = []
    for name, report in reports.items():
        scores = (_number(report.get("accuracy")), _number(report["macro_f1"]))
        rows.append((EVALUATIONS.get(name, name), report.get("count"), *scores, _interval(report.get("macro_f1_interval"))))
    if isinstance(floors, Mapping):
        rows += [(f"floor: {name}", None, None, _number(value), None) for name, value in floors.items()]
    heads = ("evaluation", "cutouts", "accuracy", "macro F1", "95 % bootstrap interval")
    return _table(heads, rows)


def _interval(value: Any) -> str | None:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value))
    return f"{value[0]:.3f} to {value[1]:.3f}" if is_pair else None


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
        value = ", ".join(map(str, value))
    text = "" if value is None else " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "|[]`" else c for c in text)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> str | None:
    return f"{value:.3f}" if _is_number(value) else None
