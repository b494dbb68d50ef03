"""Names and writing of exported files: no name that a user gave ever becomes a path."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..cutouts import names
from ..schema import Cutout, Explanation, InputError
from .fits import fits_bytes
from .manifests import Provenance, manifest_json
from .png import png_bytes
from .regions import has_regions, regions_bytes


def safe_stem(name: str) -> str:
    """The last part of a file name without its suffixes, in letters, digits, dots, dashes, underscores and plus."""
    stem = names.stem(re.split(r"[/\\]", name)[-1])
    stem = re.sub(r"[^A-Za-z0-9._+-]+", "_", stem)
    stem = re.sub(r"\.{2,}", ".", stem).strip(".").lstrip("-")[:100]
    return stem or "cutout"


def unique_stem(name: str, taken: set[str]) -> str:
    """A safe stem that is not in ``taken`` yet (upper and lower case count as one), and is put there."""
    stem, number = safe_stem(name), 1
    candidate = stem
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem}-{number}"
    taken.add(candidate.casefold())
    return candidate


def replace_file(path: Path, content: bytes | Callable[[BinaryIO], None]) -> None:
    """Write a file as a whole or not at all, in place of one of its name; InputError where that cannot be.

    What is too large for memory is a function that writes it into the opened file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            if callable(content):
                content(stream)
            else:
                stream.write(content)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); make room or name another.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write(folder: Path, stem: str, explanation: Explanation, cutout: Cutout, provenance: Provenance) -> list[Path]:
    """Write ``<stem>.<method>.png``, ``.fits``, ``.reg`` and ``.json`` into a folder, which is made; returns the paths.

    A map that has no place on the sky, or is zero everywhere, gets no regions.

    ``stem`` comes from ``unique_stem``.  Files of the same name are replaced.
    """
    contents = {
        "png": png_bytes(explanation, cutout, provenance),
        "fits": fits_bytes(explanation, cutout, provenance),
        **({"reg": regions_bytes(explanation, cutout, provenance)} if has_regions(explanation) else {}),
        "json": manifest_json(explanation, cutout, provenance),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix, content in contents.items():
        path = folder / f"{safe_stem(stem)}.{provenance.method}.{suffix}"
        path.write_bytes(content)
        paths.append(path)
    return paths
