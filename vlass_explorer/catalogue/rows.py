"""Cutout, prediction and measurements as one row of a table; a cutout that could not be read gets a row, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.coordinates import angular_separation
from numpy.typing import NDArray
from scipy import ndimage

from .. import __version__, cutouts
from ..datasets import identity
from ..evaluation import unseen
from ..flips import Flips
from ..foreign import mapped
from ..measure import TO_JY_BEAM, Measurements, Structure, source_mask
from ..measure.geometry import EIGHT
from ..measure.kept import kept
from ..measure.structure import NAMES as STRUCTURE_NAMES
from ..predict import Matched, Outcome
from ..schema import Checkpoint, Cutout, CutoutError, Cutouts, ExplorerError, Row, Seen
from ..schema.reports import Status
from . import answers

if TYPE_CHECKING:
    from ..calibration import Sure

STRUCTURE = tuple(f"{name}{end}" for name in STRUCTURE_NAMES for end in ("", "_error"))


def of(
    cutout: Cutout,
    prediction: Outcome,
    measurements: Measurements,
    card: Checkpoint,
    *,
    id: str | None = None,
    position: tuple[float, float] | None = None,
    group: int | None = None,
    seen: Seen | Status | None = None,
    matched: Matched | None = None,
    flips: Flips | ExplorerError | None = None,
    structure: Structure | None = None,
    version: str = __version__,
    sure: Sure | None = None,
    known: Mapping[str, Any] | None = None,
) -> Row:
    """The row of a cutout, with the sentence of an error in place of a prediction that could not be made.

    ``id`` is the cutout's name unless given; ``position`` is the one asked for, (RA, Dec) in degrees, ICRS.  Brightness
    is in Jy/beam; that of a cutout in another unit is left out.  ``seen`` are the cutouts that decided the weights, as
    ``checkpoints.seen`` reads them, or what ``seen_each`` says of this one; None where they are not listed.
    ``matched`` is the answer at the beam of training, ``flips`` when the label flips, or why that is not known,
    ``structure`` what ``measure.structure`` says, ``sure`` how sure the answer is, and ``version`` the program and what
    it made of the model. ``known`` is what ``about`` said already where several checkpoints are asked.
    """
    known = about(cutout, measurements, position=position, structure=structure) if known is None else known
    failed = isinstance(prediction, ExplorerError)
    return Row(
        id=id or cutout.name,
        group_id=group,
        error=str(prediction) if failed else None,
        **known,
        **_model(card, version),
        seen=seen if isinstance(seen, str) else seen_each(seen, [cutout], [known])[0],
        **({} if isinstance(prediction, ExplorerError) else answers.plain(prediction)),
        **({} if matched is None else answers.matched(card, matched, prediction)),
        **({} if flips is None else answers.flips(flips)),
        **({} if sure is None else answers.sure(sure)),
    )


def about(
    cutout: Cutout,
    measurements: Measurements,
    *,
    position: tuple[float, float] | None = None,
    structure: Structure | None = None,
) -> dict[str, Any]:
    """The columns of a cutout that no checkpoint has a part in, with the arguments of ``of``."""
    return {
        "name": cutout.name,
        "cutout_sha256": cutout.sha256,
        "content": identity.content(cutout),
        "unit": cutout.unit,
        "notes": cutout.notes,
        "more_notes": cutout.more_notes,
        **_sky(cutout, measurements, position, _centre(cutout)),
        **_origin(cutout),
        **answers.instrument(cutout),
        **_measured(cutout, measurements, structure or Structure()),
    }


def failed(
    id: str,
    name: str,
    error: ExplorerError | str,
    card: Checkpoint | None = None,
    *,
    position: tuple[float, float] | None = None,
    version: str = __version__,
) -> Row:
    """The row of a cutout that could not be read: what was asked for, and why there is no answer."""
    ra, dec = position if position is not None else (None, None)
    given = None if position is None else True
    return Row(
        id, name, ra=ra, dec=dec, position_given=given, error=str(error), **(_model(card, version) if card else {})
    )


def _model(card: Checkpoint, version: str) -> dict[str, Any]:
    return {"checkpoint": card.name, "checkpoint_sha256": card.sha256, "version": version}


def seen_each(seen: Seen | None, images: Sequence[Cutout], known: Sequence[Mapping[str, Any]]) -> list[Status]:
    """Whether the checkpoint was made with these pixels or with this place on the sky; ``known`` as ``about`` says."""
    places = np.array([_centre(image) or (np.nan, np.nan) for image in images]).reshape(-1, 2)
    return unseen.each(seen, Cutouts(np.array([one["content"] for one in known], "U16"), places))


def _sky(
    cutout: Cutout,
    measured: Measurements,
    position: tuple[float, float] | None,
    centre: tuple[float, float] | None,
) -> dict[str, Any]:
    """Where the cutout and its source lie; nothing on the sky without coordinates."""
    found: dict[str, Any] = {"detected": measured.source_pixels > 0, "position_given": position is not None}
    asked = position or centre
    if asked is not None:
        found |= {"ra": asked[0], "dec": asked[1]}
    if not found["detected"]:
        return found
    found["at_edge"] = measured.at_edge or _at_edge(cutout, source_mask(cutout))
    peak = _icrs(cutout, *measured.peak_yx)
    if peak is not None:
        found |= {"peak_ra": peak[0], "peak_dec": peak[1]}
        if asked is not None:
            found["offset"] = float(np.degrees(angular_separation(*np.radians([*asked, *peak])))) * 3600.0
    return found


@kept
def _centre(cutout: Cutout) -> tuple[float, float] | None:
    return _icrs(cutout, (cutout.shape[0] - 1) / 2, (cutout.shape[1] - 1) / 2)


def _icrs(cutout: Cutout, y: float, x: float) -> tuple[float, float] | None:
    """Right ascension and declination of a pixel in degrees; None where the coordinates do not reach it."""
    if cutout.wcs is None:
        return None
    try:
        with mapped(lambda error: CutoutError(str(error))):
            return cutouts.icrs(cutout.wcs, y, x)
    except CutoutError:
        return None  # a celestial frame that astropy cannot turn into ICRS


def _at_edge(cutout: Cutout, source: NDArray[np.bool_]) -> bool:
    """Does the source (ny, nx) touch the border of the image or a pixel without data?"""
    (top, bottom), (left, right) = (np.flatnonzero(source.any(axis=axis))[[0, -1]] for axis in (1, 0))
    ny, nx = cutout.shape
    if top == 0 or left == 0 or bottom == ny - 1 or right == nx - 1:
        return True
    box = np.s_[top - 1 : bottom + 2, left - 1 : right + 2]
    near = ndimage.binary_dilation(source[box], EIGHT)
    return bool((near & ~np.isfinite(cutout.pixels[box])).any())


def _origin(cutout: Cutout) -> dict[str, Any]:
    origin = cutout.origin
    return {
        "survey": origin.survey,
        "product": origin.product,
        "frequency": origin.frequency_ghz,
        "vlass_epoch": origin.vlass_epoch,
        "tile": origin.tile,
        "image_version": origin.version,
        "date": origin.date,
        "quick_look": origin.quick_look,
        "simulated": origin.simulated,
    }


def _measured(cutout: Cutout, measured: Measurements, structure: Structure) -> dict[str, Any]:
    """Measurements in the units of their columns."""
    factor = TO_JY_BEAM.get(cutout.unit or "")
    beam = None if cutout.beam is None else float(np.sqrt(cutout.beam.major * cutout.beam.minor))

    def brightness(value: float | None) -> float | None:
        return None if factor is None or value is None else factor * value

    def in_beams(size: float | None) -> float | None:
        return None if beam is None or size is None else size / beam

    noise = None if measured.rms is None else cutout.noise
    return {
        "rms": brightness(measured.rms),
        "rms_source": noise.method if noise else None,
        "rms_pixels": noise.pixels if noise else None,
        "peak": brightness(measured.peak),
        "peak_fit": brightness(measured.peak_fit),
        "peak_error": brightness(measured.peak_error),
        "snr": measured.snr,
        "bowl": brightness(measured.bowl),
        "flux": measured.flux,
        "flux_error": measured.flux_error,
        "flux_scale_error": measured.flux_scale_error,
        "flux_scale_source": measured.flux_scale_source,
        "flux_corrected": measured.flux_corrected,
        "flux_limit": measured.flux_limit,
        "flux_raw": measured.flux_raw,
        "flux_beams": measured.flux_beams,
        "blanked": None if measured.flux is None else measured.blanked,
        "angular_size": measured.angular_size,
        "angular_size_beams": in_beams(measured.angular_size),
        "major": measured.major,
        "major_error": measured.major_error,
        "minor": measured.minor,
        "minor_error": measured.minor_error,
        "pa": measured.pa,
        "major_beams": in_beams(measured.major),
        "size_limit": measured.size_limit,
        "measurement_notes": measured.notes,
        **{name: getattr(structure, name) for name in STRUCTURE},
        "not_measured": [f"{name}: {why}" for name, why in {**measured.off, **structure.off}.items()],
    }
