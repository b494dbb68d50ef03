"""Shelf of architectures that timm lacks: one file each.

A file NAME.py holds a class under ``headed.architecture(NAME, headed.entry(...))``: ``headed.build`` makes it without
timm, whose import takes longer than a prediction. One made of timm's parts may hold a function with
``timm.models.register_model`` and a ``default_cfgs`` table instead. The model answers ``num_features``,
``num_classes``, ``get_classifier``, ``reset_classifier``, ``group_matcher``, ``forward_features``, ``forward_head``.

``register`` makes them all known to timm, so that ``timm.create_model("vlass_vision_cnn")`` works afterwards.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..headed import ARCHITECTURES
from ..schema import RENAMED

if TYPE_CHECKING:
    from torch import nn

__all__ = ["discover", "is_plain", "names", "register"]


def is_plain(name: str) -> bool:
    """True for an architecture of the shelf that ``headed.build`` makes without timm; its file is imported then."""
    if name not in {info.name for info in pkgutil.iter_modules(__path__)}:
        return False
    importlib.import_module(f"{__name__}.{name}")
    return name in ARCHITECTURES


def discover(package: str, path: list[str]) -> dict[str, str]:
    """Import every module of a package, register it with timm and return architecture name -> module.

    Raises ValueError where a module takes a name that timm itself or another module already uses.
    """
    # Here and not above: what needs no timm is built without its import.
    import timm
    from timm.models import model_entrypoint

    owners = {name: model_entrypoint(name).__module__ for name in timm.list_models()}
    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(path):
        with warnings.catch_warnings():
            # timm warns where a name is registered twice; below that is an error, except for a reloaded module.
            warnings.filterwarnings("ignore", message="Overwriting", category=UserWarning)
            module = importlib.import_module(f"{package}.{info.name}")
        plain = {name for name, (model, _) in ARCHITECTURES.items() if model.__module__ == module.__name__}
        for name in sorted({*plain, *getattr(module, "default_cfgs", {})}):
            architecture = name.split(".")[0]
            if owners.get(architecture, module.__name__) != module.__name__ or architecture in found:
                raise ValueError(f"{module.__name__} registers {architecture!r}, a name that is already taken.")
            found[architecture] = module.__name__
            if name in plain and name not in owners:
                _register(name, module)
    return found


def _register(name: str, module: ModuleType) -> None:
    """What timm's decorator and table do, for a class that was written without timm."""
    from timm.models import build_model_with_cfg, register_model

    model, config = ARCHITECTURES[name]

    def create(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        built: nn.Module = build_model_with_cfg(model, name, pretrained, **kwargs)
        return built

    # timm looks both up by name in the module of the function.
    create.__name__, create.__module__, create.__doc__ = name, module.__name__, model.__doc__
    vars(module).update({"default_cfgs": {name: config}, name: create})
    register_model(create)


@cache
def register() -> Mapping[str, str]:
    """Make timm know the shelf, once a process; architecture name -> module."""
    from timm.models import register_model_deprecations

    found = discover(__name__, __path__)
    for old, new in RENAMED.items():
        register_model_deprecations(found[new], {old: new})
    return found


def names() -> list[str]:
    """Architectures of the shelf, sorted; calls ``register``."""
    return sorted(register())
