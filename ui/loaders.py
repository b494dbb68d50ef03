"""Cached steps from a file to what is drawn. Keys: content hash, checkpoint hash and options; every cache is bounded.

Cutouts, models and maps are shared objects that nobody changes (``MEMORY.cached``, bounded by bytes), small results are
copies (``st.cache_data``, bounded by count). Bad input travels as the typed error itself, so that a broken file is not
read again at each click.
"""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Callable
from typing import Any, TypeVar

import matplotlib
import numpy as np
import streamlit as st
from PIL import Image
from torch import Tensor, nn

from vlass_explorer import attribution, checkpoints, cutouts, explainers, match, memory, preprocess, private, stretches
from vlass_explorer import measure as measuring
from vlass_explorer import predict as predicting
from vlass_explorer.figures import colours
from vlass_explorer.schema import (
    Beam,
    Checkpoint,
    CheckpointError,
    Cutout,
    CutoutError,
    Explanation,
    ExplorerError,
    FloatArray,
    InputSpec,
    MatchError,
    Prediction,
    UnsupportedError,
    Window,
)

from . import settings
from .state import Entry, Reading

Options = tuple[tuple[str, Any], ...]
ROLLOUT = "attention_rollout"
Result = TypeVar("Result")


def of_entry(entry: Entry) -> tuple[str, str]:
    """A file of a session by its content; the entry itself would hold the content of a forgotten upload."""
    return entry.sha256, entry.name


MEMORY = memory.Memory(settings.memory(), {Entry: of_entry})
"""What the server remembers between clicks, for all browser sessions together."""
HASHES = MEMORY.keys
"""The ``hash_funcs`` of Streamlit's caches."""


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
    return _made(_cutout(entry, reading or Reading()))


def is_readable(entry: Entry) -> bool:
    """True where the file can be read as it is, without a choice of plane or position."""
    return not isinstance(_cutout(entry, Reading()), CutoutError)


@MEMORY.cached
def _cutout(entry: Entry, reading: Reading) -> Cutout | CutoutError:
    source = entry.path if entry.path is not None else entry.content
    try:
        if entry.source is not None:
            return entry.source()
        return cutouts.read(
            source,
            name=entry.name,
            plane=reading.plane,
            row0=reading.row0,
            position=reading.position,
            box=reading.box,
            size_arcsec=reading.size_arcsec,
            keep_zeros=reading.keep_zeros,
            pixel_scale=reading.pixel_scale,
            beam=Beam(*reading.beam, source="declared") if reading.beam else None,
            stretch=reading.stretch,
            clip=reading.clip,
            survey=reading.survey,
        )
    except CutoutError as error:
        return error


def _made(answer: Result | ExplorerError) -> Result:
    """The answer of a remembered step, which may be the error that it ended in."""
    if isinstance(answer, ExplorerError):
        raise answer.with_traceback(None)  # raised anew each time, it would keep the frames of all
    return answer


def model(card: Checkpoint) -> nn.Module:
    """The trained model in evaluation mode; shared by all sessions, so never change it. Raises CheckpointError."""
    return _made(_model(card))


@MEMORY.cached
def _model(card: Checkpoint) -> nn.Module | CheckpointError:
    try:
        with st.spinner("Loading the checkpoint"):
            return checkpoints.load(card)
    except CheckpointError as error:
        return error


@MEMORY.cached
def _matched(card: Checkpoint, cutout: Cutout) -> Cutout | MatchError:
    try:
        return match.to_training(cutout, card.input_spec)
    except MatchError as error:
        return error


def matched(card: Checkpoint, cutout: Cutout) -> Cutout:
    """The cutout at the beam and pixel scale of a checkpoint's training data; raises MatchError with the reason."""
    return _made(_matched(card, cutout))


@MEMORY.cached
def _in_beams(card: Checkpoint, cutout: Cutout) -> Prediction | ExplorerError:
    try:
        return predicting.in_beams(model(card), card, cutout)
    except ExplorerError as error:
        return error


def in_beams(card: Checkpoint, cutout: Cutout) -> Prediction:
    """What the model says of the cutout at the same scale in beams; raises MatchError or InputError."""
    return _made(_in_beams(card, cutout))


@MEMORY.cached
def tensor(card: Checkpoint, cutout: Cutout) -> Tensor:
    """The model input (1, C, S, S); shared, so never change it; raises InputError where preprocessing refuses it."""
    return preprocess.to_tensor(cutout, card.input_spec)


@MEMORY.cached
def seen(card: Checkpoint, cutout: Cutout) -> tuple[FloatArray, Window]:
    """What the model saw, see ``preprocess.input_image``, and the window of the cutout that it fills; shared."""
    spec = card.input_spec
    return preprocess.input_image(tensor(card, cutout), spec), preprocess.window(cutout, spec)


def prediction(card: Checkpoint, cutout: Cutout) -> Prediction:
    """Scores with their validity; raises InputError where the preprocessing refuses the cutout, or CheckpointError."""
    return remembered("prediction", card, cutout, (), lambda: predicting.predict(model(card), card, [cutout])[0])


def prediction_and_rollout(card: Checkpoint, cutout: Cutout) -> Prediction:
    """The same where the attention rollout is drawn next: both from one pass, unless the cutout asks for several."""

    def work() -> Prediction:
        x, found = tensor(card, cutout), None
        with contextlib.suppress(UnsupportedError):
            if not stretches.tried(cutout):
                logits, found = explainers.EXPLAINERS[ROLLOUT].with_logits(model(card), x)
        if found is None:
            return predicting.predict(model(card), card, [cutout])[0]
        said = predicting.from_logits(card, cutout, logits[0].float())
        usual = tuple(sorted((name, each.default) for name, each in explainers.options(ROLLOUT).items()))
        key = (ROLLOUT, int(said.probabilities.argmax()), usual, None)
        remembered("explanation", card, cutout, key, lambda: explainers.caption_zero_maps(ROLLOUT, found))
        return said

    return remembered("prediction", card, cutout, (), work)


@st.cache_data(show_spinner=False, max_entries=100, hash_funcs=HASHES)
def supports(card: Checkpoint, method: str) -> tuple[bool, str]:
    """Does an explainer apply to this checkpoint, and if not, why."""
    return explainers.supports(method, model(card), card.task)


def remembered(kind: str, card: Checkpoint, cutout: Cutout, key: tuple[Any, ...], work: Callable[[], Result]) -> Result:
    """The result of long work of this kind, done at most once while it is remembered; typed errors are, too.

    Shared by all sessions, so never change it.
    """

    def answer() -> Result | ExplorerError:
        try:
            return work()
        except ExplorerError as error:
            return error

    return _made(MEMORY.get_or_compute((kind, memory.of_card(card), memory.of_cutout(cutout), key), answer))


@MEMORY.cached
def _contrast(card: Checkpoint, against: int) -> nn.Module:
    return attribution.contrast(model(card), against)


def contrast_model(card: Checkpoint, against: int | None) -> nn.Module:
    """The model that answers for a label, or for its difference to the label ``against``; never change it."""
    return model(card) if against is None else _contrast(card, against)


@MEMORY.cached
def _unrolled(card: Checkpoint, against: int | None) -> nn.Module | None:
    whole = contrast_model(card, against)
    made = private.unrolled(whole)
    return None if made is whole else made


def asked_model(card: Checkpoint, against: int | None) -> nn.Module:
    """The same made ready for many passes, see ``private.unrolled``; shared, so never change it."""
    return _unrolled(card, against) or contrast_model(card, against)


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
        return explainers.caption_zero_maps(method, found)

    return remembered("explanation", card, cutout, (method, target, options, against), work)


@st.cache_data(show_spinner=False, max_entries=600, hash_funcs=HASHES)
def measurements(cutout: Cutout, *, local_background: bool = False) -> measuring.Measurements:
    """Peak, rms, S/N, sizes and flux of a cutout, with the reason for each that is off."""
    return measuring.measure(cutout, local_background=local_background)


@st.cache_data(show_spinner=False, max_entries=600, hash_funcs=HASHES)
def structure(cutout: Cutout) -> measuring.Structure:
    """FR ratio, core fraction, bending and ratio of the lobes of a cutout's source, or why each is missing."""
    return measuring.structure(cutout)


@st.cache_data(show_spinner=False, max_entries=600, hash_funcs=HASHES)
def seen_picture(spec: InputSpec, cutout: Cutout, side: int = 150) -> str:
    """What a model with this input sees, row 0 at the bottom, as a data URL, for galleries."""
    pixels = np.nan_to_num(preprocess.input_image(preprocess.to_tensor(cutout, spec), spec)[::-1])
    in_colour = np.round(pixels * 255).astype(np.uint8)
    return _data_url(in_colour if pixels.ndim == 3 else matplotlib.colormaps[colours.SKY_MAP](pixels, bytes=True), side)


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
    pixels, _ = colours.reduced(cutout.pixels, side, colours.keeping(cutout))
    levels = colours.stretched(pixels, low, high, view.stretch, colours.softening(cutout, low, high))
    return _data_url(matplotlib.colormaps[colours.SKY_MAP](np.nan_to_num(levels[::-1]), bytes=True))
