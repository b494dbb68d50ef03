"""A comparison in sentences: what was done, what the neighbours tell, what changed, and what could not be seen."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from .. import quantities
from .changes import Change
from .difference import Comparison
from .neighbours import FEWEST_FOR_SCALE, FEWEST_FOR_SHIFT

KINDS = ("peak", "flux")


def beam(found: Comparison) -> str:
    """Which beam both have."""
    more = ", the smallest that these pixels can sample the kernels to" if found.widened else ""
    return f"Both at {found.beam}{more}."


def registration(found: Comparison) -> str:
    """How the second image lies on the first."""
    shift = found.shift
    if shift is None:
        count = len(found.neighbours)
        seen = "no neighbour shows" if count == 0 else f"{count} of {FEWEST_FOR_SHIFT} neighbours show"
        is_quick = any(cutout.origin.quick_look for cutout in (found.first, found.second))
        quick = "; positions of Quick Look are good to 0.5″" if is_quick else ""
        return f"Not registered: {seen} how the images lie on each other{quick}."
    values = f"{quantities.rounded(shift.east, shift.east_error)}″ east"
    values += f" and {quantities.rounded(shift.north, shift.north_error)}″ north"
    if not shift.is_known:
        return f"{found.names[1]} lies {values} of {found.names[0]} by {shift.count} neighbours: nothing is moved."
    return f"{found.names[1]} lies {values} of {found.names[0]} by {shift.count} neighbours; that is taken back."


def scale(found: Comparison) -> str:
    """How the flux scales relate, or why that is not known."""
    if found.scale is None:
        compact = sum(one.compact and one.used for one in found.neighbours)
        return (
            f"{compact} compact neighbours of at least {FEWEST_FOR_SCALE}: the relative flux scale is not known, and "
            f"the difference image holds it. {_least(found)}"
        )
    ratio = quantities.rounded(found.scale.value, found.scale.value * found.scale.error)
    scatter = (
        f"; they scatter by {100 * found.scale.scatter:.1f} % beyond their noise" if found.scale.scatter > 0.001 else ""
    )
    left = sum(not one.used for one in found.neighbours)
    varies = f"; {left} that vary are left out" if left else ""
    return f"Flux scale {ratio} of the first's by {found.scale.count} compact neighbours{scatter}{varies}."


def changes(found: Comparison) -> list[str]:
    """Whether peak and flux differ, relative to the field and with the flux scales."""
    told = []
    for kind, pair in zip(KINDS, (found.target.peak, found.target.flux), strict=True):
        if not found.target.detected and kind == "flux":
            continue
        for change, against in zip(pair, ("relative to its neighbours", "with both flux scales"), strict=True):
            if change is not None:
                told.append(_change(change, f"{'Peak' if kind == 'peak' else 'Integrated flux'} {against}"))
    if all(pair[1] is None for pair in (found.target.peak, found.target.flux)):
        told.append("The flux scale of one of the images is not known: there is no absolute verdict.")
    return told


def all_of(found: Comparison) -> Sequence[str]:
    """Every sentence, in the order of a page."""
    return (beam(found), registration(found), scale(found), *changes(found), *found.cautions)


def _change(change: Change, what: str) -> str:
    if change.share is None:
        value = quantities.flux(change.value, change.error)
        verdict = "it differs" if change.is_real else "no difference"
        return f"{what}: {value} ({change.sigma:+.1f}σ), {verdict}."
    share = f"{100 * change.share:+.0f} ± {100 * change.error / abs(change.first):.0f} % ({change.sigma:+.1f}σ)"
    if change.is_real:
        return f"{what}: {share}, it differs."
    return f"{what}: {share}, no more than the errors allow; {_told(change)}."


def _least(found: Comparison) -> str:
    """Which change could be seen without neighbours."""
    absolute = found.target.peak[1]
    if absolute is None:
        return "No flux scale of both is known either: no change can be told."
    if absolute.detectable is None:
        return "The source is not seen in the first image."
    return f"With the published errors of both scales {_told(absolute)}."


def _told(change: Change) -> str:
    """Which fall and which rise would be seen."""
    assert change.detectable is not None
    fall, rise = change.detectable
    if not isfinite(rise):
        return "no change could be told"
    if not isfinite(fall):
        return f"no fall and a rise of {100 * rise:.0f} % could be told"
    if rise - fall < 0.02:
        return f"a change of {100 * rise:.0f} % could be told"
    return f"a fall of {100 * fall:.0f} % or a rise of {100 * rise:.0f} % could be told"
