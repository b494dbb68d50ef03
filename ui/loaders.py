"""Cached steps from a file to what is drawn. Keys: content hash, checkpoint hash and options; every cache is bounded.

Cutouts and models are shared objects that nobody changes (``st.cache_resource``), results are copies
(``st.cache_data``). Bad input travels as the typed error itself, so that a broken file is not read again at each click.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import matplotlib
import numpy as np
import streamlit as st
from PIL import Image
from torch import Tensor, nn

from vlass_explorer import attribution, checkpoints, cutouts, explainers, preprocess
from vlass_explorer import measure as measuring
from vlass_explorer import predict as predicting
from vlass_explorer.figures import colours
from vlass_explorer.schema import (
    Checkpoint,
    Cutout,
    CutoutError,
    Explanation,
    ExplorerError,
    FloatArray,
    InputError,
    InputSpec,
    Prediction,
    Window,
)

from .state import Entry, Reading

Options = tuple[tuple[str, Any], ...]
Result = TypeVar("Result")


def _cutout_key(cutout: Cutout) -> str:
    """The hash tells bytes and reading options apart; the name decides survey and product."""
    return f"{cutout.sha256}{cutout.name}{cutout.shape}{cutout.row0}"


def _card_key(card: Checkpoint) -> str:
    return f"{card.name}{card.sha256}{card.input_spec}"


HASHES: dict[Any, Any] = {Cutout: _cutout_key, Checkpoint: _card_key, InputSpec: repr}


def cards() -> list[Checkpoint]:
    """Cards of all checkpoints, read again when one was added, replaced or removed."""
    root = checkpoints.folder()
    stamp = tuple((p.name, p.stat().st_mtime_ns) for p in sorted(root.iterdir())) if root.is_dir() else ()
    return _cards(str(root), stamp)


@st.cache_data(show_spinner=False, max_entries=2)
def _cards(root: str, stamp: tuple[tuple[str, int], ...]) -> list[Checkpoint]:
    return checkpoints.listing()


def cutout(entry: Entry, reading: Reading | None = None) -> Cutout:
    """The cutout of a file; raises CutoutError with one sentence where it cannot be read."""
    answer = _cutout(entry.sha256, entry.name, reading or Reading(), entry)
    if isinstance(answer, CutoutError):
        raise answer
    return answer


def is_readable(entry: Entry) -> bool:
    """True where the file can be read as it is, without a choice of plane or position."""
    return not isinstance(_cutout(entry.sha256, entry.name, Reading(), entry), CutoutError)


@st.cache_resource(show_spinner=False, max_entries=600)
def _cutout(sha256: str, name: str, reading: Reading, _entry: Entry) -> Cutout | CutoutError:
    source = _entry.path if _entry.path is not None else _entry.content
    try:
        if _entry.source is not None:
            return _entry.source()
        return cutouts.read(
            source, name=name, plane=reading.plane, row0=reading.row0, position=reading.position, box=reading.box,
            size_arcsec=reading.size_arcsec,
        )  # fmt: skip
    except CutoutError as error:
        return error


@st.cache_resource(show_spinner="Loading the checkpoint", max_entries=4, hash_funcs=HASHES)
def model(card: Checkpoint) -> nn.Module:
    """The trained model in evaluation mode; shared by all sessions, so never change it."""
    return checkpoints.load(card)


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs=HASHES)
def tensor(card: Checkpoint, cutout: Cutout) -> Tensor:
    """The model input (1, C, S, S); raises InputError where the preprocessing refuses the cutout."""
    return preprocess.to_tensor(cutout, card.input_spec)


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs=HASHES)
def seen(card: Checkpoint, cutout: Cutout) -> tuple[FloatArray, Window]:
    """What the model saw (S, S) in [0, 1], row 0 at the bottom, and the window of the cutout that it fills."""
    spec = card.input_spec
    return preprocess.seen(tensor(card, cutout), spec), preprocess.window(cutout, spec)


@st.cache_data(show_spinner=False, max_entries=2000, hash_funcs=HASHES)
def _prediction(card: Checkpoint, cutout: Cutout) -> Prediction | InputError:
    try:
        return predicting.predict(model(card), card, [cutout])[0]
    except InputError as error:
        return error


def prediction(card: Checkpoint, cutout: Cutout) -> Prediction:
    """Scores with their validity; raises InputError where the preprocessing refuses the cutout."""
    answer = _prediction(card, cutout)
    if isinstance(answer, InputError):
        raise answer
    return answer


@st.cache_data(show_spinner=False, max_entries=100, hash_funcs=HASHES)
def supports(card: Checkpoint, method: str) -> tuple[bool, str]:
    """Does an explainer apply to this checkpoint, and if not, why."""
    return explainers.EXPLAINERS[method].supports(model(card))


@dataclass
class _Slot:
    """Room for one result of long work, filled outside the cache, where it may draw its progress and be stopped."""

    answer: Any = None


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=HASHES)
def _slot(kind: str, card: Checkpoint, cutout: Cutout, key: tuple[Any, ...]) -> _Slot:
    return _Slot()


def remembered(kind: str, card: Checkpoint, cutout: Cutout, key: tuple[Any, ...], work: Callable[[], Result]) -> Result:
    """The result of long work of this kind, done at most once while it is remembered; typed errors are, too.

    Shared by all sessions, so never change it.
    """
    slot = _slot(kind, card, cutout, key)
    if slot.answer is None:
        try:
            slot.answer = work()
        except ExplorerError as error:
            slot.answer = error
    if isinstance(slot.answer, ExplorerError):
        raise slot.answer
    found: Result = slot.answer
    return found


@st.cache_resource(show_spinner=False, max_entries=4, hash_funcs=HASHES)
def _contrast(card: Checkpoint, against: int) -> nn.Module:
    return attribution.contrast(model(card), against)


def asked_model(card: Checkpoint, against: int | None) -> nn.Module:
    """The model that answers for a label, or for its difference to the label ``against``; never change it."""
    return model(card) if against is None else _contrast(card, against)


def explanation(
    card: Checkpoint, cutout: Cutout, method: str, target: int, options: Options = (), against: int | None = None
) -> Explanation:
    """Maps of one explainer for one class; raises UnsupportedError or InputError with a reason.

    ``options`` are (name, value) pairs of the explainer's own keyword options; ``against``: explain the difference to
    this class. Shared, so never change it.
    """

    def work() -> Explanation:
        found: Explanation = explainers.EXPLAINERS[method].explain(
            asked_model(card, against), tensor(card, cutout), target, **dict(options)
        )
        return found

    return remembered("explanation", card, cutout, (method, target, options, against), work)


@st.cache_data(show_spinner=False, max_entries=600, hash_funcs=HASHES)
def measurements(cutout: Cutout) -> measuring.Measurements:
    """Peak, rms, S/N, angular size and flux of a cutout, with the reason for each that is off."""
    return measuring.measure(cutout)


@st.cache_data(show_spinner=False, max_entries=600, hash_funcs=HASHES)
def seen_picture(spec: InputSpec, cutout: Cutout, side: int = 150) -> str:
    """What a model with this input sees, row 0 at the bottom, as a data URL, for galleries."""
    pixels = preprocess.seen(preprocess.to_tensor(cutout, spec), spec)[::-1]
    return _data_url(matplotlib.colormaps["inferno"](np.nan_to_num(pixels), bytes=True), side)


def _data_url(picture: Any, side: int = 0) -> str:
    """An RGBA picture as PNG in a data URL, enlarged to ``side`` pixels without smoothing."""
    image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
    buffer = io.BytesIO()
    (image.resize((side, side), Image.Resampling.NEAREST) if side else image).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@st.cache_data(show_spinner=False, max_entries=600, hash_funcs=HASHES)
def thumbnail(cutout: Cutout, side: int = 48) -> str:
    """A small picture as a data URL, north as in the file, for lists."""
    view = colours.SkyView()
    low, high = colours.limits(cutout, view)
    pixels, _ = colours.reduced(cutout.pixels, side)
    levels = colours.stretched(pixels, low, high, view.stretch, colours.softening(cutout, low, high))
    return _data_url(matplotlib.colormaps["inferno"](np.nan_to_num(levels[::-1]), bytes=True))
