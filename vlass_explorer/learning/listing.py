"""The recipes as a table: architecture, parameters as built for each recipe's classes, source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from .. import recipes
from .network import build


def row(name: str) -> dict[str, Any]:
    """One recipe: name, architecture, classes, parameters (all and trained), source; no weights are made or fetched."""
    config = recipes.load(name)
    labels = tuple(str(number) for number in range(recipes.classes(name)))
    with torch.device("meta"):
        model, _ = build(replace(config, weights="none", initialise="default"), labels)
    parameters = list(model.parameters())
    return {
        "name": name,
        "architecture": config.architecture,
        "classes": len(labels),
        "parameters": sum(p.numel() for p in parameters),
        "trained_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "source": recipes.source(name),
    }


def line(found: dict[str, Any]) -> str:
    """A row for the terminal: name, millions of parameters, architecture, source."""
    millions = found["parameters"] / 1e6
    return f"{found['name']:36} {millions:8.3f} M  {found['architecture']:24} {found['source']}"
