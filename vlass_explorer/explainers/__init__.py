"""Shelf of explainers: one file a method, found by walking this folder.

A file holds a module docstring (its first line is shown on the page), ``TITLE``, ``supports(model)``, which answers
whether the method applies and if not why, and ``explain(model, x, target, *, options...)``, which takes one model
input (1, C, H, W) with row 0 at the bottom and the index of a label and returns an ``Explanation``. Options are
keyword-only with a default and a plain type (bool, int, float, str, Literal, or one of them or None), with bounds
where it has some (``schema.bounds``), each described in the docstring as ``name: text``; widgets and flags are made
from them.
``explain_each(model, images, target, *, options...)`` may give the explanations of several images (B, C, H, W) in one
pass, equal to those of ``explain`` but for rounding.
``ZERO`` may say what it means for the method where all of its maps are zero everywhere.
``ON_SKY = False`` marks a method whose maps belong to the model and have no place on the sky. ``OF_PIXELS = True``
marks one that asks for no score of a whole image: it takes models that label pixels, too.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from ..schema import Explanation

if TYPE_CHECKING:
    from torch import nn

    from ..options import Option

__all__ = ["EXPLAINERS", "caption_zero_maps", "of_the_sky", "options", "supports"]

PIXELS = "It labels pixels: there is no score of a whole image to explain."

EXPLAINERS: Mapping[str, ModuleType] = MappingProxyType(
    {info.name: importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)}
)
"""File name -> module of every method."""


def of_the_sky() -> list[str]:
    """Names of the methods whose maps lie on the cutout."""
    return [name for name, module in EXPLAINERS.items() if getattr(module, "ON_SKY", True)]


def supports(name: str, model: nn.Module, task: str) -> tuple[bool, str]:
    """Does a method apply to a model that was trained for this task, and if not why."""
    if task != "classification" and not getattr(EXPLAINERS[name], "OF_PIXELS", False):
        return False, PIXELS
    answer: tuple[bool, str] = EXPLAINERS[name].supports(model)
    return answer


def options(name: str) -> Mapping[str, Option]:
    """Keyword options of a method, in order; their help is what the docstring of its ``explain`` says."""
    from ..options import of  # here, so that methods can be looked up without pydantic

    return of(EXPLAINERS[name].explain)


def caption_zero_maps(name: str, explanation: Explanation) -> Explanation:
    """The explanation; where all its maps are zero everywhere, its caption says so and what that means."""
    if explanation.maps.any():
        return explanation
    means = getattr(EXPLAINERS[name], "ZERO", "The method finds no part of the input that matters for this label.")
    return replace(explanation, caption=f"The map is zero everywhere. {means} {explanation.caption}".strip())
