"""Nothing is drawn that nobody looked at: token graphs are found by exact type, and each type has been verified."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import timm
import torch
from timm.models.levit import Levit
from torch import nn

from vlass_explorer.attention import attention_maps, graphs, supports
from vlass_explorer.schema import UnsupportedError

TABLE = Path(__file__).parent.parent / "docs" / "attention.md"
graphs._walk()
DESCRIBED = sorted(graphs._DESCRIBERS, key=lambda model: model.__name__)


@pytest.mark.parametrize("family", DESCRIBED, ids=[family.__name__ for family in DESCRIBED])
def test_a_relative_of_a_family_is_refused(family: type) -> None:
    relative = type("Relative", (family,), {"num_heads": 1})
    model = relative.__new__(relative)
    nn.Module.__init__(model)
    assert supports(model) == (
        False,
        "The attention of Relative is not covered yet; try gradients or occlusion instead.",
    )


def test_a_model_of_unknown_type_is_refused_when_it_runs() -> None:
    model = nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(16, 2, 16, batch_first=True)).eval()
    with pytest.raises(UnsupportedError, match="attention of Sequential is not covered yet"):
        attention_maps(model, torch.zeros(1, 3, 4, 4))


class Found(Exception):
    """Carries the class that an entry point of timm builds."""


def built_by(name: str) -> type:
    """Class of an architecture of timm, without building it."""
    entry = timm.model_entrypoint(name)

    def stop(model: type, *_: object, **__: object) -> None:
        raise Found(model)

    with patch.object(sys.modules[entry.__module__], "build_model_with_cfg", stop), pytest.raises(Found) as found:
        entry()
    model: type = found.value.args[0]
    return model


def test_every_family_that_is_drawn_was_verified_with_the_docs_table() -> None:
    rows = [line.split(" | ") for line in TABLE.read_text().partition("<!-- table -->")[2].splitlines()]
    verified = {row[0].removeprefix("| ") for row in rows if len(row) > 3 and row[2].partition(" ")[2] != "refused"}
    verified &= set(timm.list_models())
    # No name of timm builds a LeViT with one head: it is among the cases of the impulse test.
    assert {built_by(name) for name in verified} >= set(DESCRIBED) - {Levit}
