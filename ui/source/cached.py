"""What the Source page computes, remembered by the images that it was made from; errors are, too."""

from __future__ import annotations

from typing import TypeVar

from vlass_explorer import epochs
from vlass_explorer.epochs import Comparison, SpectralIndex
from vlass_explorer.epochs.checks import Position
from vlass_explorer.epochs.groups import Shown
from vlass_explorer.schema import Cutout, ExplorerError

from .. import loaders

Answer = TypeVar("Answer")


@loaders.MEMORY.cached
def laid(position: Position, side: float, *cutouts: Cutout) -> list[Cutout]:
    """The images on one grid; shared, so never change them."""
    return epochs.aligned([Shown(cutout, cutout.name) for cutout in cutouts], position, side)


@loaders.MEMORY.cached
def _comparison(one: Cutout, other: Cutout, position: Position) -> Comparison | ExplorerError:
    try:
        return epochs.compare(one, other, position)
    except ExplorerError as error:
        return error


@loaders.MEMORY.cached
def _index(one: Cutout, other: Cutout, position: Position) -> SpectralIndex | ExplorerError:
    try:
        return epochs.spectral_index(one, other, position)
    except ExplorerError as error:
        return error


def comparison(one: Cutout, other: Cutout, position: Position) -> Comparison:
    """Two epochs compared; raises PairError or MatchError with the reason."""
    return _made(_comparison(one, other, position))


def index(one: Cutout, other: Cutout, position: Position) -> SpectralIndex:
    """The spectral index; raises PairError or MatchError with the reason."""
    return _made(_index(one, other, position))


def _made(answer: Answer | ExplorerError) -> Answer:
    if isinstance(answer, ExplorerError):
        raise answer.with_traceback(None)
    return answer
