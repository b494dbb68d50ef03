"""A small VLASS made for tests: tiles of one noise field, with a source at each place that is named."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

NOISE = np.random.default_rng(3).normal(0.0, 1.5e-4, (512, 512)).astype(np.float32)
PEAK = 0.05


@dataclass(frozen=True)
class Tile:
    """One VLASS image: where it lies (degrees), half its side, and what its plane says of it."""

    epoch: str
    tile: str
    ra: float
    dec: float
    half: float = 0.5
    kind: str = "ql"
    flag: str = ""
    beam: tuple[float, float, float] = (2.9, 2.2, 20.0)
    blank: bool = False
    has_noise: bool = True
    has_cutout: bool = True

    @property
    def pixel(self) -> float:
        return 1.0 if self.kind == "ql" else 0.6

    @property
    def observation(self) -> str:
        place = SkyCoord(self.ra, self.dec, unit="deg")
        ra = place.ra.to_string("hourangle", sep="", pad=True, precision=0)
        dec = place.dec.to_string("deg", sep="", pad=True, precision=0, alwayssign=True)
        return f"VLASS{self.epoch}.{self.tile}.J{ra}{dec}"

    @property
    def name(self) -> str:
        place = self.observation.partition(".J")[2]
        return f"VLASS{self.epoch}.{self.kind}.{self.tile}.J{place}.10.2048.v1.I.iter1.image.pbcor.tt0.subim.fits"

    @property
    def noise_name(self) -> str:
        return self.name.replace(".tt0.", ".tt0.rms.")

    @property
    def plane(self) -> str:
        return f"{self.observation}.{'quicklook' if self.kind == 'ql' else 'continuum_imaging'}"

    def wcs(self) -> WCS:
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
        wcs.wcs.crval = [self.ra, self.dec]
        side = round(2 * self.half * 3600 / self.pixel)
        wcs.wcs.crpix = [(side + 1) / 2] * 2
        wcs.wcs.cdelt = [-self.pixel / 3600, self.pixel / 3600]
        wcs.array_shape = (side, side)
        return wcs

    def cut(self, ra: float, dec: float, radius: float, *, noise: bool = False, sources: tuple = ()) -> bytes | None:
        """The bounding box of a circle (degrees), cut off at the edge; None where they do not overlap."""
        wcs = self.wcs()
        x, y = (float(v) for v in wcs.world_to_pixel_values(ra, dec))
        half, side = radius * 3600 / self.pixel, wcs.array_shape[0]
        x0, x1 = (int(np.clip(round(v), 0, side)) for v in (x - half + 0.5, x + half + 0.5))
        y0, y1 = (int(np.clip(round(v), 0, side)) for v in (y - half + 0.5, y + half + 0.5))
        if x1 <= x0 or y1 <= y0:
            return None
        rows, columns = np.arange(y0, y1), np.arange(x0, x1)
        pixels = NOISE[np.ix_(rows % 512, columns % 512)].copy()
        for place in sources:
            sx, sy = wcs.world_to_pixel_values(*place)
            if not np.isfinite([sx, sy]).all():
                continue  # on the other half of the sky
            east, north = (sx - columns) * self.pixel, (rows[:, None] - sy) * self.pixel
            major, minor, pa = self.beam[0], self.beam[1], np.radians(self.beam[2])
            along = (east * np.sin(pa) + north * np.cos(pa)) / major
            across = (east * np.cos(pa) - north * np.sin(pa)) / minor
            pixels += PEAK * np.exp(-4 * np.log(2) * (along**2 + across**2))
        if noise:
            pixels = 2.0e-4 + 0.01 * NOISE[np.ix_(rows % 512, columns % 512)]
        if self.blank:
            pixels[:] = np.nan
        wcs.wcs.crpix = wcs.wcs.crpix - [x0, y0]
        return packed(pixels[None, None], wcs, self.beam, self.noise_name if noise else self.name)


def packed(pixels: np.ndarray, wcs: WCS, beam: tuple[float, float, float], name: str) -> bytes:
    """FITS with four axes, as CASA writes VLASS images."""
    header = wcs.to_header()
    header.update({"CTYPE3": "FREQ", "CRVAL3": 2.987e9, "CDELT3": 2e9, "CRPIX3": 1.0, "CUNIT3": "Hz"})
    header.update({"CTYPE4": "STOKES", "CRVAL4": 1.0, "CDELT4": 1.0, "CRPIX4": 1.0, "BUNIT": "Jy/beam"})
    header.update({"BMAJ": beam[0] / 3600, "BMIN": beam[1] / 3600, "BPA": beam[2], "RADESYS": "ICRS"})
    header.update({f"FILNAM{n:02d}": part for n, part in enumerate(name.split(".")[:12], 1)})
    buffer = io.BytesIO()
    fits.PrimaryHDU(pixels.astype(np.float32), header).writeto(buffer)
    return buffer.getvalue()
