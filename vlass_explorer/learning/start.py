"""Checkpoints that a run starts from or learns from: do they fit, and have they seen its validation fold?"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..checkpoints.starting import file_of, resolve_name, starting_checkpoint
from ..evaluation import unseen
from ..schema import Ancestor, Checkpoint, ConfigError, InputSpec, RunConfig
from .data import Data
from .provenance import Start, inherited, outside

SAME_INPUT = (
    "stretch",
    "clip_sigma",
    "softening",
    "percentiles",
    "field_of_view",
    "field_of_view_pixels",
    "normalisation",
    "nan_fill",
    "img_size",
    "in_chans",
    "colour",
)


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


def saw_validation(card: Checkpoint, config: RunConfig, data: Data) -> bool:
    """True where weights were trained on cutouts of a run's validation part, or learnt from such weights.

    By the list of what they have seen; where there is none, or it leaves ancestors out, by what the card says: the same
    data set with another fold held out.
    """
    found = unseen.overlap(card, data.validation.cutouts)
    if found.trained or not found.unknown:
        return bool(found.trained)
    known = card.provenance
    if known.saw_validation:
        return True
    seed = known.split_seed or 0
    same = (known.split, known.fold, seed) == (
        config.split,
        config.fold,
        config.split_seed if config.split != "authors" else seed,
    )
    return known.data == data.data_set.title and not known.simulated and not same


def teacher_cards(config: RunConfig) -> list[Checkpoint]:
    """The checkpoints that a run learns from."""
    return [checkpoints.find(resolve_name(text, config)) for text in filter(None, config.teacher.split(","))]


def teachers(config: RunConfig, data: Data) -> list[nn.Module]:
    """Models to distil from; ConfigError where one takes other inputs or has seen the validation fold."""
    found: list[nn.Module] = []
    for card in teacher_cards(config):
        if card.label_names != data.label_names:
            raise ConfigError(
                f"The teacher {card.name} knows {', '.join(card.label_names)}, not this data set's classes."
            )
        other = [key for key in SAME_INPUT if getattr(card.input_spec, key) != getattr(data.spec, key)]
        if other:
            raise ConfigError(f"The teacher {card.name} was trained with another {other[0]}; use the same.")
        if saw_validation(card, config, data):
            raise ConfigError(f"The teacher {card.name} was trained on cutouts of this run's validation fold.")
        found.append(Teacher(card, data.spec))
    return found


def origin(config: RunConfig, data: Data) -> Start:
    """What a run takes over from its starting weights and its teachers, told before it begins."""
    learnt = teacher_cards(config)
    taken = [inherited(card, "teacher") for card in learnt]
    known = Start(
        seen=(*outside(config, data.data_set), *taken),
        teachers=tuple(Ancestor(card.name, card.sha256) for card in learnt),
    )
    card = starting_checkpoint(config)
    if card is None:
        return replace(known, started_from=file_of(config))
    saw = saw_validation(card, config, data)
    return replace(
        known,
        seen=(inherited(card, "starting weights"), *known.seen),
        started_from=Ancestor(card.name, card.sha256),
        saw_validation="The starting weights were trained on cutouts of this validation fold." if saw else None,
    )
