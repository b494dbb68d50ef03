"""Checkpoints that a run starts from or learns from: do they fit, and have they seen its validation fold?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlass_explorer import checkpoints
from vlass_explorer.schema import Checkpoint, ConfigError, InputSpec, RunConfig

from .data import Data
from .network import named

SAME_INPUT = ("stretch", "field_of_view", "field_of_view_pixels", "normalisation", "img_size", "in_chans", "nan_fill")


class Teacher(nn.Module):
    """A trained model that takes inputs with this run's mean and standard deviation."""

    scale: Tensor
    offset: Tensor

    def __init__(self, card: Checkpoint, spec: InputSpec) -> None:
        super().__init__()
        self.model = checkpoints.load(card)
        own_mean, own_std = torch.tensor(spec.mean), torch.tensor(spec.std)
        mean, std = torch.tensor(card.input_spec.mean), torch.tensor(card.input_spec.std)
        self.register_buffer("scale", (own_std / std)[:, None, None])
        self.register_buffer("offset", ((own_mean - mean) / std)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K) of inputs (B, C, S, S)."""
        logits: Tensor = self.model(x * self.scale + self.offset)
        return logits


def saw_validation(card: Checkpoint, config: RunConfig, title: str) -> bool:
    """True where weights were trained on the same data set with another fold held out, or learnt from such weights."""
    known = card.provenance
    if known.saw_validation:
        return True
    seed = known.split_seed or 0
    same = (known.split, known.fold, seed) == (
        config.split, config.fold, config.split_seed if config.split != "authors" else seed,
    )  # fmt: skip
    return known.data == title and not known.simulated and not same


def teachers(config: RunConfig, data: Data) -> list[nn.Module]:
    """Models to distil from; ConfigError where one takes other inputs or has seen the validation fold."""
    found: list[nn.Module] = []
    for text in filter(None, config.teacher.split(",")):
        card = checkpoints.find(named(text, config))
        if card.label_names != data.label_names:
            raise ConfigError(
                f"The teacher {card.name} knows {', '.join(card.label_names)}, not this data set's classes."
            )
        other = [key for key in SAME_INPUT if getattr(card.input_spec, key) != getattr(data.spec, key)]
        if other:
            raise ConfigError(f"The teacher {card.name} was trained with another {other[0]}; use the same.")
        if saw_validation(card, config, data.data_set.title):
            raise ConfigError(f"The teacher {card.name} was trained on cutouts of this run's validation fold.")
        found.append(Teacher(card, data.spec))
    return found


def notes(config: RunConfig, data: Data) -> dict[str, str]:
    """What the card must say of the starting weights: empty, or that the validation fold is not unseen."""
    if config.weights in ("none", "imagenet", ""):
        return {}
    card = checkpoints.find(named(config.weights, config))
    start = {"started_from": card.name, "started_from_sha256": card.sha256}
    if saw_validation(card, config, data.data_set.title):
        return {**start, "saw_validation": "The starting weights were trained on cutouts of this validation fold."}
    return start
