"""Components of a labelled cutout: their table with its sums, which are chosen, joined or left out, and the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from vlass_explorer import export, memory, segmentation
from vlass_explorer.export import segmented as files
from vlass_explorer.quantities import flux
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError
from vlass_explorer.segmentation import Fluxes, Pieces, Segmentation

from .. import boundary, loaders
from ..text import plain

HELP = (
    "A component is a connected piece of one class. Its flux is that inside its outline; what no component holds is "
    "the remainder, so that components and remainder are the total. Which of them are one source you decide."
)
EIGHT = "eight_views"
"""Key of the switch."""
COLUMNS = {
    "number": st.column_config.NumberColumn("No.", width=44),
    "class": st.column_config.TextColumn("Class", width=110),
    "beams": st.column_config.NumberColumn("Beams", format="%.1f", width=60, help="Area in beams"),
    "flux": st.column_config.NumberColumn("Flux (mJy)", format="%.3f", width=86, help="Inside the outline"),
    "error": st.column_config.NumberColumn("Error", format="%.3f", width=66, help="1 sigma of the noise"),
    "class_error": st.column_config.NumberColumn(
        "Class error", format="%.3f", width=84, help="1 sigma of what the scores leave open: pixels of another class"
    ),
    "share": st.column_config.NumberColumn("Share", format="percent", width=66, help="Of the total"),
    "peak": st.column_config.NumberColumn("Peak", format="%.4g", width=76, help="In the unit of the file"),
    "ra": st.column_config.NumberColumn("RA", format="%.5f", width=86, help="Centroid, degrees, ICRS"),
    "dec": st.column_config.NumberColumn("Dec", format="%.5f", width=86),
}


def eight_views() -> bool:
    """Whether the model is asked in all eight orientations."""
    return bool(st.session_state.get(EIGHT))


def pieces(card: Checkpoint, cutout: Cutout, labels: Segmentation) -> Pieces:
    """The components as the user has joined them and left them out."""
    key = (eight_views(),)
    whole = loaders.remembered("components", card, cutout, key, lambda: segmentation.find(cutout, labels))
    joined, left_out = _choices(card, cutout)
    return segmentation.decided(whole, joined=joined, left_out=left_out)


def chosen(card: Checkpoint, cutout: Cutout, made: Pieces) -> list[int]:
    """Numbers of the components that are chosen in the table or on the sky, before either is drawn."""
    key, numbers = _key(card, cutout), sorted(made.labels)
    table = st.session_state.get(f"{key}_table_{st.session_state.get(f'{key}_turn', 0)}")
    if table is None:
        return [number for number in st.session_state.get(f"{key}_picked", ()) if number in made.labels]
    return [numbers[row] for row in table["selection"]["rows"] if row < len(numbers)]


def choose(card: Checkpoint, cutout: Cutout, made: Pieces, number: int, more: bool) -> None:
    """In a callback: choose a component (0: none), or with ``more`` take it into the choice or out of it."""
    key = _key(card, cutout)
    before = set(chosen(card, cutout, made)) if more else set()
    _again(key, tuple(sorted(before ^ ({number} - {0}))))


def measured(card: Checkpoint, cutout: Cutout, made: Pieces) -> Fluxes:
    """Fluxes of the components as they are joined and left out, each choice measured once."""
    joined, left_out = _choices(card, cutout)
    key = (tuple(sorted(map(tuple, joined))), None if left_out is None else tuple(sorted(left_out)), eight_views())
    return loaders.remembered("fluxes", card, cutout, key, lambda: segmentation.fluxes(cutout, made))


def draw(card: Checkpoint, cutout: Cutout, labels: Segmentation, made: Pieces) -> None:
    """Draw the table with its sums, what can be done with chosen rows, and the downloads."""
    try:
        numbers = measured(card, cutout, made)
    except ExplorerError as error:
        st.error(plain(error))
        return
    st.subheader("Components", anchor=False, help=HELP)
    if not numbers.components:
        st.caption("No component was found: every labelled pixel is background.")
        return
    key = _key(card, cutout)
    rows = [
        {
            "number": one.number,
            "class": one.label + ("" if one.counts else " (left out)"),
            "beams": one.beams,
            "flux": None if one.flux is None else 1e3 * one.flux,
            "error": None if one.flux_error is None else 1e3 * one.flux_error,
            "class_error": None if one.class_error is None else 1e3 * one.class_error,
            "share": one.share,
            "peak": one.peak,
            "ra": one.ra,
            "dec": one.dec,
        }
        for one in numbers.components
    ]
    table = pd.DataFrame(rows)
    turn = st.session_state.get(f"{key}_turn", 0)
    selected = st.dataframe(
        table.dropna(axis="columns", how="all"),
        column_config=COLUMNS,
        hide_index=True,
        placeholder="–",
        row_height=30,
        height="content" if len(rows) <= 8 else 30 * 9,
        key=f"{key}_table_{turn}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": _rows(made, st.session_state.get(f"{key}_picked", ()))}},
        alt=f"{len(rows)} components",
    )
    picked = [numbers.components[row].number for row in selected.selection.rows if row < len(rows)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, icon, act, is_off in (
            ("Join", ":material/merge:", _join, len(picked) < 2),
            ("Leave out or count", ":material/exposure_zero:", _turn, not picked),
            ("As found", ":material/undo:", _reset, _choices(card, cutout) == ([], None)),
        ):
            st.button(
                label,
                icon=icon,
                key=f"{key}_{label}",
                type="tertiary",
                disabled=is_off,
                on_click=boundary.reported(act),
                args=(key, tuple(picked), made),
            )
        st.caption("Choose rows, or click a component on the sky (Shift adds to the choice), to join or to leave out.")
    _sums(numbers)
    _downloads(card, cutout, labels, made, numbers)


def _sums(numbers: Fluxes) -> None:
    if numbers.total is not None and numbers.remainder is not None:
        inside = sum(one.flux or 0.0 for one in numbers.components if one.counts)
        parts = (
            ("Components", inside, None, "Sum of those that count"),
            ("Remainder", numbers.remainder.flux, numbers.remainder.flux_error, "What no component holds"),
            ("Total", numbers.total.flux, numbers.total.flux_error, "Of the source, as Explore measures it"),
        )
        with st.container(horizontal=True):
            for name, value, error, note in parts:
                st.metric(name, flux(value, error), help=note, width="content")
    for sentence in (*numbers.off.values(), *numbers.notes):
        st.caption(plain(sentence))


def _downloads(card: Checkpoint, cutout: Cutout, labels: Segmentation, made: Pieces, numbers: Fluxes) -> None:
    stem = export.safe_stem(cutout.name)
    makers: dict[str, tuple[str, Callable[[], bytes], str]] = {
        "FITS": (
            f"{stem}.classes.fits",
            partial(files.mask_bytes, cutout, labels, made, card),
            "Classes, components and scores on the cutout's pixels and coordinates",
        ),
        "REG": (f"{stem}.components.reg", partial(files.regions_bytes, cutout, made), "Outlines for DS9"),
        "CRTF": (
            f"{stem}.components.crtf",
            partial(files.regions_bytes, cutout, made, crtf=True),
            "Outlines for CASA and CARTA",
        ),
        "CSV": (f"{stem}.components.csv", partial(files.table_bytes, cutout, numbers, ".csv"), "Table, fluxes in Jy"),
        "VOTable": (
            f"{stem}.components.vot",
            partial(files.table_bytes, cutout, numbers, ".vot"),
            "Table with units and UCDs",
        ),
    }
    with st.container(horizontal=True, gap="xsmall", width="content"):
        for label, (name, make, text) in makers.items():
            st.download_button(
                label, make, name, on_click="ignore", icon=":material/download:", key=f"segment_get_{label}", help=text
            )


def _key(card: Checkpoint, cutout: Cutout) -> str:
    """Of the choices made for a cutout and a checkpoint."""
    return "components_" + digest(card, cutout)


def digest(card: Checkpoint, cutout: Cutout) -> str:
    """Of a checkpoint, a cutout and the way it is looked at, for keys of what belongs to all three."""
    said = f"{card.sha256} {memory.of_cutout(cutout)} {eight_views()}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _choices(card: Checkpoint, cutout: Cutout) -> tuple[list[tuple[int, ...]], list[int] | None]:
    """Groups of joined components, and those left out (None: as found)."""
    known = st.session_state.get(_key(card, cutout), {})
    return known.get("joined", []), known.get("left_out")


def _join(key: str, picked: tuple[int, ...], made: Pieces) -> None:
    """In a callback: one group of the chosen components and of all that they were joined with before."""
    known = st.session_state.get(key, {})
    met = [group for group in known.get("joined", []) if min(group) in picked]
    rest = [group for group in known.get("joined", []) if group not in met]
    group = tuple(sorted({*picked, *(number for each in met for number in each)}))
    st.session_state[key] = {**known, "joined": [*rest, group]}
    _again(key)


def _turn(key: str, picked: tuple[int, ...], made: Pieces) -> None:
    """In a callback: leave out what counts of the chosen components, and count what was left out."""
    known = st.session_state.get(key, {})
    out = set(made.left_out) ^ set(picked)
    members = {number: group for group in known.get("joined", []) for number in (min(group),)}
    whole = {each for number in out for each in members.get(number, (number,))}
    st.session_state[key] = {**known, "left_out": sorted(whole)}
    _again(key)


def _reset(key: str, picked: tuple[int, ...], made: Pieces) -> None:
    st.session_state.pop(key, None)
    _again(key)


def _rows(made: Pieces, picked: Sequence[int]) -> list[int]:
    """Rows of the table, which is in the order of numbers."""
    return [row for row, number in enumerate(sorted(made.labels)) if number in picked]


def _again(key: str, picked: tuple[int, ...] = ()) -> None:
    """These are chosen now, and the table is another one: a table takes a choice with its first run alone."""
    st.session_state[f"{key}_picked"] = picked
    st.session_state[f"{key}_turn"] = st.session_state.get(f"{key}_turn", 0) + 1
