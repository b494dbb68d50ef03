"""Simulated skies of known truth: the physics behind ``simulated``, and what tests and benchmarks measure against.

    grid = FlatGrid((128, 128), 1.0)  # or SkyGrid(projected("CAR", (30.0, 60.0), 1.0, shape), shape)
    seen = Observation((Component(5e-3, 0.0, 0.0, 6.0, 6.0),), Beam(3.0, 2.4, 40.0), grid, largest_scale=58.0)
    cutout = seen.cutout(noise(np.random.default_rng(0), grid, seen.beam, rms=130e-6, kind="beam"))

Components → what is resolved out → beam → grid → noise. Conventions: positions in arcsec from the centre of the grid, x
to the west (right) and y to the north (up); sizes are full widths at half maximum in arcsec; position angles in degrees
from north through east (left); fluxes in Jy, or in any unit of flux for ``observe``, which answers in that unit per
beam. Everything random comes from a numpy Generator that the caller seeds.
"""

from .components import FWHM, Component, beam_covariance, placed
from .grids import FlatGrid, Grid, SkyGrid, projected, sky_position
from .morphologies import MORPHOLOGIES, neighbours
from .noise import NoiseKind, autocorrelation, noise
from .observing import Observation, observe, peak_fraction
from .radio_galaxies import RadioGalaxy, radio_galaxy
from .resolved_out import kept_fraction, transmission
from .structures import filament, jet, lobe

__all__ = [
    "FWHM",
    "MORPHOLOGIES",
    "Component",
    "FlatGrid",
    "Grid",
    "NoiseKind",
    "Observation",
    "RadioGalaxy",
    "SkyGrid",
    "autocorrelation",
    "beam_covariance",
    "filament",
    "jet",
    "kept_fraction",
    "lobe",
    "neighbours",
    "noise",
    "observe",
    "peak_fraction",
    "placed",
    "projected",
    "radio_galaxy",
    "sky_position",
    "transmission",
]
