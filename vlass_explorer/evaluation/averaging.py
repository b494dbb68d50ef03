"""One set of weights from several: the uniform mean, or a greedy soup that keeps what helps on validation data.

Wortsman et al. 2022, arXiv:2203.05482. Only floating point tensors are averaged; integer buffers are the first
parent's. The statistics of batch norms belong to the averaged weights no more and are estimated again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..checkpoints import load, tasks
from ..schema import Checkpoint, CheckpointError, InputSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

Inputs = Callable[[], Iterable["Tensor"]]
"""Gives batches of training inputs (B, C, S, S), as at prediction."""


def check_alike(cards: Sequence[Checkpoint]) -> None:
    """CheckpointError where fewer than two are given, one twice, or where they are not the same kind of model."""
    if len(cards) < 2:
        raise CheckpointError("Averaging takes two checkpoints or more.")
    first = cards[0]
    for card in cards:
        tasks.require(card, "classification")
    for place, card in enumerate(cards[1:], start=1):
        pair = f"{first.name} and {card.name}"
        if card.sha256 in {other.sha256 for other in cards[:place]}:
            raise CheckpointError(f"{card.name} has the same weights as another one that is averaged; name it once.")
        if card.architecture != first.architecture or dict(card.model_args) != dict(first.model_args):
            raise CheckpointError(
                f"{pair} are different architectures ({first.architecture} {dict(first.model_args)} and "
                f"{card.architecture} {dict(card.model_args)}); weights of one architecture can be averaged."
            )
        if card.label_names != first.label_names:
            raise CheckpointError(
                f"{pair} know different classes ({', '.join(first.label_names)} and {', '.join(card.label_names)}); "
                "average checkpoints with the same label names in the same order."
            )
        names = [field.name for field in fields(InputSpec)]
        if other := [key for key in names if getattr(card.input_spec, key) != getattr(first.input_spec, key)]:
            raise CheckpointError(
                f"{pair} were trained on different inputs ({', '.join(other)}); average checkpoints that share them."
            )


def mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of state dicts with the same keys, summed in float64; tensors that are no floats are the first one's."""
    import torch

    found: dict[str, Tensor] = {}
    for key, tensor in states[0].items():
        if tensor.is_floating_point():
            found[key] = torch.stack([state[key].double() for state in states]).mean(dim=0).to(tensor.dtype)
        else:
            found[key] = tensor.clone()
    return found


def has_statistics(model: nn.Module) -> bool:
    """True where the model keeps running statistics of its activations, as batch norms do."""
    return bool(_norms(model))


def _norms(model: nn.Module) -> list[Any]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]


def estimate_statistics(model: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Estimate the running statistics of all batch norms again: the mean over batches of inputs (B, C, S, S).

    Everything else stays in evaluation mode, so that no dropout disturbs them; batches should be of one size.
    """
    import torch

    norms = _norms(model)
    kept = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    model.eval()
    device = next(model.parameters()).device
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
        norm.train()
    try:
        with torch.no_grad():
            for x in inputs:
                model(x.to(device))
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)
        model.eval()


def average(
    cards: Sequence[Checkpoint],
    inputs: Inputs | None = None,
    score: Callable[[nn.Module], float] | None = None,
    device: str = "cpu",
) -> tuple[nn.Module, list[Checkpoint]]:
    """The averaged model and the checkpoints that are in it.

    Without ``score`` all of them are. With one (higher is better, on validation data) it is a greedy soup: best first,
    each one stays in where the score does not fall. ``inputs`` gives training inputs for batch norms.  Raises
    CheckpointError where the checkpoints differ in kind, or where batch norms have no inputs to be estimated on.
    """
    check_alike(cards)
    parents = [(card, load(card)) for card in cards]
    if has_statistics(parents[0][1]) and inputs is None:
        raise CheckpointError(
            f"{cards[0].architecture} has batch norms: give the training data, so that their statistics can be "
            "estimated again for the averaged weights."
        )
    model = copy.deepcopy(parents[0][1]).to(device)

    def fill(chosen: Sequence[tuple[Checkpoint, nn.Module]]) -> nn.Module:
        model.load_state_dict(mean([parent.state_dict() for _, parent in chosen]))
        if has_statistics(model) and len(chosen) > 1:
            assert inputs is not None
            estimate_statistics(model, inputs())
        return model.eval()

    if score is None:
        return fill(parents), list(cards)
    ranked = sorted(((score(fill([parent])), -i, parent) for i, parent in enumerate(parents)), reverse=True)
    best, _, first = ranked[0]
    chosen = [first]
    for _, _, parent in ranked[1:]:
        reached = score(fill([*chosen, parent]))
        if reached >= best:
            best, chosen = reached, [*chosen, parent]
    return fill(chosen), [card for card, _ in chosen]
