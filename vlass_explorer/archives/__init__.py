"""Shelf of services that have images of the sky: one file a service, found by walking this folder.

A file holds a docstring (what it gives and cannot give, terms, papers), ``SERVICE`` (its own name), ``SURVEY``,
``MODEL_INPUT`` (False: for looking only), ``find(position, radius, client) -> list[Product]`` and
``fetch(product, position, size, client, *, noise=False) -> Answer``, whose ``data`` are the bytes of a FITS file.
Positions are (RA, Dec) in degrees, ICRS; radius and size, the side of a square, are in arcsec. A service that fails
raises ServiceError, one that has nothing there ``contract.Outside``; never an empty list or a blank image instead.

With the hub of weights this is the only part of the core that opens connections. ``ask`` does, for all services.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from ..options import nearest
from ..schema import ArchiveError
from .allowed import SETTING, is_allowed
from .ask import Client, Stopped
from .tables import Columns
from .targets import given, of_text

__all__ = ["SERVICES", "SETTING", "Client", "Columns", "Stopped", "given", "is_allowed", "of_text", "service"]


def _discover() -> dict[str, ModuleType]:
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "fetch") and hasattr(module, "SURVEY")}


def service(name: str) -> ModuleType:
    """The service of that name, or the one of that survey; raises ArchiveError for another, or one that is off."""
    by_survey = {module.SURVEY.lower(): key for key, module in SERVICES.items()}
    key = name if name in SERVICES else by_survey.get(name.lower(), "")
    if not key:
        known = sorted({*SERVICES, *by_survey})
        raise ArchiveError(
            f"There is no survey or service {name!r}{nearest(name, known)}; known are {', '.join(known)}."
        )
    if key != "local_tiles" and not is_allowed(key):
        raise ArchiveError(f"Asking {key} is switched off here ({SETTING}).")
    return SERVICES[key]


SERVICES: Mapping[str, ModuleType] = _discover()
