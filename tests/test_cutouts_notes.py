"""Notes for people: the important first, at most five, alike ones counted, none in the words of a library."""

from __future__ import annotations

import re
from pathlib import Path

import point_source

from vlass_explorer import cutouts
from vlass_explorer.schema import CutoutError

PADDED = {f"PC0{i}_0{j}": float(i == j) for i in range(1, 5) for j in range(1, 5)}


def test_important_notes_come_first_and_alike_ones_are_counted() -> None:
    cards = {
        **PADDED,
        "DATE-OBS": "26/03/93",
        "CTYPE5": "FREQ",
        "RADESYS": "J2000",
        "BUNIT": "nJy/beam",
        "BPA": None,
        "BMIN": 1e-3,
        "CDELT1": 5e-4,
    }
    cutout = cutouts.read(point_source.file(point_source.sky()[None, None], **cards))
    assert len(cutout.notes) == 5 and len(cutout.more_notes) == 3
    assert any("nJy/beam" in note for note in cutout.notes) and any("mirrored" in note for note in cutout.notes)
    everything = (*cutout.notes, *cutout.more_notes)
    assert "16 header cards with leading zeros were read as meant." in everything
    assert everything[4] == "4 axes, two degenerate ones dropped."


def test_no_note_on_a_real_file_is_in_the_words_of_a_library(data_dir: Path) -> None:
    for path in sorted((data_dir / "cutouts").rglob("*")) + sorted((data_dir / "measured").rglob("*")):
        if not path.is_file() or path.suffix == ".header":
            continue
        try:
            cutout = cutouts.read(path)
        except CutoutError:
            continue
        assert len(cutout.notes) <= 5
        for note in (*cutout.notes, *cutout.more_notes):
            assert not re.search(r"astropy|wcslib|Warning|Error|ERROR|0x|\.c\b|None\b", note), (path.name, note)
            assert note.endswith(".") and len(note) < 200, (path.name, note)
