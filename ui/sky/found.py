"""What archives have at the positions: a row a product with its verdict and a thumbnail, to be chosen from."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from vlass_explorer import archives
from vlass_explorer.archives import fetching, room, survey_noise
from vlass_explorer.catalogue import cautions, grouping
from vlass_explorer.schema import ArchiveError, CutoutError, Found

from .. import loaders, slow, state
from ..text import plain
from .request import FETCHED, MOST, Request, named

ANSWERS = "sky_answers"
"""Session key: the answers in view, by the key of their request."""
COLUMNS = {
    "picture": st.column_config.ImageColumn("", width=52),
    "target": st.column_config.TextColumn("Target", width=150),
    "survey": st.column_config.TextColumn("Survey", width=90),
    "epoch": st.column_config.TextColumn("VLASS epoch", width=90),
    "kind": st.column_config.TextColumn("Image", width=100),
    "verdict": st.column_config.TextColumn("Verdict", width=110),
    "rms": st.column_config.NumberColumn("rms, µJy/beam", format="%.0f", width=90, help="Measured on the whole cutout"),
    "survey rms": st.column_config.NumberColumn(
        "survey's rms", format="%.0f", width=90, help="Of the survey's rms image, around the source"
    ),
    "why": st.column_config.TextColumn("Why, and notes", width=420),
}


@dataclass(frozen=True)
class Answer:
    """The rows of a request, and the folder that holds their files."""

    rows: tuple[Found, ...]
    folder: Path
    grouped: str = ""
    """What was, or would be, taken together as one source; empty for a single position."""


def look(request: Request, place: Any) -> Answer | None:
    """The answers of a request, asked at most once in a browser session; None where the user stopped it."""
    known: dict[str, Answer] = st.session_state.setdefault(ANSWERS, {})
    if request.key not in known:
        answer = slow.run(place, f"sky_{request.key}", "Asking archives", partial(_ask, request))
        if answer is None:
            return None
        known.clear()
        known[request.key] = answer
    return known[request.key]


def _ask(request: Request) -> Answer:
    client = archives.Client(tiles=request.tiles)
    arguments = list(request.typed)
    with tempfile.TemporaryDirectory() as folder:
        if request.table is not None:
            path = Path(folder) / request.table[0]
            path.write_bytes(request.table[1])
            arguments.append(str(path))
        typed = archives.given(arguments, client, request.columns)
    if len(typed) > MOST:
        raise ArchiveError(
            f"These are {len(typed):,} positions; a page looks up {MOST}. For more: python -m vlass_explorer cutouts."
        )
    made = grouping.group(typed)
    targets = made.targets if request.group else typed
    services = tuple(archives.service(name) for name in request.services)
    order = fetching.Order(services, request.size, FETCHED * request.size)
    out = client.store.folder / room.PAGES / request.key
    journal = fetching.run(targets, order, out, client)
    room.used(out)
    found = list(journal.rows(targets, [service.SERVICE for service in services]))
    if request.group:
        found = list(cautions.annotated(found, made))
    rows = tuple(cautions.near_bright(found, typed, made if request.group else None))
    journal.manifest(rows)
    return Answer(rows, out, _told(made, on=request.group) if len(typed) > 1 else "")


def _told(made: grouping.Grouping, *, on: bool) -> str:
    """What grouping did, or would do."""
    if on or not made.joined:
        return made.sentence
    return f"Not taken together: {made.sentence[0].lower()}{made.sentence[1:]}"


def table(answer: Answer, *, use_survey_noise: bool) -> list[state.Entry]:
    """Draw the table and return the entries of the chosen rows that have an image."""
    entries = [entry_of(row, answer.folder, use_survey_noise=use_survey_noise) for row in answer.rows]
    st.markdown(plain(" ".join(filter(None, (_summary(answer.rows), answer.grouped)))))
    chosen = st.dataframe(
        pd.DataFrame([_row(row, answer.folder) for row in answer.rows], columns=list(COLUMNS)),
        column_config=COLUMNS,
        hide_index=True,
        row_height=52,
        height=min(40 + 52 * len(answer.rows), 560),
        key="sky_rows",
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="",
        alt="What archives have, with verdicts",
    )
    picked = chosen["selection"]["rows"]
    return [entry for place in picked if place < len(entries) and (entry := entries[place]) is not None]


def entry_of(row: Found, folder: Path, *, use_survey_noise: bool) -> state.Entry | None:
    """The file of a row as Explore takes it, with the survey's noise where it came along and is wanted."""
    if row.file is None or row.sha256 is None or row.ra is None or row.dec is None:
        return None
    path = folder / row.file
    noise = folder / row.rms_file if row.rms_file is not None and use_survey_noise else None
    key = f"{row.sha256[:16]}{'n' if noise is not None else ''}:{path.name}"
    source = partial(survey_noise.read_with, path, noise, (row.ra, row.dec))
    return state.Entry(key, path.name, path.name, "data set", f"{row.sha256} {noise is not None}", source=source)


def _picture(row: Found, folder: Path) -> str | None:
    """The square that was asked for, without the wider field that was fetched around it."""
    if row.file is None or row.sha256 is None or row.ra is None or row.dec is None:
        return None
    path = folder / row.file
    entry = state.Entry(path.name, path.name, path.name, "data set", row.sha256, path)
    try:
        square = state.Reading(position=(row.ra, row.dec), size_arcsec=row.size)
        return loaders.thumbnail(loaders.cutout(entry, square))
    except CutoutError:
        return None  # the square lies beside the image; the verdict says so


def _row(row: Found, folder: Path) -> dict[str, Any]:
    return {
        "picture": _picture(row, folder),
        "target": row.id,
        "survey": row.survey,
        "epoch": row.vlass_epoch,
        "kind": row.kind,
        "verdict": row.verdict or "not asked",
        "rms": None if row.rms is None else 1e6 * row.rms,
        "survey rms": None if row.rms_survey is None else 1e6 * row.rms_survey,
        "why": " ".join(map(named, filter(None, (row.error, row.reason, *row.cautions, *row.notes)))),
    }


def _summary(rows: Sequence[Found]) -> str:
    counts = Counter(row.verdict or "not asked" for row in rows)
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    targets = len({row.id for row in rows})
    return f"{targets} {'target' if targets == 1 else 'targets'}: {listed}."
