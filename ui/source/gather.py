"""Which images of Explore's list show one source, and the place and side that the page is about."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from vlass_explorer import epochs
from vlass_explorer.archives import targets
from vlass_explorer.epochs.checks import Position, centre
from vlass_explorer.epochs.groups import Shown
from vlass_explorer.schema import ArchiveError, Cutout, CutoutError

from .. import loaders, state
from ..sidebar import Choice
from ..text import plain

SIDES = {"1′": 60.0, "2′": 120.0, "3′": 180.0, "6′": 360.0, "12′": 720.0}


@dataclass(frozen=True, eq=False)
class Gathered:
    """The images of a source, its position (RA, Dec in degrees) and the side of the square in arcsec."""

    shown: tuple[Shown, ...]
    position: Position
    side: float


def draw(choice: Choice) -> Gathered | None:
    """Draw the controls and return what is in view; None, and a sentence, where nothing can be."""
    if choice.entry is None or choice.cutout is None:
        st.info("Choose a cutout on the left." if choice.problem is None else plain(choice.problem))
        return None
    if choice.cutout.wcs is None:
        st.info(
            f"{plain(choice.entry.label)} has no sky coordinates (WCS), so it cannot be laid beside other images. "
            "Choose one that has, or look positions up on the Sky page."
        )
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            "Position",
            key="source_position",
            placeholder="centre of the chosen cutout",
            help="Degrees or hours, as 00:13:57.2 -09:19:52; all images of Explore's list that show it are here.",
            width=260,
        )
        side = st.segmented_control(
            "Side", list(SIDES), default="3′", required=True, key="source_side", persist_state="session"
        )
    position = _position(text, choice.cutout)
    shown = epochs.groups.at(_cutouts(choice.cutout), position)
    if not shown:
        st.info("No image of Explore's list shows this position.")
        return None
    return Gathered(tuple(shown), position, SIDES[side])


def _position(text: str, cutout: Cutout) -> Position:
    if not text.strip():
        return centre(cutout)
    found = targets.position(text)
    if found is None:
        raise ArchiveError(f"{text} is no position: give degrees or hours. The Sky page finds names.")
    return found


def _cutouts(first: Cutout) -> list[Cutout]:
    """The chosen cutout and all others that can be read."""
    found = [first]
    for entry in state.entries().values():
        try:
            found.append(loaders.cutout(entry, state.reading(entry)))
        except CutoutError:
            continue  # Explore says why
    return found
