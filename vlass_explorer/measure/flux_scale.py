"""Flux scales of surveys: how far their flux densities are uncertain, and by how much they are known to be off.

A statistical error says nothing of them. What is known to be off gives a corrected value beside the measured one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..schema import Origin


@dataclass(frozen=True)
class FluxScale:
    """Flux scale of one product of a survey; fractions of the flux density."""

    uncertainty: float
    source: str
    """Where it is published."""
    measured_over_true: float | None = None
    """A known offset: the catalogued over the true flux density, None where none is known."""
    faintest: float = 0.0
    """Peak in Jy/beam below which the offset is not known."""


QUICK_LOOK_1 = FluxScale(
    0.10,
    "VLASS Quick Look of epoch 1: low by about 15 % above 3 mJy/beam, often unreliable below "
    "(Gordon et al. 2021, ApJS 255, 30)",
    measured_over_true=0.85,
    faintest=3e-3,
)
QUICK_LOOK = FluxScale(0.15, "VLASS Quick Look: flux scale 10 to 20 % (CIRADA)")
SINGLE_EPOCH = FluxScale(0.03, "VLASS Single Epoch: 3 % (NRAO users' guide, VLASS memo 17)")
SURVEYS = {
    "FIRST": FluxScale(0.05, "FIRST: 5 % (Becker, White & Helfand 1995, ApJ 450, 559)"),
    "NVSS": FluxScale(0.03, "NVSS: 3 % (Condon et al. 1998, AJ 115, 1693)"),
    "LoTSS": FluxScale(0.10, "LoTSS: about 10 % (Shimwell et al. 2022, A&A 659, A1)"),
    "TGSS": FluxScale(0.10, "TGSS ADR1: about 10 % (Intema et al. 2017, A&A 598, A78)"),
}


def flux_scale(origin: Origin) -> FluxScale | None:
    """Flux scale of the survey, product and VLASS epoch of an image; None where it is not known or was simulated."""
    if origin.simulated:
        return None
    if origin.survey != "VLASS":
        return SURVEYS.get(origin.survey or "")
    if not origin.quick_look:
        return SINGLE_EPOCH if origin.vlass_epoch else None
    return QUICK_LOOK_1 if (origin.vlass_epoch or "").startswith("1") else QUICK_LOOK
