"""``methods NAME --verify``: attention is put on one patch after the other, and the map must show it there."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .. import checkpoints
from ..checkpoints import tasks
from ..schema import CheckpointError, ConfigError, TakesNoArgument
from .terminal import FAILED, complain, say, shown

if TYPE_CHECKING:
    from torch import nn


def run(args: argparse.Namespace) -> int:
    """Print one line a layer; 2 where a layer is drawn in the wrong place."""
    import torch

    from ..attention import impulse, own_size

    if args.img_size and min(args.img_size) < 1:
        raise ConfigError("An input has at least 1 row and 1 column.")
    model, channels = _model(args.checkpoint, args.img_size)
    ny, nx = args.img_size or own_size(model)
    layers = impulse.verify(model, torch.zeros(1, channels, ny, nx))
    wrong = sum(bool(layer.fault) for layer in layers)
    if args.json:
        record: dict[str, Any] = {"name": args.checkpoint, "img_size": [ny, nx], "right": not wrong}
        say(json.dumps(record | {"layers": [asdict(layer) for layer in layers]}, indent=1))
    else:
        for layer in layers:
            found = f"WRONG  {layer.fault}" if layer.fault else f"right  {layer.tokens} keys and queries tried"
            say(shown(f"{layer.name:44} {found}"))
    if wrong:
        complain(f"{wrong} of {len(layers)} layers of {args.checkpoint} are drawn in the wrong place at {ny} x {nx}.")
    return FAILED if wrong else 0


def _model(name: str, img_size: list[int] | None) -> tuple[nn.Module, int]:
    """The checkpoint of that name, or the architecture with random weights, built for the size where it can be."""
    import torch

    try:
        card = checkpoints.find(name)
    except CheckpointError as unknown:
        torch.manual_seed(0)
        try:
            model = checkpoints.create(name, 2, {"img_size": tuple(img_size)} if img_size else {})
        except TakesNoArgument:
            model = checkpoints.create(name, 2, {})
        except CheckpointError as error:
            raise (error if _is_architecture(name) else unknown) from None
        return model.eval(), 3
    return checkpoints.load(tasks.require(card, "classification")), card.input_spec.in_chans


def _is_architecture(name: str) -> bool:
    import timm

    from .. import backbones

    backbones.register()
    return bool(timm.is_model(name))
