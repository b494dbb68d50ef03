"""Build an architecture and fill it with a checkpoint's weights, strictly."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..foreign import mapped, reason
from ..schema import NETWORKS, RENAMED, Checkpoint, CheckpointError, ConfigError, TakesNoArgument
from .config import FORBIDDEN_ARGS, WEIGHTS, check_head, read_config, read_header
from .heads import completed, plain_arguments

if TYPE_CHECKING:
    from torch import Tensor, nn


def create(architecture: str, num_classes: int, model_args: Mapping[str, Any]) -> nn.Module:
    """An untrained model of timm, of ``vlass_explorer.backbones`` or of ``segmentation``, without any download.

    ``model_args`` are the keyword arguments of ``timm.create_model`` that shape it (img_size, patch_size, in_chans);
    ``mlp_head`` among them puts an MLP in the place of the classifier, ``front`` something before the model; see
    ``heads.completed``; networks that label pixels take ``encoder`` and ``pyramid``, and what the encoder takes.
    Raises CheckpointError for an unknown architecture (with the nearest names) or arguments that it does not take.
    """
    # Here and not above: cards are listed without torch.
    from .. import backbones, headed

    architecture = RENAMED.get(architecture, architecture)
    if forbidden := sorted(FORBIDDEN_ARGS & model_args.keys()):
        raise CheckpointError(f"model_args may not hold {', '.join(forbidden)}.")
    if architecture in NETWORKS:
        return _of_segmentation(architecture, num_classes, model_args)
    make: Callable[..., nn.Module] = headed.build if backbones.is_plain(architecture) else _of_timm(architecture)
    with mapped(lambda error: _refusal(error, architecture, model_args)):
        model = make(architecture, num_classes=num_classes, **plain_arguments(model_args))
        return completed(model, num_classes, model_args)


def _of_segmentation(name: str, num_classes: int, model_args: Mapping[str, Any]) -> nn.Module:
    """A network that labels pixels; Python tells an argument that its encoder does not take in words only."""
    from .. import segmentation

    try:
        return segmentation.create(name, num_classes, **model_args)
    except ConfigError as error:
        cause = error.__cause__
        raise (_refusal(cause, name, model_args) if isinstance(cause, TypeError) else CheckpointError(str(error))) from error
    except TypeError as error:
        raise _refusal(error, name, model_args) from error


def _of_timm(architecture: str) -> Callable[..., nn.Module]:
    """What builds an architecture that timm knows, those of ours that are made of its parts among them."""
    # Here and not above: timm takes longer to import than a prediction.
    import timm

    from .. import backbones

    backbones.register()
    names = timm.list_models()
    if architecture not in names:
        near = difflib.get_close_matches(architecture, names, n=3, cutoff=0.5)
        hint = f"; the nearest are {', '.join(near)}" if near else ""
        raise CheckpointError(f"Neither timm nor this program knows the architecture {architecture!r}{hint}.")
    return partial(timm.create_model, pretrained=False)


def sketch(architecture: str, num_classes: int, model_args: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """Names and shapes of a model's tensors, none of which takes memory; empty where only a whole model tells them.

    ``model_args`` of a file from elsewhere may ask for more memory than there is; its weights then do not fit.
    """
    import torch

    try:
        with torch.device("meta"):
            return create(architecture, num_classes, model_args).state_dict()
    except CheckpointError:
        return {}  # some architectures compute with their weights as they are built; what is wrong, ``create`` says


def _refusal(error: Exception, architecture: str, model_args: Mapping[str, Any]) -> CheckpointError:
    """Why a model cannot be built; Python tells an argument that nobody takes in words only."""
    refused = re.search(r"unexpected keyword argument '(\w+)'", str(error)) if isinstance(error, TypeError) else None
    if refused is not None and refused[1] in model_args:
        return TakesNoArgument(architecture, refused[1])
    return CheckpointError(f"{architecture} cannot be built with {dict(model_args)}: {reason(error, 300)}.")


def load(card: Checkpoint, device: str = "cpu") -> nn.Module:
    """The trained model of a card: hash and class count checked, state dict strict, float32, in evaluation mode.

    Raises CheckpointError where the folder changed, the weights are broken or do not fit the architecture, or the
    device is absent.
    """
    import safetensors.torch

    check_head(read_config(card.path), read_header(card.path), card.name)
    content = (card.path / WEIGHTS).read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != card.sha256:
        raise CheckpointError(
            f"The weights of checkpoint {card.name} are not those of its card: sha256 {found[:12]}, "
            f"expected {card.sha256[:12]}; copy the folder again."
        )
    with mapped(lambda error: CheckpointError(f"{WEIGHTS} of checkpoint {card.name} is broken: {reason(error)}.")):
        state = safetensors.torch.load(content)
    if wanted := sketch(card.architecture, len(card.label_names), card.model_args):
        _check(wanted, state, card)
    model = create(card.architecture, len(card.label_names), card.model_args)
    _check(model.state_dict(), state, card)
    model.load_state_dict(dict(state), strict=True)
    # Explainers build their baselines (an empty sky) from it.
    object.__setattr__(model, "input_spec", card.input_spec)
    with mapped(lambda error: CheckpointError(f"The device {device!r} cannot be used here: {reason(error)}.")):
        return model.float().to(device).eval()


def _check(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], card: Checkpoint) -> None:
    """Every name and every shape has to fit."""
    if missing := sorted(wanted.keys() - state.keys()):
        raise CheckpointError(
            f"The weights of checkpoint {card.name} miss {named(missing)} of {card.architecture}."
        )
    if unexpected := sorted(state.keys() - wanted.keys()):
        raise CheckpointError(
            f"The weights of checkpoint {card.name} hold {named(unexpected)}, "
            f"which {card.architecture} does not have."
        )
    for key, tensor in state.items():
        if tensor.shape != wanted[key].shape:
            raise CheckpointError(
                f"{key} of checkpoint {card.name} has the shape {tuple(tensor.shape)}, "
                f"{card.architecture} needs {tuple(wanted[key].shape)}; correct model_args."
            )
        if tensor.is_floating_point() != wanted[key].is_floating_point():
            raise CheckpointError(f"{key} of checkpoint {card.name} has the wrong type {tensor.dtype}.")


def named(keys: Sequence[str]) -> str:
    """The first of some keys and how many more there are, for a sentence."""
    return f"{keys[0]} and {len(keys) - 1} more" if len(keys) > 1 else keys[0]
