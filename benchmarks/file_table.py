"""What is read of each file: product, unit, beam, pixels, peak and flux of the central source, notes, as Markdown.

    python benchmarks/file_table.py FOLDER... [--all-notes]

Files that hold no image keep their line, with the sentence that says why. Pixels are width x height on the sky at the
centre; a beam with * is the survey's nominal one; peaks and fluxes in a unit that fits their size, fluxes with
their statistical error. ``docs/files.md`` holds the table of the real files that tests read, each line looked at
beside its header.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import cutouts, measure, quantities  # noqa: E402
from vlass_explorer.cutouts.names import is_cutout  # noqa: E402
from vlass_explorer.schema import Cutout, CutoutError  # noqa: E402

COLUMNS = ("file", "product", "unit", "frequency", "beam (arcsec, °)", "pixels (arcsec)", "peak", "flux", "notes")


def line(name: str, path: Path, all_notes: bool) -> tuple[str, ...]:
    """The cells of a file."""
    try:
        cutout = cutouts.read(path)
    except CutoutError as error:
        return name, "", "", "", "", "", "", "", f"Not read: {error}"
    found = measure.measure(cutout)
    notes = [*cutout.notes, *(cutout.more_notes if all_notes else ()), *found.notes]
    if found.flux is None:
        notes.append(f"No flux: {found.off['flux']}")
    ghz = cutout.origin.frequency_ghz
    return (
        name,
        " ".join(filter(None, (cutout.origin.survey, cutout.origin.product))),
        cutout.unit or "",
        "" if ghz is None else quantities.frequency(ghz),
        _beam(cutout),
        _pixels(cutout),
        quantities.brightness(found.peak, cutout.unit),
        "" if found.flux is None else quantities.flux(found.flux, found.flux_error),
        " ".join(notes),
    )


def _beam(cutout: Cutout) -> str:
    beam = cutout.beam
    return "" if beam is None else f"{beam.major:.4g} × {beam.minor:.4g}, {beam.pa:.3g}{'*' if beam.assumed else ''}"


def _pixels(cutout: Cutout) -> str:
    if cutout.pixel_scale is None:
        return ""
    height, width = (f"{side:.4g}" for side in cutout.pixel_scale)
    return height if height == width else f"{width} × {height}"


def table(folders: list[Path], all_notes: bool = False) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield " | ".join(("", *COLUMNS, "")).strip()
    yield "| --- " * len(COLUMNS) + "|"
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if is_cutout(path.name)):
            name = f"{folder.name}/{path.relative_to(folder)}"
            yield " | ".join(("", *line(name, path, all_notes), "")).strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--all-notes", action="store_true", help="those that a page keeps folded, too")
    chosen = parser.parse_args()
    for text in table(chosen.folders, chosen.all_notes):
        print(text, flush=True)
