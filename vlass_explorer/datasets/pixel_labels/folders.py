"""A folder with ``images`` and ``masks``: for each image a PNG or FITS mask of the same name and size.

A mask has one whole number a pixel, the place of its class in ``label_names`` of dataset.yaml (0 the background), or
255 where the class is not known. The rows of a PNG run from the top as those of its image do. dataset.yaml may say
more, see ``datasets.class_folders``.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import cutouts
from ...foreign import mapped, reason
from ...schema import IGNORE, CutoutError, DatasetError, Row0
from .. import cache
from ..facts import facts
from .items import Mask, MaskedItem, MaskSet

MASKS = (".png", ".fits", ".fit", ".fits.gz")
LARGEST = 4096 * 4096


def read_folder(root: Path) -> MaskSet:
    """The images of a folder with their masks, in the order of their names.

    Raises DatasetError for a folder without ``images``, ``masks`` or names of the classes, and where masks are missing.
    """
    images, masks = root / "images", root / "masks"
    for folder in (images, masks):
        if not folder.is_dir():
            raise DatasetError(f"{root} has no folder {folder.name!r}: images and masks stand in one each.")
    said = facts(root)
    names = tuple(map(str, said.get("label_names", ())))
    if not 2 <= len(names) <= IGNORE or len(set(names)) != len(names):
        raise DatasetError(f"{root / 'dataset.yaml'} names no classes: label_names lists them, the background first.")
    by_stem = {_stem(path.name): path for path in sorted(masks.iterdir()) if path.name.endswith(MASKS)}
    found = sorted(path for path in images.iterdir() if path.is_file() and cutouts.is_cutout(path.name))
    if not found:
        raise DatasetError(f"{images} holds no {cutouts.FORMATS} files.")
    if missing := [path.name for path in found if _stem(path.name) not in by_stem]:
        some = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
        raise DatasetError(
            f"{len(missing)} of {len(found)} images have no mask ({some}): label them, or move them elsewhere."
        )
    row0: Row0 | None = said.get("row0")
    reading: dict[str, Any] = {"row0": row0, "pixel_scale": said.get("pixel_scale_arcsec")}
    items = tuple(
        MaskedItem(
            path.name,
            partial(cutouts.read, path, **reading),
            partial(read_mask, mask, row0),
            key=cache.file_key(path, *reading.values()) + cache.file_key(mask),
        )
        for path in found
        for mask in (by_stem[_stem(path.name)],)
    )
    return MaskSet(
        str(said.get("title", root.name)),
        items,
        names,
        beam_arcsec=said.get("beam_arcsec"),
        pixel_scale_arcsec=said.get("pixel_scale_arcsec"),
        licence=str(said.get("licence", "")),
        simulated=bool(said.get("simulated", False)),
    )


def read_mask(path: Path, row0: Row0 | None = None) -> Mask:
    """A mask of a PNG (grey or palette, its rows turned as those of pictures are) or of the first image of a FITS file.

    Raises CutoutError for what holds no whole number from 0 to 255 at each pixel; blanks of a FITS file are ``IGNORE``.
    """
    damaged = f"the mask {path.name} cannot be read"
    with mapped(lambda error: CutoutError(f"{damaged}: {reason(error)}.")):
        values = _picture(path) if path.suffix == ".png" else _fits(path)
    if values.ndim != 2 or values.size > LARGEST:
        raise CutoutError(f"{damaged}: it is no image of one number a pixel, of at most {LARGEST} pixels.")
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), IGNORE, values)
    if not (np.equal(np.mod(values, 1), 0).all() and values.min() >= 0 and values.max() <= IGNORE):
        raise CutoutError(f"{damaged}: a label is a whole number from 0 to {IGNORE}.")
    mask = values.astype(np.uint8)
    return mask[::-1] if path.suffix == ".png" and row0 != "south" else mask


def _picture(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(BytesIO(path.read_bytes()), formats=("PNG",)) as image:
        if image.width * image.height > LARGEST:
            raise CutoutError(f"the mask {path.name} has more than {LARGEST} pixels.")
        if image.mode == "1":
            return np.asarray(image).astype(np.uint8)
        return np.asarray(image)  # of a palette: the numbers, not the colours


def _fits(path: Path) -> NDArray[Any]:
    from astropy.io import fits

    with fits.open(path) as hdus:
        plane = next(hdu.data for hdu in hdus if hdu.header.get("NAXIS", 0) >= 2)
        return np.squeeze(np.array(plane))


def _stem(name: str) -> str:
    return name.removesuffix(".gz").rpartition(".")[0]
