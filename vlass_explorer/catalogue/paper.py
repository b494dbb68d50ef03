"""What a paper needs of a finished table: how many were asked, answered and called what; a table, a paragraph, sources.

Every number in the paragraph is one of the funnel, whose steps add up to what was asked. The machine-readable table
(the AAS's MRT, written by astropy) holds its numbers to the digits of its formats and no others.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import MaskedColumn, Table

from .. import __version__
from ..schema import CatalogueError, Checkpoint, Row

# Column, format, unit as MRT spells it, what it is. astropy writes numbers without a format to one digit.
COLUMNS = (
    ("Name", "id", "", "", "Identifier of the row"),
    ("RAdeg", "ra", "%.6f", "deg", "ICRS right ascension"),
    ("DEdeg", "dec", "%.6f", "deg", "ICRS declination"),
    ("Class", "label", "", "", "Class of the highest score"),
    ("Score", "score", "%.4f", "", "Highest softmax score, not calibrated"),
    ("Valid", "validity", "", "", "May the model be asked about this: ok, caution, outside"),
    ("Speak", "peak", "%.5e", "Jy", "Brightest pixel of the source, a beam"),
    ("S/N", "snr", "%.2f", "", "Peak over rms"),
    ("Flux", "flux", "%.5e", "Jy", "Integrated flux density"),
    ("e_Flux", "flux_error", "%.2e", "Jy", "Statistical error of Flux"),
    ("LAS", "angular_size", "%.2f", "arcsec", "Largest extent above 3 rms, beam not removed"),
)
TEXTS = ("Name", "Class", "Valid")
REFERENCES = {
    "VLASS": (
        "lacy2020",
        "@article{lacy2020,\n  author = {Lacy, M. and others},\n"
        "  title = {The Karl G. Jansky Very Large Array Sky Survey (VLASS). Science Case and Survey Design},\n"
        "  journal = {PASP}, volume = {132}, pages = {035001}, year = {2020},\n"
        "  doi = {10.1088/1538-3873/ab63eb}\n}",
    ),
    "FIRST": (
        "becker1995",
        "@article{becker1995,\n  author = {Becker, R. H. and White, R. L. and Helfand, D. J.},\n"
        "  title = {The FIRST Survey: Faint Images of the Radio Sky at Twenty Centimeters},\n"
        "  journal = {ApJ}, volume = {450}, pages = {559}, year = {1995},\n"
        "  doi = {10.1086/176166}\n}",
    ),
}
"""Survey → key and entry of the paper that describes it."""
ASTROPY = (
    "@article{astropy2022,\n  author = {{Astropy Collaboration}},\n  title = {The Astropy Project: Sustaining and "
    "Growing a Community-oriented Open-source Project and the Latest Major Release (v5.0) of the Core Package},\n"
    "  journal = {ApJ}, volume = {935}, pages = {167}, year = {2022},\n  doi = {10.3847/1538-4357/ac7c74}\n}"
)
SPECIAL = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", **{sign: f"\\{sign}" for sign in "{}$&#_%"}}


@dataclass(frozen=True)
class Funnel:
    """What became of the rows of one checkpoint; each is counted once."""

    asked: int
    unread: int
    """No image was found or could be read."""
    refused: int
    """Read, and not answered."""
    outside: int
    caution: int
    ok: int
    classes: dict[str, int]
    """Of caution and ok, by label."""

    @property
    def classified(self) -> int:
        """Rows with a valid answer."""
        return self.caution + self.ok

    def __post_init__(self) -> None:
        whole = self.unread + self.refused + self.outside + self.classified
        if whole != self.asked or sum(self.classes.values()) != self.classified:
            raise ValueError("A funnel adds up.")

    def lines(self) -> list[tuple[str, int]]:
        """Steps and counts, one below the other."""
        return [
            ("asked", self.asked),
            ("not found or not readable", self.unread),
            ("found", self.asked - self.unread),
            ("not answered", self.refused),
            ("outside what the model may be asked about", self.outside),
            ("classified", self.classified),
            ("of these with a caution", self.caution),
            *((f"of these {label}", count) for label, count in self.classes.items()),
        ]


def funnel(rows: Sequence[Row], card: Checkpoint) -> Funnel:
    """The funnel of one checkpoint's rows; raises CatalogueError where the table has none."""
    own = of(rows, card)
    levels = [row.validity if row.label else "refused" if row.cutout_sha256 else "unread" for row in own]
    valid = [row for row, level in zip(own, levels, strict=True) if level in ("ok", "caution")]
    classes = {label: sum(row.label == label for row in valid) for label in card.label_names}
    numbers = {name: levels.count(name) for name in ("unread", "refused", "outside", "caution", "ok")}
    return Funnel(len(own), **numbers, classes=classes)


def of(rows: Sequence[Row], card: Checkpoint) -> list[Row]:
    """The rows of one checkpoint; raises CatalogueError where the table has none, or has those of other weights."""
    own = [row for row in rows if row.checkpoint == card.name]
    if not own:
        raise CatalogueError(f"The table holds no row of {card.name}.")
    if any(row.checkpoint_sha256 not in (card.sha256, None) for row in own):
        raise CatalogueError(f"{card.name} was replaced since the table was made: bring the old weights back.")
    return own


def mrt(rows: Sequence[Row]) -> str:
    """The rows with a valid answer as the AAS's machine-readable table."""
    valid = [row for row in rows if row.label and row.validity in ("ok", "caution")]
    if not valid:
        raise CatalogueError("No row has a valid answer: there is no table to print.")
    table = Table()
    for name, key, shown, unit, told in COLUMNS:
        values = [getattr(row, key) for row in valid]
        missing = [value is None for value in values]
        if all(missing):
            continue
        if name in TEXTS:
            filled = [_plain(value or "") for value in values]
            table[name] = MaskedColumn(filled, mask=missing, description=told)
            continue
        numbers = np.array([np.nan if value is None else float(shown % value) for value in values])
        table[name] = MaskedColumn(np.nan_to_num(numbers), mask=missing, unit=unit or None, description=told)
        table[name].format = shown
    stream = io.StringIO()
    table.write(stream, format="ascii.mrt")
    return stream.getvalue()


def _plain(text: str) -> str:
    """ASCII without line breaks or blanks at the ends, which a table of fixed columns does not keep."""
    return "".join(c if " " <= c <= "~" else "?" for c in text).strip() or "?"


def methods(found: Funnel, rows: Sequence[Row], card: Checkpoint) -> str:
    """A paragraph in LaTeX: what was asked of what, with which weights, and what came out."""
    surveys = sorted({row.survey for row in rows if row.survey})
    cited = [f"{name} \\citep{{{REFERENCES[name][0]}}}" if name in REFERENCES else name for name in surveys]
    versions = sorted({row.version for row in rows if row.version})
    counts = ", ".join(f"{count:,} {tex(label)}" for label, count in found.classes.items())
    report = card.reports.validation
    score = ""
    if report is not None and report.macro_f1 is not None:
        score = f" On its held-out part its macro $F_1$ is {report.macro_f1:.3f}"
        if report.macro_f1_interval is not None:
            score += " (95\\,\\% interval {:.3f} to {:.3f})".format(*report.macro_f1_interval)
        score += "."
    trained = card.provenance.data or "data that its card does not name"
    return (
        f"We asked {found.asked:,} images{' of ' + ' and '.join(cited) if cited else ''} with the checkpoint "
        f"\\texttt{{{tex(card.name)}}} (SHA-256 {card.sha256[:12]}; {tex(card.architecture)}, trained on "
        f"{tex(trained)}; \\citealt{{{key(card)}}}) in VLASS Explorer {tex(', '.join(versions) or __version__)} "
        f"\\citep{{vlassexplorer,astropy2022}}.{score} Of these, {found.unread:,} were not found or not readable, "
        f"{found.refused:,} were refused, and {found.outside:,} lie outside of what the checkpoint may be asked about; "
        f"{found.classified:,} were classified ({found.caution:,} with a caution): {counts}. Softmax scores are not "
        "calibrated. Measurements were made on the images as they are, errors are $1\\sigma$.\n"
    )


def bibtex(rows: Sequence[Row], card: Checkpoint) -> str:
    """Entries of what the paragraph cites, with hash and version."""
    trained, citation = card.provenance.data or "unnamed data", card.provenance.citation or "none given"
    own = (
        f"@misc{{{key(card)},\n  title = {{Checkpoint {tex(card.name)}}},\n  note = {{SHA-256 {card.sha256}; trained "
        f"on {tex(trained)}: {tex(citation)}}}\n}}"
    )
    program = f"@software{{vlassexplorer,\n  title = {{VLASS Explorer}},\n  version = {{{__version__}}}\n}}"
    surveys = sorted({row.survey for row in rows if row.survey in REFERENCES})
    return "\n\n".join([program, own, *(REFERENCES[name or ""][1] for name in surveys), ASTROPY]) + "\n"


def key(card: Checkpoint) -> str:
    """Key of a checkpoint's entry."""
    return "checkpoint-" + re.sub(r"[^a-z0-9-]+", "-", card.name.lower())


def tex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(sign, sign) for sign in text if sign.isprintable())
