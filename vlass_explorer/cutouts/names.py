"""Names of files that hold cutouts: the one list for class folders, catalogues, uploads, pages and command line.

A name only chooses files in a folder; what a file is, ``read`` tells by its content alone.
"""

from __future__ import annotations

FITS = (".fits", ".fit", ".fts")
OTHERS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
# Unix compress (.Z) is not unpacked: such a file is taken all the same, so that ``read`` says so.
PACKED = (".gz", ".bz2", ".z")
FITS_SUFFIXES = (*FITS, *(f"{suffix}{packed}" for suffix in FITS for packed in (*PACKED, ".fz")))
SUFFIXES = (*FITS_SUFFIXES, *OTHERS, *(f"{suffix}{packed}" for suffix in OTHERS for packed in PACKED))
FORMATS = "FITS (.fits, .fit, .fts), PNG, JPEG, TIFF or NPY"
"""For sentences; packed ones (.gz, .bz2, and .fz of FITS) go without saying."""


def is_cutout(name: str) -> bool:
    """Is a file of this name, which is not hidden, taken for a cutout?"""
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def is_fits(name: str) -> bool:
    """Is it taken for a cutout as FITS?"""
    return is_cutout(name) and name.lower().endswith(FITS_SUFFIXES)


def stem(name: str) -> str:
    """A name without its suffixes, however many of them there are."""
    while name.lower().endswith((*FITS, *OTHERS, *PACKED, ".fz")):
        name = name[: name.rindex(".")]
    return name
