"""Shelf of architectures that timm lacks: one file each, registered with timm's own decorator.

Importing this package registers them all, so ``timm.create_model("vlass_vision_cnn")`` works afterwards. A file holds a
function with ``timm.models.register_model``, a ``default_cfgs`` table and a model that answers ``num_features``,
``num_classes``, ``get_classifier``, ``reset_classifier``, ``group_matcher``, ``forward_features``, ``forward_head``.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings

import timm
from timm.models import model_entrypoint

__all__ = ["discover", "names"]


def discover(package: str, path: list[str]) -> dict[str, str]:
    """Import every module of a package and return architecture name -> module of what they registered.

    Raises ValueError where a module takes a name that timm itself or another module already uses.
    """
    owners = {name: model_entrypoint(name).__module__ for name in timm.list_models()}
    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(path):
        with warnings.catch_warnings():
            # timm warns where a name is registered twice; below that is an error, except for a reloaded module.
            warnings.filterwarnings("ignore", message="Overwriting", category=UserWarning)
            module = importlib.import_module(f"{package}.{info.name}")
        for name in getattr(module, "default_cfgs", {}):
            architecture = name.split(".")[0]
            if owners.get(architecture, module.__name__) != module.__name__ or architecture in found:
                raise ValueError(f"{module.__name__} registers {architecture!r}, a name that is already taken.")
            found[architecture] = module.__name__
    return found


_FOUND = discover(__name__, __path__)


def names() -> list[str]:
    """Architectures of the shelf, sorted."""
    return sorted(_FOUND)
