"""Strong lenses after DeepLense: masses, what they deflect, and the image of a background galaxy, by lenstronomy.

A singular isothermal ellipsoid of 10^12 solar masses at z = 0.5 with external shear, a Sersic galaxy at z = 1 behind
it, and one of three kinds of substructure: none; cold dark matter, as point masses of a power law of slope -1.9 from
10^6 to 10^10 solar masses, 25 on average; or the vortex of a superfluid axion, as a line of point masses of
3 x 10^10 solar masses altogether whose length goes with 1 over the mass of the axion.

Alexander et al. 2020, ApJ 893, 15; lenstronomy: Birrer et al. 2021, JOSS 6, 3283. Distances are angular diameter ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy import constants, units
from numpy.typing import NDArray

from ..schema import DatasetError

SUBSTRUCTURES = ("axion", "cdm", "no_sub")
Z_LENS, Z_SOURCE = 0.5, 1.0
HALO, VORTEX = 1e12, 3e10  # solar masses
SUBHALOES, LIGHTEST, HEAVIEST, SLOPE = 25, 1e6, 1e10, -1.9
AXION = (1e-24, 1e-22)  # eV
LINE = 100  # point masses that make up the vortex
SNR = (20.0, 30.0)  # of the brightest pixel of Model I
BACKGROUND = 5.0  # electrons, standard deviation, of Model I
MAGNITUDE = (19.5, 20.5)  # of the source before lensing, Models II and III


@dataclass(frozen=True)
class Instrument:
    """Pixels, in arcsec, and point spread of one of the DeepLense data sets."""

    size: int
    pixel: float
    seeing: float
    band: dict[str, float] | None = None
    """Camera and sky in the terms of lenstronomy; None: Poisson and background noise to a drawn SNR."""


# Euclid VIS and HST WFC3 F160W as lenstronomy describes them.
INSTRUMENTS = {
    "Model_I": Instrument(150, 0.05, 0.087),
    "Model_II": Instrument(
        64,
        0.101,
        0.16,
        {
            "read_noise": 4.2,
            "ccd_gain": 3.1,
            "exposure_time": 566.0,
            "sky_brightness": 22.3,
            "magnitude_zero_point": 25.72,
            "num_exposures": 4,
        },
    ),
    "Model_III": Instrument(
        64,
        0.08,
        0.08,
        {
            "read_noise": 4.0,
            "ccd_gain": 2.5,
            "exposure_time": 5400.0,
            "sky_brightness": 22.3,
            "magnitude_zero_point": 25.96,
            "num_exposures": 1,
        },
    ),
}


@dataclass(frozen=True)
class Lens:
    """Deflectors and source of one image in the terms of lenstronomy, positions in arcsec."""

    models: list[str]
    parameters: list[dict[str, float]]
    source: dict[str, float]
    axion_mass: float | None = None
    """In eV, of a vortex."""


def require_lenstronomy() -> None:
    """Raise DatasetError with what to do where lenstronomy is not installed."""
    try:
        import lenstronomy  # noqa: F401
    except ImportError as error:
        raise DatasetError("Simulated lenses need lenstronomy: pip install 'vlass-explorer[lenses]'.") from error


@lru_cache(maxsize=1)
def _radius_of_one() -> float:
    # Here and not above: every reader of a data set would wait for it.
    from astropy.cosmology import FlatLambdaCDM

    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    near, far = (cosmology.angular_diameter_distance(z) for z in (Z_LENS, Z_SOURCE))
    between = cosmology.angular_diameter_distance(Z_LENS, Z_SOURCE)
    square = 4 * constants.G * constants.M_sun / constants.c**2 * between / (near * far)
    return float((np.sqrt(square.to("")) * units.rad).to_value("arcsec"))


def einstein_radius(mass: float | NDArray[np.float64]) -> Any:
    """Einstein radius in arcsec of a point mass, or of the mass within it of a sphere, in solar masses."""
    return _radius_of_one() * np.sqrt(mass)


def draw(substructure: str, random: np.random.Generator) -> Lens:
    """A random lens of one of the three kinds."""
    turn = random.uniform(0, np.pi)
    ellipticity, shear = random.uniform(0.0, 0.2), random.uniform(0.0, 0.05)
    sheared = random.uniform(0, np.pi)
    halo = {
        "theta_E": einstein_radius(HALO),
        "e1": ellipticity * np.cos(2 * turn),
        "e2": ellipticity * np.sin(2 * turn),
        "center_x": 0.0,
        "center_y": 0.0,
    }
    tide = {"gamma1": shear * np.cos(2 * sheared), "gamma2": shear * np.sin(2 * sheared)}
    x, y = random.uniform(-0.35, 0.35, 2)
    e1, e2 = random.uniform(-0.15, 0.15, 2)
    source = {
        "R_sersic": random.uniform(0.15, 0.35),
        "n_sersic": random.uniform(0.8, 2.0),
        "e1": e1,
        "e2": e2,
        "center_x": x,
        "center_y": y,
        "magnitude": random.uniform(*MAGNITUDE),
    }
    axion = None
    points = np.zeros((0, 3))
    if substructure == "cdm":
        points = _subhaloes(random)
    elif substructure == "axion":
        axion = float(AXION[0] * (AXION[1] / AXION[0]) ** random.random())
        points = _vortex(axion, random)
    elif substructure != "no_sub":
        raise DatasetError(f"Unknown class {substructure!r}; lenses are {', '.join(SUBSTRUCTURES)}.")
    parts = [
        {"theta_E": float(einstein_radius(mass)), "center_x": float(px), "center_y": float(py)}
        for mass, px, py in points
    ]
    return Lens(["SIE", "SHEAR", *["POINT_MASS"] * len(parts)], [halo, tide, *parts], source, axion)


def _subhaloes(random: np.random.Generator) -> NDArray[np.float64]:
    """Mass, x and y of cold subhaloes (N, 3) around the Einstein ring."""
    count = random.poisson(SUBHALOES)
    low, high = LIGHTEST ** (SLOPE + 1), HEAVIEST ** (SLOPE + 1)
    mass = (low + (high - low) * random.random(count)) ** (1 / (SLOPE + 1))
    radius, angle = random.uniform(0.25, 2.0, count), random.uniform(0, 2 * np.pi, count)
    return np.stack([mass, radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _vortex(axion_mass: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Mass, x and y of the pieces (N, 3) of a line through the centre, half as long as the de Broglie wave says."""
    length = 0.03 * 1e-22 / axion_mass  # arcsec at z = 0.5, after DeepLenseSim
    along, angle = np.linspace(-length, length, LINE), random.uniform(0, np.pi)
    return np.stack([np.full(LINE, VORTEX / LINE), along * np.cos(angle), along * np.sin(angle)], axis=1)


def render(lens: Lens, instrument: Instrument) -> tuple[NDArray[np.float64], Any]:
    """Image (size, size) without noise, row 0 the south, and lenstronomy's simulation, which knows the noise."""
    require_lenstronomy()
    from lenstronomy.SimulationAPI.sim_api import SimAPI

    band = instrument.band or INSTRUMENTS["Model_II"].band
    camera = {"pixel_scale": instrument.pixel, "seeing": instrument.seeing, "psf_type": "GAUSSIAN", **(band or {})}
    model = {"lens_model_list": lens.models, "source_light_model_list": ["SERSIC_ELLIPSE"]}
    simulation = SimAPI(instrument.size, camera, model)
    _, source, _ = simulation.magnitude2amplitude(None, [dict(lens.source)])
    engine = simulation.image_model_class({"supersampling_factor": 1})
    return np.asarray(engine.image(lens.parameters, source, None)), simulation


def observe(lens: Lens, instrument: Instrument, random: np.random.Generator) -> NDArray[np.float32]:
    """Image (size, size) with noise: electrons of a drawn SNR for Model I, electrons per second for the others."""
    image, simulation = render(lens, instrument)
    if instrument.band is None:
        snr = random.uniform(*SNR)
        peak = (snr**2 + snr * np.sqrt(snr**2 + 4 * BACKGROUND**2)) / 2  # peak / sqrt(peak + background^2) = snr
        electrons = random.poisson(image * (peak / image.max())) + random.normal(0, BACKGROUND, image.shape)
        return np.rint(electrons).clip(0).astype(np.float32)
    sigma = simulation.estimate_noise(image)
    return (image + sigma * random.standard_normal(image.shape)).astype(np.float32)
