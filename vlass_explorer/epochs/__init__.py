"""One source in several images: VLASS epochs against each other, and surveys at one beam.

    shown = groups.at(cutouts, position)          # which images show a place, each with a name
    found = compare(first, second)                # two VLASS epochs: shift, scale, difference, peak and flux, verdicts
    index = spectral_index(first, vlass)          # two frequencies, at one beam, with its warnings

``compare`` brings both images to their smallest common beam and onto one grid. Neighbours of the source tell by how
much the second image is shifted and how its flux scale relates to the first's; what they cannot tell is said, with the
change that could be seen without them. Fluxes are in Jy, places (y, x) in pixels from 0, offsets (east, north) in
arcsec.
"""

from . import agreement, checks, groups, words
from .aligned import aligned, levels
from .changes import Change, Measured
from .checks import name
from .difference import Comparison, compare
from .neighbours import Neighbour, Scale, Shift
from .spectral import SpectralIndex, spectral_index

__all__ = [
    "Change",
    "Comparison",
    "Measured",
    "Neighbour",
    "Scale",
    "Shift",
    "SpectralIndex",
    "agreement",
    "aligned",
    "checks",
    "compare",
    "groups",
    "levels",
    "name",
    "spectral_index",
    "words",
]
