"""The board: one cutout after the other, a label a key. The browser shows, the label file remembers.

The browser holds the next pictures, so that a key shows one at once, and what was labelled until the server says that
it is in the file: each thing done has an id that the browser made, so that telling it twice is telling it once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from vlass_explorer import explainers
from vlass_explorer.datasets import identity
from vlass_explorer.desk import drawing, records
from vlass_explorer.desk.pieces import Piece
from vlass_explorer.figures.colours import SkyView, sky_rms
from vlass_explorer.figures.frame import origin_text
from vlass_explorer.schema import Cutout, ExplorerError

from .. import boundary, loaders, results
from . import deck as decks
from .deck import Deck

BEHIND, AHEAD = 2, 8
"""Cutouts before and after the one in view whose pictures the browser is given."""
PATIENCE = 0.35
"""Seconds after which the rest of the pictures waits for the next turn."""
KEY = re.compile(r"[0-9a-f]{20}")
METHODS = ("attention_rollout", "grad_cam", "integrated_gradients")
HERE = Path(__file__).parent
_board = st.components.v2.component(
    "vlass_explorer_desk",
    html=(HERE / "board.html").read_text(),
    css=(HERE / "board.css").read_text(),
    js=(HERE / "board.js").read_text(),
)


@st.fragment
@boundary.guarded()
def draw(deck: Deck, width: int) -> None:
    """Draw the board, and below it the interactive figure of the cutout in view when it is asked for."""
    key = f"desk_board_{deck.word}"
    said: Mapping[str, Any] = (st.session_state.get(key) or {}).get("said") or {}
    deck.labels.refresh()
    at = _number(said.get("at"), -1)
    at = min(at, len(deck.pieces) - 1) if at >= 0 else _first(deck)
    cells, more = _cells(deck, at)
    wanted = said.get("view")
    views = {wanted: _views(deck, deck.at(at))} if wanted == deck.at(at).key else {}
    last = deck.labels.last(deck.by)
    events = said.get("events") or []
    _board(
        key=key,
        data={
            "deck": deck.word,
            "store": f"{deck.source} {deck.set_name} {deck.by}",
            "me": deck.by,
            "blind": deck.blind,
            "writable": deck.writable,
            "count": len(deck.pieces),
            "at": at,
            "classes": list(deck.classes),
            "model": deck.card.name if deck.card is not None else "",
            "cells": cells,
            "more": more,
            "views": views,
            "acked": [one["id"] for one in events if _is_done(deck, one)],
            "last": None if last is None else {"id": last.id, "i": deck.index.get(last.cutout, -1), "key": last.cutout},
            "labelled": deck.labels.count(deck.by),
            "problem": st.session_state.pop("desk_problem", ""),
        },
        on_said_change=partial(_hear, deck, key),
    )
    if said.get("zoom"):
        _figure(deck, deck.at(at), width)


@boundary.reported
def _hear(deck: Deck, key: str) -> None:
    """In a callback: put what the browser tells into the label file. Told again, it changes nothing."""
    said = (st.session_state.get(key) or {}).get("said") or {}
    new = [one for one in said.get("events") or [] if _is_sound(deck, one) and not deck.labels.knows(one["id"])]
    if not new or not deck.writable:
        return
    try:
        first = [] if deck.labels.refresh().declared else [records.classes(deck.by, deck.classes)]
        # one by one: what an event means may depend on those before
        deck.labels.append(*first)
        for one in new:
            if (record := _record(deck, one)) is not None:
                deck.labels.append(record)
    except ExplorerError as error:
        st.session_state["desk_problem"] = str(error)


def _is_sound(deck: Deck, one: Any) -> bool:
    """Could this come from the board? What a browser sends is not to be believed."""
    if not isinstance(one, dict) or not records.ID.fullmatch(str(one.get("id"))):
        return False
    do, key = one.get("do"), one.get("key")
    if do == "undo":
        return isinstance(one.get("of"), str)
    if not isinstance(key, str) or not KEY.fullmatch(key):  # it need not lie here any more
        return False
    if do == "note":
        return isinstance(one.get("text"), str) and bool(one["text"].strip())
    kind, word = one.get("kind"), one.get("word")
    return do == "label" and (kind in ("unsure", "artefact") or (kind == "class" and word in deck.classes))


def _is_done(deck: Deck, one: Any) -> bool:
    """Is it in the file, or nothing that ever will be?"""
    return not _is_sound(deck, one) or deck.labels.knows(one["id"]) or (one["do"] == "undo" and not _own(deck, one))


def _own(deck: Deck, undo: Mapping[str, Any]) -> bool:
    """Does it take back a label of this labeller?"""
    given = deck.labels.find(undo["of"])
    return given is not None and given.by == deck.by


def _record(deck: Deck, one: Mapping[str, Any]) -> dict[str, Any] | None:
    if one["do"] == "undo":
        return records.undo(deck.by, one["of"], id=one["id"]) if _own(deck, one) else None
    if one["do"] == "note":
        return records.note(deck.by, one["key"], one["text"], id=one["id"])
    key, kind, word = one["key"], one["kind"], one.get("word") or ""
    if key not in deck.index:
        return records.label(deck.by, key, word, kind=kind, id=one["id"])
    piece = deck.at(deck.index[key])
    content, place = "", (piece.ra, piece.dec) if piece.ra is not None and piece.dec is not None else None
    try:
        cutout = decks.cutout(deck, piece)
        content, place = _identity(cutout), place or identity.centre(cutout)
    except ExplorerError:
        pass  # one that cannot be read may be called an artefact
    answer = ""
    if one.get("saw") or deck.labels.of(key, deck.by) is not None:
        answer = decks.told(deck, piece)
    told = {"shown": answer, "name": piece.name, "content": content}
    return records.label(deck.by, key, word, kind=kind, place=place, id=one["id"], **told)


@loaders.MEMORY.cached
def _identity(cutout: Cutout) -> str:
    return identity.content(cutout)


def _cells(deck: Deck, at: int) -> tuple[list[dict[str, Any]], bool]:
    """What the browser is given, and whether the rest waits for its next word.

    Pictures first, that in view before all, then answers of the nearest: of the others nobody looks at them yet.
    """
    last = len(deck.pieces) - 1
    places = [at, *range(at + 1, min(at + AHEAD, last) + 1), *range(at - 1, max(at - BEHIND, 0) - 1, -1)]
    ends, cells = time.monotonic() + PATIENCE, list[dict[str, Any]]()
    for number, place in enumerate(places):
        if number > 1 and time.monotonic() > ends:
            return cells, True
        cells.append(_cell(deck, place))
    ends = time.monotonic() + PATIENCE
    for number, cell in enumerate(sorted(cells, key=lambda cell: (abs(cell["i"] - at), -cell["i"]))):
        if cell["answer"] is None and abs(cell["i"] - at) <= BEHIND:
            if number and time.monotonic() > ends:
                return cells, True
            cell["answer"] = decks.told(deck, deck.at(cell["i"]))
    return cells, False


def _cell(deck: Deck, place: int) -> dict[str, Any]:
    piece = deck.at(place)
    given = deck.labels.of(piece.key, deck.by)
    mine = None if given is None else {"kind": given.kind, "word": given.label}
    cell: dict[str, Any] = {"i": place, "key": piece.key, "name": deck.name(piece), "mine": mine, "sky": ""}
    cell |= {"facts": "", "answer": "", "error": "", "notes": [], "others": ""}
    if not deck.blind or mine:
        others = deck.labels.all_of(piece.key)
        cell["others"] = " · ".join(f"{one.by}: {one.word}" for one in others if one.by != deck.by)
        cell["notes"] = [f"{by}: {text}" for by, text in deck.labels.notes(piece.key)]
        cell["answer"] = None if deck.card is not None else ""
    try:
        cutout = decks.cutout(deck, piece)
        cell["sky"], cell["facts"] = _picture(cutout), _facts(cutout, piece)
    except ExplorerError as error:
        cell |= {"error": str(error), "answer": ""}
    return cell


@loaders.MEMORY.cached
def _picture(cutout: Cutout) -> str:
    return drawing.url(drawing.sky(cutout))


def _facts(cutout: Cutout, piece: Piece) -> str:
    noise = sky_rms(cutout)
    parts = [f"S/N {float(np.nanmax(cutout.pixels)) / noise:.0f}"] if noise else []
    if cutout.wcs is None and piece.ra is not None and piece.dec is not None:
        parts.append(f"{piece.ra:.5f}°, {piece.dec:+.5f}°")
        parts += [cutout.origin.survey] if cutout.origin.survey else []
    else:
        parts.append(origin_text(cutout))
    return " · ".join(parts)


def _views(deck: Deck, piece: Piece) -> dict[str, Any]:
    """Model input and map of a cutout for the blink, or why they are not there."""
    if deck.card is None:
        return {"why": "no checkpoint is chosen", "box": [0, 0, 1, 1]}
    try:
        cutout = decks.cutout(deck, piece)
        seen, window = loaders.seen(deck.card, cutout)
    except ExplorerError as error:
        return {"why": str(error), "box": [0, 0, 1, 1]}
    box = drawing.box(cutout, window)
    found: dict[str, Any] = {"seen": drawing.url(drawing.model_input(seen))}
    found["box"] = [box.left, box.top, box.width, box.height]
    if deck.blind and deck.labels.of(piece.key, deck.by) is None:
        return found | {"why": "the map is hidden until you have labelled it"}
    prediction = decks.prediction(deck, piece)
    method = next((name for name in METHODS if loaders.supports(deck.card, name)[0]), None)
    if prediction is None or method is None or prediction.validity.level == "outside":
        return found | {"why": "there is no label to explain"}
    try:
        target = deck.card.label_names.index(prediction.label)
        maps = loaders.explanation(deck.card, cutout, method, target)
    except ExplorerError as error:
        return found | {"why": str(error)}
    found["map"] = drawing.url(drawing.relevance(maps.maps[0], signed=maps.signed))
    return found | {"title": f"{explainers.EXPLAINERS[method].TITLE} for {prediction.label}"}


def _first(deck: Deck) -> int:
    """The first cutout that this labeller has not labelled: where work goes on."""
    places = range(len(deck.pieces))
    return next((at for at in places if deck.labels.of(deck.at(at).key, deck.by) is None), 0)


def _figure(deck: Deck, piece: Piece, width: int) -> None:
    try:
        cutout = decks.cutout(deck, piece)
    except ExplorerError:
        return  # the board says why
    results.sky_chart(cutout, SkyView(), None, whole_cutout=True, width=min(width, 760))


def _number(value: Any, default: int) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
