"""Two epochs compared, as files: the difference as FITS with its WCS, and a manifest of all that decides numbers."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

from astropy.io import fits

from .. import __version__
from ..checkpoints.config import plain
from ..epochs import Change, Comparison, Measured, SpectralIndex, words
from ..schema.columns import ascii_text
from .fits import wcs_keywords
from .manifests import versions


def difference_fits(found: Comparison) -> bytes:
    """The difference (ny, nx) in Jy/beam, float32, with WCS, beam and the sentences of the comparison as HISTORY."""
    cutout = found.difference
    assert cutout.wcs is not None
    header = wcs_keywords(cutout.wcs)
    header["BUNIT"] = "Jy/beam"
    header["BTYPE"] = "Intensity"
    header["BMAJ"], header["BMIN"] = found.beam.major / 3600.0, found.beam.minor / 3600.0
    header["BPA"] = found.beam.pa
    header["RMS"] = (cutout.noise.rms if cutout.noise else 0.0, "of this difference, Jy/beam")
    header["OBJECT"] = ascii_text(cutout.name)[:60]
    header["CREATOR"] = f"VLASS Explorer {__version__}"
    header["SRCHASH1"], header["SRCHASH2"] = found.files
    header["FLXSCALE"] = (1.0 if found.scale is None else found.scale.value, "second image was divided by this")
    for line in words.all_of(found):
        header.add_history(ascii_text(line))
    buffer = io.BytesIO()
    fits.PrimaryHDU(cutout.pixels, header).writeto(buffer, checksum=True)
    return buffer.getvalue()


def comparison_values(found: Comparison) -> dict[str, Any]:
    """The record of a comparison as JSON values: files, beam, shift, scale, neighbours, fluxes, verdicts, sentences."""
    images = [
        {"name": name, "date": date, "file_sha256": digest, **_measured(measured)}
        for name, date, digest, measured in zip(
            found.names, found.dates, found.files, found.target.measured, strict=True
        )
    ]
    record = {
        "position_deg": list(found.position),
        "images": images,
        "beam": asdict(found.beam),
        "beam_widened": found.widened,
        "shift_arcsec": None if found.shift is None else asdict(found.shift) | {"applied": found.shift.is_known},
        "flux_scale": None if found.scale is None else asdict(found.scale),
        "difference_rms": None if found.difference.noise is None else found.difference.noise.rms,
        "detected": found.target.detected,
        "peak": _changes(found.target.peak),
        "integrated_flux": _changes(found.target.flux),
        "neighbours": [asdict(one) for one in found.neighbours],
        "sentences": list(words.all_of(found)),
        "versions": versions(),
    }
    values: dict[str, Any] = plain(record)
    return values


def index_values(found: SpectralIndex) -> dict[str, Any]:
    """The record of a spectral index as JSON values, its warnings with it."""
    record = {
        "index": found.value,
        "error_noise": found.error,
        "error_flux_scales": found.scale_error,
        "shift_by_a_scale_off_by_15_percent": found.shift,
        "images": [
            {"name": name, "frequency_ghz": frequency, **_measured(measured)}
            for name, frequency, measured in zip(found.names, found.frequencies, found.fluxes, strict=True)
        ],
        "beam": asdict(found.beam),
        "size_arcsec": found.size,
        "warnings": list(found.warnings),
        "versions": versions(),
    }
    values: dict[str, Any] = plain(record)
    return values


def comparison_json(found: Comparison) -> bytes:
    """The manifest of a comparison as a JSON file; not-a-number and infinity are null."""
    return (json.dumps(comparison_values(found), indent=1, allow_nan=False) + "\n").encode()


def index_json(found: SpectralIndex) -> bytes:
    """The manifest of a spectral index as a JSON file."""
    return (json.dumps(index_values(found), indent=1, allow_nan=False) + "\n").encode()


def _measured(measured: Measured) -> dict[str, Any]:
    scale = measured.flux_scale
    return {
        "peak_jy_beam": measured.peak,
        "peak_error": measured.peak_error,
        "peak_error_with_flux_scale": measured.peak_total,
        "flux_jy": measured.flux,
        "flux_error": measured.flux_error,
        "flux_error_with_flux_scale": measured.flux_total,
        "flux_scale": None if scale is None else scale.source,
    }


def _changes(both: tuple[Change | None, Change | None]) -> dict[str, Any]:
    return {
        name: None if change is None else asdict(change) | {"sigma": change.sigma, "differs": change.is_real}
        for name, change in zip(("relative", "absolute"), both, strict=True)
    }
