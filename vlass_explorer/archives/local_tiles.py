"""Whole VLASS tiles or mosaics in a folder on this machine: indexed by where they lie, cut through a memory map.

Of each file only the headers are read, once, until it changes. A noise image (``.rms.`` in the name) belongs to the
image whose name it repeats. What the tiles are is told by their names and headers, as ``cutouts`` reads them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from .. import cutouts
from ..cutouts.origin import origin
from ..foreign import mapped, reason
from ..schema import ArchiveError, CutoutError, Product, ServiceError, pixel_shape
from . import answers, store
from .ask import Client
from .contract import Outside, Position
from .store import Answer, Origin

SURVEY = "tiles"
MODEL_INPUT = True
SERVICE = "local_tiles"


def find(position: Position, radius: float, client: Client) -> list[Product]:
    """The tiles that meet a circle of ``radius`` arcsec, or come near enough to."""
    if client.tiles is None:
        raise ArchiveError("Name the folder of the tiles.")
    index = _index(client)
    images = {path: place for path, place in index.items() if place is not None and ".rms." not in path.lower()}
    if not images:
        return []
    ra, dec, reach = np.array(list(images.values())).T
    apart = SkyCoord(ra * u.deg, dec * u.deg).separation(SkyCoord(*position, unit="deg")).deg
    near = [path for path, far, most in zip(images, apart, reach, strict=True) if far <= most + radius / 3600]
    return [_product(client.tiles, path, index) for path in near]


def fetch(product: Product, position: Position, size: float, client: Client, *, noise: bool = False) -> Answer:
    """The part of a tile within a square of ``size`` arcsec, as FITS with the header of the tile."""
    path = Path(product.rms_url if noise else product.url)
    with mapped(lambda error: ServiceError(SERVICE, f"cannot cut {path.name}: {reason(error)}")), answers.reading():
        data = _cut(path, position, size)
    digest = hashlib.sha256(data).hexdigest()
    return Answer(data, Origin(SERVICE, product.id, path.as_uri(), "", len(data), digest), path)


def _cut(path: Path, position: Position, size: float) -> bytes:
    wcs = _extent(path, path.stat().st_mtime_ns)
    ny, nx = wcs.array_shape
    x, y = (float(value) for value in cutouts.to_pixels(wcs, SkyCoord(*position, unit="deg")))
    if not np.isfinite([x, y]).all():
        raise Outside(SERVICE, f"has nothing of this position in {path.name}")
    shape = pixel_shape(wcs, min(max(y, 0), ny - 1), min(max(x, 0), nx - 1))
    half_y, half_x = (size / scale / 2 for scale in shape.scale)
    y0, y1 = max(round(y - half_y + 0.5), 0), min(round(y + half_y + 0.5), ny)
    x0, x1 = max(round(x - half_x + 0.5), 0), min(round(x + half_x + 0.5), nx)
    if y1 - y0 < 1 or x1 - x0 < 1:
        raise Outside(SERVICE, f"has nothing of this position in {path.name}")
    with fits.open(path, memmap=True) as hdus:
        hdu = next(hdu for hdu in hdus if getattr(hdu, "shape", None) and len(hdu.shape) >= 2)
        if tuple(hdu.shape[-2:]) != (ny, nx):
            raise ServiceError(SERVICE, f"cannot cut {path.name}: its sky axes are not its first two")
        header = hdu.header.copy()
        header["CRPIX1"] -= x0
        header["CRPIX2"] -= y0
        for card in ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM"):
            header.remove(card, ignore_missing=True)
        part = fits.PrimaryHDU(np.array(hdu.section[..., y0:y1, x0:x1]), header)
        buffer = io.BytesIO()
        part.writeto(buffer, output_verify="silentfix+ignore")
    return buffer.getvalue()


def _index(client: Client) -> dict[str, tuple[float, float, float] | None]:
    """Path below the folder → centre and reach in degrees of each FITS file, None for one without a sky."""
    folder = client.tiles
    assert folder is not None
    if client.index is not None:
        return client.index
    if not folder.is_dir():
        raise ArchiveError(f"There is no folder {folder} with tiles.")
    kept = client.store.folder / SERVICE / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]}.json"
    try:
        known = json.loads(kept.read_bytes())
    except (OSError, ValueError):
        known = {}
    known = known if isinstance(known, dict) else {}
    found: dict[str, list[Any]] = {}
    for path in sorted(_files(folder)):
        stamp, name = path.stat(), str(path.relative_to(folder))
        mark = [stamp.st_size, stamp.st_mtime_ns]
        entry = known.get(name)
        found[name] = entry if entry and entry[:2] == mark else [*mark, _place(path)]
    if found != known:
        with suppress(OSError):  # nothing is lost: without a place for it the folder is read again next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            store.write(kept, json.dumps(found).encode())
    places = {name: entry[2] for name, entry in found.items()}
    client.index = {name: place and (place[0], place[1], place[2]) for name, place in places.items()}
    return client.index


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if cutouts.is_fits(path.name) and path.is_file())


def _place(path: Path) -> tuple[float, float, float] | None:
    try:
        wcs = cutouts.extent(path)
    except CutoutError:
        return None
    ny, nx = wcs.array_shape
    with mapped(lambda error: CutoutError(reason(error))):
        centre = wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
        corners = wcs.pixel_to_world([0, nx - 1, 0, nx - 1], [0, 0, ny - 1, ny - 1]).icrs
    return float(centre.ra.deg), float(centre.dec.deg), float(centre.separation(corners).deg.max())


@lru_cache(maxsize=64)
def _extent(path: Path, changed: int) -> WCS:
    return cutouts.extent(path)


def _product(folder: Path, name: str, index: dict[str, tuple[float, float, float] | None]) -> Product:
    path = folder / name
    told = origin(path.name, {}, None)
    noise = next((other for other in (name.replace(".tt0.", ".tt0.rms."),) if other != name and other in index), "")
    kind = "Quick Look" if told.quick_look else "Single Epoch" if told.survey == "VLASS" and ".se." in name else "tile"
    return Product(
        service=SERVICE,
        survey=told.survey or SURVEY,
        id=name,
        name=path.name,
        kind=kind,
        vlass_epoch=told.vlass_epoch or "",
        tile=told.tile or "",
        url=str(path.resolve()),
        rms_name=Path(noise).name if noise else "",
        rms_url=str((folder / noise).resolve()) if noise else "",
    )
