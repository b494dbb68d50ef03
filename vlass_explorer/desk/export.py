"""What becomes of labels: tables of them as given and by cutout, as CSV and VOTable."""

from __future__ import annotations

from collections.abc import Sequence

from ..export.tables import csv_file, votable_file
from ..schema.columns import Cell, Column, printable
from . import agreement
from .labels import Labels
from .records import Given

FORMATS = {".csv": csv_file, ".vot": votable_file}

AS_GIVEN = (
    Column("cutout", "text", "meta.id;meta.main", "Key of the cutout on the desk"),
    Column("name", "text", "meta.id;meta.file", "Name of the cutout"),
    Column("content", "text", "meta.checksum", "16 hex digits that stand for the pixels, whatever file holds them"),
    Column("ra", "float", "pos.eq.ra;meta.main", "ICRS right ascension", "deg"),
    Column("dec", "float", "pos.eq.dec;meta.main", "ICRS declination", "deg"),
    Column("label", "text", "src.class", "The class that was given; empty where unsure or an artefact"),
    Column("kind", "text", "meta.code", "class, unsure or artefact"),
    Column("labeller", "text", "obs.observer", "Who gave the label, as they named themselves"),
    Column("time", "text", "time.epoch", "When, UTC, ISO 8601"),
    Column("blind", "bool", "meta.code.qual", "Given without sight of a model's answer"),
    Column("shown", "text", "meta.note", "The model's answer that the labeller saw before"),
    Column("notes", "text", "meta.note", "Notes on the cutout, each after the name of its author"),
)
SHARE = "share_"


def as_given(labels: Labels, suffix: str) -> bytes:
    """The table of all labels that hold, one row a cutout and labeller, in the order given."""
    return FORMATS[suffix].to_bytes(AS_GIVEN, [_given(one, labels) for one in labels.given])


def by_cutout(labels: Labels, suffix: str) -> bytes:
    """The table of labelled cutouts, one row each: how many labellers, the share behind each class, the majority."""
    classes = labels.classes
    columns = (
        *AS_GIVEN[:5],
        Column("labellers", "int", "meta.number", "Labellers of this cutout"),
        Column("unsure", "int", "meta.number", "Of them, those that could not tell"),
        Column("artefact", "int", "meta.number", "Of them, those that called it an artefact"),
        Column(
            "label", "text", "src.class", "Class that more labellers gave than any other; empty where there is none"
        ),
        Column("blind", "bool", "meta.code.qual", "All labels given without sight of a model's answer"),
        *(
            Column(
                f"{SHARE}{number}",
                "float",
                "stat.probability;src.class",
                f'Share of the labellers that gave the class "{printable(name)}", of those that gave a class',
                label=name,
            )
            for number, name in enumerate(classes, 1)
        ),
    )
    told: dict[str, list[Given]] = {}
    for one in labels.given:
        told.setdefault(one.cutout, []).append(one)
    soft = agreement.soft(labels.given, classes)
    cells: list[tuple[Cell, ...]] = []
    for cutout, given in told.items():
        first = _given(given[0], labels)[:5]
        kinds = [one.kind for one in given]
        shares = soft.get(cutout)
        cells.append(
            (
                *first,
                len(given),
                kinds.count("unsure"),
                kinds.count("artefact"),
                majority(given),
                all(one.blind for one in given),
                *((None,) * len(classes) if shares is None else map(float, shares)),
            )
        )
    return FORMATS[suffix].to_bytes(columns, cells)


def majority(given: Sequence[Given]) -> str | None:
    """The class that more labellers gave than any other class or mark; None for a tie, and where unsure wins."""
    votes: dict[tuple[str, str], int] = {}
    for one in given:
        votes[one.kind, one.label] = votes.get((one.kind, one.label), 0) + 1
    most = max(votes.values(), default=0)
    first = [word for word, count in votes.items() if count == most]
    return first[0][1] if len(first) == 1 and first[0][0] == "class" else None


def _given(one: Given, labels: Labels) -> tuple[Cell, ...]:
    notes = " | ".join(f"{by}: {text}" for by, text in labels.notes(one.cutout))
    texts = (one.label, one.kind, one.by, one.time)
    return (
        one.cutout,
        printable(one.name),
        one.content,
        one.ra,
        one.dec,
        *(printable(text) for text in texts),
        one.blind,
        printable(one.shown) or None,
        printable(notes) or None,
    )
