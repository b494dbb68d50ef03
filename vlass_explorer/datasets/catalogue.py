"""A catalogue of sources beside FITS images: ``catalogue.csv`` with ra, dec and label, and images that cover them.

The columns ra and dec (or ra_deg and dec_deg) are ICRS degrees; name, fold and split may be there, as in labels.csv.
Images are all FITS files of the folder and its sub-folders: cutouts of single sources, or tiles and mosaics of any
size, of which only headers are read to begin with. Each source is cut, 540 arcsec wide, from the image in which it lies
farthest from the edge. ``dataset.yaml`` says what it says beside labels.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from .. import cutouts
from ..schema import CutoutError, DatasetError, pixel_shape
from . import cache, class_folders, label_words
from .facts import facts
from .items import DataSet, Item, subsample

TITLE = "Catalogue beside FITS images"
LABEL_NAMES = None
TABLES = ("catalogue.csv", "catalog.csv")
SIDE = 540.0  # arcsec


def matches(root: Path) -> bool:
    """True for a folder with a catalogue and without labels.csv."""
    return any((root / name).is_file() for name in TABLES) and not (root / "labels.csv").is_file()


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """One cutout a row, in the order of the table; DatasetError for rows that no image covers, and as class_folders."""
    tables = [] if root is None else [root / name for name in TABLES if (root / name).is_file()]
    if root is None or not tables:
        raise DatasetError("This data set needs a folder with catalogue.csv (ra, dec, label): give data_dir.")
    rows = class_folders.table_of(tables[0], ("ra", "dec", "label"))
    for number, row in enumerate(rows, 2):
        row["path"] = row.get("name") or f"line {number}"
    said = facts(root)
    rows = class_folders.labelled(rows, said)
    places = [(class_folders.number_of(row, "ra") or 0.0, class_folders.number_of(row, "dec") or 0.0) for row in rows]
    keep_zeros = bool(said.get("keep_zeros", False))
    found = {row["label"] for row in rows}
    names = tuple(label_words.normalise(str(name)) for name in said.pop("label_names", sorted(found)))
    unknown = sorted(found - set(names))
    if unknown or not rows:
        what = f"Labels {', '.join(unknown)} are not among {', '.join(names)}" if rows else "The catalogue has no rows"
        raise DatasetError(f"{tables[0]}: {what}.")
    paths = _covering(root, np.array(places).reshape(-1, 2), [row["path"] for row in rows])
    items = [
        Item(
            name=row["path"],
            label=names.index(row["label"]),
            source=partial(cutouts.read, path, position=place, size_arcsec=SIDE, keep_zeros=keep_zeros),
            ra=place[0],
            dec=place[1],
            fold=class_folders.fold_of(row),
            split=class_folders.split_of(row),
            key=cache.file_key(path, place, SIDE, *(["keep zeros"] if keep_zeros else [])),
        )
        for row, place, path in zip(rows, places, paths, strict=True)
    ]
    kept = subsample(items, count, seed)
    return DataSet(**{"title": root.name, **class_folders.seen_in(kept, said), **said}, items=kept, label_names=names)


def _covering(root: Path, places: NDArray[np.float64], names: Sequence[str]) -> list[Path]:
    """The image in which each place (N, 2) lies farthest inside."""
    files = sorted(path for path in root.rglob("*") if cutouts.is_fits(path.name))
    depth, best, failures = np.zeros(len(places)), np.full(len(places), -1), []
    for number, path in enumerate(files):
        try:
            found = _depth(cutouts.extent(path), places)
        except CutoutError as error:
            failures.append(f"{path.relative_to(root).as_posix()}: {error}")
            continue
        best[found > depth] = number
        depth = np.maximum(depth, found)
    if (best < 0).any():
        left = [names[index] for index in np.flatnonzero(best < 0).tolist()]
        more = f" Unreadable: {'; '.join(failures[:3])}" if failures else ""
        raise DatasetError(
            f"{len(left)} of {len(places)} sources lie in none of the {len(files)} FITS images: "
            f"{', '.join(left[:5])}{', ...' if len(left) > 5 else ''}.{more}"
        )
    return [files[number] for number in best]


def _depth(wcs: WCS, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each place from the nearest edge in degrees, at most half a cutout; 0 outside."""
    ny, nx = wcs.array_shape
    height, width = (side / 3600.0 for side in pixel_shape(wcs, (ny - 1) / 2, (nx - 1) / 2).scale)
    centre = wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    sky = SkyCoord(places * u.deg)
    near = sky.separation(centre).deg <= np.hypot(width * nx, height * ny)  # a projection knows nothing of the far side
    found = np.zeros(len(places))
    if near.any():
        x, y = cutouts.to_pixels(wcs, sky[near])
        inside = np.minimum(np.minimum(x + 0.5, nx - 0.5 - x) * width, np.minimum(y + 0.5, ny - 0.5 - y) * height)
        found[near] = np.clip(np.nan_to_num(inside, nan=0.0), 0.0, SIDE / 7200)
    return found
