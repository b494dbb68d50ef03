"""Starting weights into a model, strictly: those of a checkpoint or of a file; other sizes and classes are fitted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from timm.layers import resample_abs_pos_embed
from timm.models import adapt_input_conv
from torch import Tensor, nn

from .. import backbones, checkpoints
from ..checkpoints.weights import named
from ..foreign import mapped, reason
from ..front import backbone, is_fronted
from ..headed import ARCHITECTURES
from ..schema import Checkpoint, ConfigError

State = Mapping[str, Tensor]


def check_architecture(card: Checkpoint, architecture: str) -> None:
    """ConfigError where a run starts from a checkpoint of an architecture that its own takes no weights of."""
    wanted = architecture.split(".")[0]
    others = getattr(ARCHITECTURES[wanted][0], "starts_from", ()) if backbones.is_plain(wanted) else ()
    if card.architecture not in (wanted, *others):
        raise ConfigError(f"Checkpoint {card.name} is a {card.architecture}; set architecture to it, not {wanted}.")


def from_checkpoint(model: nn.Module, card: Checkpoint, label_names: tuple[str, ...]) -> None:
    """Copy a checkpoint's weights; the head is fresh where the kind of head or the architecture differs.

    Of its classes those of the run are taken, by name; where it lacks one of them the head is fresh, too. A front that
    the checkpoint lacks starts fresh, as the identity; ConfigError where it has one and the run has not.
    """
    start = checkpoints.load(card)
    if card.architecture in getattr(model, "starts_from", ()):
        # A part of it: the rest, and the head, start fresh.
        taken: State = model.weights_of(start.state_dict())  # type: ignore[operator]
        _copy(model, {**model.state_dict(), **taken}, f"Checkpoint {card.name}", card.architecture, keeps_head=False)
        return
    if is_fronted(start) and not is_fronted(model):
        raise ConfigError(f"Checkpoint {card.name} was trained behind a front; set front={card.model_args['front']}.")
    if not is_fronted(start):
        model = backbone(model)
    head = _head_keys(start)
    keeps_head = set(label_names) <= set(card.label_names) and _head_keys(model) == head
    state = start.state_dict()
    if keeps_head:
        rows = [card.label_names.index(name) for name in label_names]
        of_classes = {key for key in head if state[key].shape[:1] == (len(card.label_names),)}
        state = {key: tensor[rows] if key in of_classes else tensor for key, tensor in state.items()}
    _copy(model, state, f"Checkpoint {card.name}", card.architecture, keeps_head)


def from_file(model: nn.Module, path: Path, architecture: str) -> None:
    """Copy the weights of a .safetensors file, timm's or ours; the head is fresh where the file has another one.

    Raises ConfigError where there is no such file, or where tensors are missing, left over or of a wrong shape.
    """
    if not path.is_file():
        raise ConfigError(f"There is no file {path} to take the weights from.")
    with mapped(lambda error: ConfigError(f"{path} is no safetensors file: {reason(error)}.")):
        state = safetensors.torch.load_file(path)
    if is_fronted(model) and not any(key.startswith("body.") for key in state):
        model = backbone(model)
    own = model.state_dict()
    keeps_head = all(key in state and state[key].shape == own[key].shape for key in _head_keys(model))
    _copy(model, _as_timm_reads(model, state, path), path.name, architecture, keeps_head)


def _as_timm_reads(model: nn.Module, state: State, path: Path) -> State:
    """The state as timm's own reader of this architecture makes it: old names, tables of other sizes resampled."""
    read: Callable[[State, nn.Module], State] | None
    read = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if read is None:
        return state
    with mapped(
        lambda error: ConfigError(
            f"The weights of {path.name} do not fit this architecture ({reason(error)}); name the one that they are of."
        )
    ):
        return read(dict(state), model)


def _copy(model: nn.Module, state: State, source: str, architecture: str, keeps_head: bool) -> None:
    own = model.state_dict()
    if not keeps_head:
        prefixes, head = _head_prefixes(model), _head_keys(model)
        state = {key: tensor for key, tensor in state.items() if not key.startswith(prefixes)}
        state |= {key: own[key] for key in head}
    if missing := sorted(own.keys() - state.keys()):
        raise ConfigError(f"{source} has no {named(missing)}, which this run's {architecture} needs.")
    if unused := sorted(state.keys() - own.keys()):
        raise ConfigError(f"{source} holds {named(unused)}, which this run's {architecture} does not have.")
    model.load_state_dict({key: _fitted(key, state[key], own[key], model) for key in own})


def _fitted(key: str, found: Tensor, wanted: Tensor, model: nn.Module) -> Tensor:
    """A tensor of another input size or channel count, resampled to what this model needs."""
    if found.shape == wanted.shape:
        return found
    if key.endswith("pos_embed") and hasattr(model, "patch_embed"):
        embedding: Any = model.patch_embed
        grid = list(embedding.grid_size)
        return resample_abs_pos_embed(found, grid, num_prefix_tokens=getattr(model, "num_prefix_tokens", 1))
    is_filter = found.ndim == wanted.ndim == 4 and found.shape[2:] == wanted.shape[2:]
    if is_filter and found.shape[0] == wanted.shape[0] and {found.shape[1], wanted.shape[1]} == {1, 3}:
        return adapt_input_conv(wanted.shape[1], found if found.shape[1] == 3 else found.repeat(1, 3, 1, 1) / 3)
    raise ConfigError(
        f"{key} of the starting weights has the shape {tuple(found.shape)}, this run needs {tuple(wanted.shape)}; "
        "use their img_size and patch_size."
    )


def _head_prefixes(model: nn.Module) -> tuple[str, ...]:
    """What the keys of the head begin with."""
    own = {id(module) for module in checkpoints.classifiers(model)}
    return tuple(f"{name}." for name, module in model.named_modules() if id(module) in own)


def _head_keys(model: nn.Module) -> set[str]:
    """Keys of the state of the head, buffers included."""
    prefixes = _head_prefixes(model)
    return {key for key in model.state_dict() if key.startswith(prefixes)}
