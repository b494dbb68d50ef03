"""Simulated VLASS Quick Look cutouts of four morphologies: Extended, Point Source, Double Lobes, Three Points.

The classes are those of VLASS-Vision (after the AAS 242 tutorial of B. Kent, NRAO); the images are our own. Sources are
sums of Gaussians at random size, orientation and signal-to-noise ratio, seen by a beam of 2.4 to 3.1 by 2.1 to 2.4
arcsec on 1 arcsec pixels, with beam-correlated noise of 120 to 140 microjansky per beam, now and then with a field
source. Clean residuals, sidelobes and the Quick Look's flux and position errors are left out: a model trained on these
images is not shown to work on the sky. Everything about a cutout follows from its seed and index.
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from astropy.io import fits
from numpy.typing import NDArray

from ..augment import beam_noise
from ..measure import noise
from ..schema import Beam, Cutout, DatasetError, InputSpec, Origin
from . import class_folders, sky_model
from .facts import FACTS
from .items import DataSet, Item

TITLE = "Simulated VLASS"
LABEL_NAMES = tuple(sky_model.MORPHOLOGIES)
LICENCE = "MIT (simulated by VLASS Explorer)"
FREQUENCY_GHZ, PIXEL, SIZE = 3.0, 1.0, 181
VERSION = 1  # changes with the images, so that the cache keeps none of the old ones
COUNT, VALIDATION_COUNT = 4000, 1000
VALIDATION_SEED = 2_147_483_647
NOISE = (120e-6, 140e-6)  # Jy/beam, Quick Look depth (Lacy et al. 2020, PASP 132, 035001)
# Signal-to-noise ratio of the faintest component that the class needs, smallest and largest.
FAINTEST = {"Extended": (7, 60), "Point Source": (7, 300), "Double Lobes": (6, 80), "Three Points": (6, 60)}

INPUT_SPEC = InputSpec(
    stretch="sqrt",
    field_of_view=64.0,
    field_of_view_pixels=64,
    img_size=64,
    survey="VLASS (simulated)",
    frequency_ghz=FREQUENCY_GHZ,
    beam_arcsec=(2.7, 2.25),
    pixel_scale_arcsec=PIXEL,
    simulated=True,
)
"""The input these sources are made for: at 64 arcsec the largest one still fits when turned, at native resolution."""


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """``count`` training cutouts of a seed (4,000), and always the same 1,000 of a fixed seed to validate on.

    Items are made when they are read; nothing touches the disk. With a folder, the cutouts that ``write`` left there.
    """
    if root is not None:
        return class_folders.load(root, seed=seed, count=count)
    if not 0 <= seed < VALIDATION_SEED:
        raise DatasetError(f"A simulation seed is 0 to {VALIDATION_SEED - 1}; the next one is kept for validation.")
    training = [item(seed, index, "train") for index in range(count or COUNT)]
    return _data_set(training + [item(VALIDATION_SEED, index, "validation") for index in range(VALIDATION_COUNT)])


def item(seed: int, index: int, split: str = "") -> Item:
    """Item ``index`` of a seed: classes take turns."""
    label = index % len(LABEL_NAMES)
    ra, dec = _position(_generator(LABEL_NAMES[label], seed, index))
    source = partial(cutout, LABEL_NAMES[label], seed, index)
    key = f"simulated {VERSION} {seed} {index}"
    return Item(_name(seed, index), label, source, ra=ra, dec=dec, split=split, key=key)


def simulate(label: str, seed: int = 0, index: int = 0, size: int = SIZE) -> tuple[NDArray[np.float32], fits.Header]:
    """Pixels (size, size) in Jy/beam, row 0 the south, and the full header of the 4-D image ``write`` makes of them."""
    pixels, beam, position = _image(label, seed, index, size)
    return pixels, header(label, seed, index, beam, position, size)


def cutout(label: str, seed: int = 0, index: int = 0, size: int = SIZE) -> Cutout:
    """The simulated cutout in memory: what reading the written FITS file gives, without its header."""
    pixels, beam, position = _image(label, seed, index, size)
    wcs = sky_model.projected("SIN", position, PIXEL, (size, size))
    origin = Origin("VLASS", "total intensity", FREQUENCY_GHZ, date="2023-01-01", simulated=True)
    return Cutout(
        _name(seed, index), pixels, unit="Jy/beam", wcs=wcs, beam=beam, noise=noise(pixels), origin=origin, row0="south"
    )


def write(root: Path, count: int, seed: int = 0, size: int = SIZE) -> DataSet:
    """Write ``count`` cutouts as 4-D FITS files with labels.csv and dataset.yaml into a new or empty folder."""
    if count < 1 or not 0 <= seed < VALIDATION_SEED or size < 64:
        raise DatasetError(f"Simulate at least one cutout of at least 64 pixels, with a seed below {VALIDATION_SEED}.")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DatasetError(f"{root} is not an empty folder: simulated cutouts are never mixed with other files.")
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(count):
        label = LABEL_NAMES[index % len(LABEL_NAMES)]
        name = f"{_name(seed, index)}.fits"
        write_fits(root / name, label, seed, index, size)
        ra, dec = _position(_generator(label, seed, index))
        rows.append((name, label, f"{ra:.6f}", f"{dec:.6f}", index // len(LABEL_NAMES) % 5))
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "ra", "dec", "fold"), *rows])
    about = _data_set([])
    # ``labels`` says in dataset.yaml which folders are labels; in a data set it is the array of them.
    facts = [key for key in FACTS if key != "labels"]
    said = {key: getattr(about, key) for key in facts if getattr(about, key, None) is not None}
    said["label_names"], said["beam_arcsec"] = list(LABEL_NAMES), [*(about.beam_arcsec or ())]
    (root / "dataset.yaml").write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return class_folders.load(root)


def write_fits(path: Path, label: str, seed: int, index: int, size: int = SIZE) -> None:
    """Write one cutout as VLASS writes it: float32, axes [STOKES, FREQ, DEC, RA]."""
    pixels, cards = simulate(label, seed, index, size)
    fits.PrimaryHDU(pixels[None, None], cards).writeto(path, overwrite=True)


def header(
    label: str, seed: int, index: int, beam: Beam, position: tuple[float, float], size: int = SIZE
) -> fits.Header:
    """Header after VLASS Quick Look images, which says in SIMULATE, OBSERVER, ORIGIN and HISTORY what it is."""
    axes = (
        ("RA---SIN", position[0], -PIXEL / 3600, (size + 1) / 2, "deg"),
        ("DEC--SIN", position[1], PIXEL / 3600, (size + 1) / 2, "deg"),
        ("FREQ", FREQUENCY_GHZ * 1e9, 2.072e9, 1.0, "Hz"),
        ("STOKES", 1.0, 1.0, 1.0, ""),
    )
    cards = fits.Header()
    cards["SIMULATE"] = (True, "simulated image, not an observation")
    cards["SIMLABEL"], cards["SIMSEED"], cards["SIMINDEX"] = label, seed, index
    cards["BMAJ"], cards["BMIN"], cards["BPA"] = beam.major / 3600, beam.minor / 3600, beam.pa
    cards["BTYPE"], cards["BUNIT"] = "Intensity", "Jy/beam"
    cards["OBJECT"] = f"SIMULATED {seed}-{index}"
    cards["EQUINOX"], cards["RADESYS"], cards["LONPOLE"], cards["LATPOLE"] = 2000.0, "ICRS", 180.0, position[1]
    for number, (kind, value, step, pixel, unit) in enumerate(axes, 1):
        cards[f"CTYPE{number}"], cards[f"CRVAL{number}"], cards[f"CDELT{number}"] = kind, value, step
        cards[f"CRPIX{number}"], cards[f"CUNIT{number}"] = pixel, unit
    cards["RESTFRQ"] = (FREQUENCY_GHZ * 1e9, "Rest Frequency (Hz)")
    cards["SPECSYS"], cards["TELESCOP"], cards["INSTRUME"] = "LSRK", "EVLA", "EVLA"
    cards["SURVEY"] = ("VLASS", "survey that is imitated")
    cards["OBSERVER"], cards["ORIGIN"] = "simulated", "VLASS Explorer simulator"
    cards["DATE-OBS"] = ("2023-01-01T00:00:00.000000", "nominal, nothing was observed")
    cards["TIMESYS"], cards["MJD-OBS"] = "UTC", 59945.0
    cards["HISTORY"] = "Simulated by VLASS Explorer (vlass_explorer/datasets/simulated.py); no data of the VLA."
    return cards


def _image(label: str, seed: int, index: int, size: int) -> tuple[NDArray[np.float32], Beam, tuple[float, float]]:
    """Pixels, beam and position. The faintest component that the class needs has the signal-to-noise ratio drawn."""
    random = _generator(label, seed, index)
    position = _position(random)
    beam = Beam(random.uniform(2.4, 3.1), random.uniform(2.1, 2.4), random.uniform(-90.0, 90.0))
    rms = random.uniform(*NOISE)
    offset = random.uniform(-1.5, 1.5, 2)
    source = sky_model.MORPHOLOGIES[label](random)
    low, high = FAINTEST[label]
    snr = low * (high / low) ** random.random()
    faintest = min(part.flux * sky_model.peak_fraction(part, beam) for part in source if part.essential)
    scale = snr / faintest
    field = sky_model.neighbours(random, source, size * PIXEL / 2)
    parts = [part.moved(float(offset[0]), float(offset[1]), scale) for part in source]
    parts += [part.moved(0.0, 0.0, 12.0) for part in field]
    sky = sky_model.observe(parts, beam, sky_model.FlatGrid((size, size), PIXEL))
    sky += beam_noise(random, (size, size), sky_model.beam_covariance(beam) / PIXEL**2)
    return (rms * sky).astype(np.float32), beam, position


def _generator(label: str, seed: int, index: int) -> np.random.Generator:
    if label not in LABEL_NAMES:
        raise DatasetError(f"Unknown class {label!r}; the simulator knows {', '.join(LABEL_NAMES)}.")
    return np.random.default_rng(np.random.SeedSequence((seed, index, LABEL_NAMES.index(label))))


def _position(random: np.random.Generator) -> tuple[float, float]:
    """Random position in degrees north of declination -40, the sky of VLASS; the first numbers of a generator."""
    ra, height = random.random(2)
    lowest = np.sin(np.radians(-40.0))
    return float(360.0 * ra), float(np.degrees(np.arcsin(lowest + (1.0 - lowest) * height)))


def _name(seed: int, index: int) -> str:
    return f"sim_{seed}_{index:06d}"


def _data_set(items: list[Item]) -> DataSet:
    return DataSet(
        title=TITLE,
        items=tuple(items),
        label_names=LABEL_NAMES,
        survey=INPUT_SPEC.survey,
        frequency_ghz=INPUT_SPEC.frequency_ghz,
        beam_arcsec=INPUT_SPEC.beam_arcsec,
        pixel_scale_arcsec=INPUT_SPEC.pixel_scale_arcsec,
        unit=INPUT_SPEC.unit,
        row0=None,
        licence=LICENCE,
        citation="VLASS Explorer, vlass_explorer/datasets/simulated.py",
        simulated=True,
    )
