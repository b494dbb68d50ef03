"""What is asked for: positions typed or in a table, surveys, the side of the square; checked at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from vlass_explorer import archives
from vlass_explorer.cutouts import safe_name
from vlass_explorer.schema import ArchiveError

from .. import boundary, settings, state

TILES = "Tiles on this machine"
SURVEYS = {
    "VLASS": "vlass_cadc",
    "FIRST": "first",
    "HiPS (looking only)": "hips",
    "Tiles on this machine": "local_tiles",
}
SERVICES = {"vlass_cadc": "VLASS (CADC)", "first": "FIRST", "hips": "HiPS", "sesame": "Sesame"}
"""Names on the page of the services that sentences of the core begin with."""
SUFFIXES = ["csv", "tsv", "vot", "xml", "fits", "parquet"]
TABLE_MB = 100
MOST = state.MOST_FILES
"""Positions that a page looks up at once; the command line has no such limit."""
ASKED = "sky_asked"
"""Session key: the request whose answers are in view."""
FETCHED = 2.0
COLUMNS = ("ra", "dec", "name", "label", "flux", "peak", "major", "pa")


@dataclass(frozen=True)
class Request:
    """Positions as typed, a table (its name and content), services and the side of the square in arcsec."""

    typed: tuple[str, ...]
    table: tuple[str, bytes] | None
    columns: archives.Columns
    services: tuple[str, ...]
    size: float
    tiles: Path | None
    group: bool = False
    """Take positions that are parts of one source together."""

    @property
    def key(self) -> str:
        """The same for the same request."""
        table = None if self.table is None else (self.table[0], hashlib.sha256(self.table[1]).hexdigest())
        parts = (self.typed, table, self.columns, self.services, self.size, str(self.tiles), self.group)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def named(sentence: str) -> str:
    """A sentence of the core with a service that it begins with under its name on the page."""
    first, space, rest = sentence.partition(" ")
    return f"{SERVICES.get(first, first)}{space}{rest}"


def draw() -> Request | None:
    """Draw the form and return the request that was sent last in this browser session, None before the first one."""
    allowed = {title: name for title, name in SURVEYS.items() if name == "local_tiles" or archives.is_allowed(name)}
    if len(allowed) == 1:
        st.info(f"Asking archives is switched off here ({archives.SETTING}); tiles on this machine can be cut.")
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        st.text_area(
            "Positions or names, one a line",
            key="sky_typed",
            placeholder="00:13:03.4 -09:19:55\n187.70593 12.39112\nM87",
            height=126,
            width=320,
            persist_state="session",
        )
        table = st.file_uploader(
            "Or a table",
            type=None,
            key="sky_table",
            max_upload_size=TABLE_MB,
            help="CSV, VOTable, FITS or Parquet; columns are found by UCD or name.",
            width=280,
        )
        with st.container(width=310, gap="small"):
            st.pills("Surveys", list(allowed), selection_mode="multi", key="sky_surveys", default=list(allowed)[:1])
            st.toggle(
                "Parts of one source together",
                key="sky_group",
                help="Rows that are lobes or core of one source become one, placed on the core or between the ends: by "
                "distance, flux and axes, as far as a table has them.",
            )
            st.number_input("Side of the square in arcmin", 0.2, 30.0, 3.0, 0.5, key="sky_size")
    if TILES in st.session_state.get("sky_surveys", []):
        st.text_input("Folder of tiles", key="sky_tiles", width=420, help="Below a data root.")
    if table is not None:
        with st.expander("Columns of the table"), st.container(horizontal=True):
            for name in COLUMNS:
                st.text_input(name, key=f"sky_column_{name}", placeholder="found by UCD or name", width=200)
            st.selectbox("Unit of ra", ["as it says", "deg", "hour"], key="sky_ra_unit", width=140)
    st.button(
        "Look up", type="primary", icon=":material/travel_explore:", key="sky_look", on_click=_send, args=(table,)
    )
    asked: Request | None = st.session_state.get(ASKED)
    return asked


@boundary.reported
def _send(table: Any) -> None:
    """Take what the form says; ArchiveError where it says nothing that can be asked."""
    typed = tuple(line.strip() for line in st.session_state["sky_typed"].splitlines() if line.strip())
    services = tuple(SURVEYS[title] for title in st.session_state["sky_surveys"])
    if not typed and table is None:
        raise ArchiveError("Type a position or a name, or give a table.")
    if not services:
        raise ArchiveError("Choose a survey.")
    columns = {name: st.session_state.get(f"sky_column_{name}", "").strip() for name in COLUMNS}
    unit = st.session_state.get("sky_ra_unit")
    tiles = None
    if "local_tiles" in services:
        tiles = settings.checked_data_dir(st.session_state.get("sky_tiles", ""))
    st.session_state[ASKED] = Request(
        typed,
        None if table is None else (_named(table.name), table.getvalue()),
        archives.Columns(**columns, ra_unit=unit if unit in ("deg", "hour") else ""),
        services,
        60.0 * float(st.session_state["sky_size"]),
        tiles,
        bool(st.session_state.get("sky_group", False)),
    )


def _named(name: str) -> str:
    """A safe name with a suffix that says the format."""
    safe = safe_name(name)
    if Path(safe).suffix.lower().removeprefix(".") not in (*SUFFIXES, "votable", "fit"):
        raise ArchiveError(f"{safe} is no table: give a file that ends in {', '.join(SUFFIXES)}.")
    return safe
