"""What a cutout tells by itself: noise, peak, angular size and integrated flux of the source at its centre.

Detection (which pixels are the source) and photometry (how bright it is, with an error that covers the truth) are two
things: ``source_mask`` finds islands above 3 rms, ``footprint`` grows them until they hold nearly all of the flux.
``sources`` lists those of a whole image, ``statistics`` gives the numbers inside a circle or box that was drawn.
"""

from .aperture import Region, Statistics, statistics
from .covariance import Blank, blank_sky
from .detection import FINEST_BEAM, TO_JY_BEAM, angular_size, beam_pixels, extent, noise, source_mask, thresholds
from .flux_scale import FluxScale, flux_scale
from .footprint import Footprint, grow
from .gaussian import GaussianFit, fit_gaussian, fit_peak
from .measurements import Measurements, measure, size_limit
from .photometry import Flux, Forced, forced, integrate
from .sidelobes import caution as sidelobe_caution
from .sources import Source, sources
from .structure import Structure, structure

__all__ = [
    "FINEST_BEAM",
    "TO_JY_BEAM",
    "Blank",
    "Flux",
    "FluxScale",
    "Forced",
    "Footprint",
    "GaussianFit",
    "Measurements",
    "Region",
    "Source",
    "Statistics",
    "Structure",
    "angular_size",
    "beam_pixels",
    "blank_sky",
    "extent",
    "fit_gaussian",
    "fit_peak",
    "flux_scale",
    "forced",
    "grow",
    "integrate",
    "measure",
    "noise",
    "sidelobe_caution",
    "size_limit",
    "source_mask",
    "sources",
    "statistics",
    "structure",
    "thresholds",
]
