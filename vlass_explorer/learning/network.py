"""From a configuration to a model: architecture, starting weights, what is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import group_parameters
from torch import nn

from .. import backbones, checkpoints
from ..checkpoints import starting
from ..foreign import mapped, reason
from ..front import SMALLEST, backbone
from ..schema import Checkpoint, CheckpointError, ConfigError, RunConfig, TakesNoArgument
from . import fill, mimetic

OWN = ("in_chans", "img_size", "patch_size", checkpoints.MLP_HEAD, checkpoints.FRONT, "encoder", "pyramid")
"""Arguments of an architecture that options of a run decide."""


def _wishes(config: RunConfig, start: Checkpoint | None) -> dict[str, Any]:
    """Arguments of the architecture; what no option says (a depth) is as the starting checkpoint has it."""
    passed_on = {} if start is None else {key: v for key, v in start.model_args.items() if key not in OWN}
    wishes: dict[str, Any] = {**passed_on, "in_chans": config.in_chans, "img_size": config.img_size}
    if config.task == "segmentation":
        wishes["encoder"] = config.encoder
        wishes |= {"pyramid": config.pyramid} if config.pyramid else {}
    if config.head == "mlp":
        wishes[checkpoints.MLP_HEAD] = True
    if config.front != "none":
        wishes[checkpoints.FRONT] = config.front
    if config.patch_size:
        wishes["patch_size"] = config.patch_size
    for rate in ("drop_rate", "drop_path_rate"):
        if getattr(config, rate):
            wishes[rate] = getattr(config, rate)
    return wishes


def build(config: RunConfig, label_names: tuple[str, ...]) -> tuple[nn.Module, dict[str, Any]]:
    """The model to train and the arguments that rebuild it for use (without dropout).

    ``img_size`` is left out for architectures that take any size; an architecture that cannot take another wish of
    the configuration is a ConfigError.
    """
    if config.front != "none" and config.img_size < SMALLEST:
        raise ConfigError(f"front={config.front} needs an img_size of at least {SMALLEST}, not {config.img_size}.")
    start = starting.starting_checkpoint(config)
    if start is not None:
        fill.check_architecture(start, config.architecture)
    wishes, asked = _wishes(config, start), _wishes(config, start)
    torch.manual_seed(config.seed)
    while True:
        try:
            model = _create(config, wishes, len(label_names))
            break
        except TakesNoArgument as error:
            if error.argument != "img_size":
                raise ConfigError(str(error)) from error
            del wishes["img_size"]
            torch.manual_seed(config.seed)
        except CheckpointError as error:
            raise ConfigError(str(error)) from error
    if start is not None:
        fill.from_checkpoint(model, start, label_names)
    elif starting.is_file(config.weights):
        fill.from_file(model, Path(config.weights).expanduser(), config.architecture)
    elif config.initialise == "mimetic" and config.weights != "imagenet":
        mimetic.initialise(backbone(model))
    freeze(model, config)
    if config.channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model, {key: wishes[key] for key in asked if key in wishes and not key.startswith("drop")}


def _create(config: RunConfig, arguments: dict[str, Any], count: int) -> nn.Module:
    # Built without a download first, so that a wrong argument is told apart from a missing network.
    model = checkpoints.create(config.architecture, count, arguments)
    if config.weights != "imagenet":
        return model
    backbones.register()  # so that timm's own sentence names what it lacks
    torch.manual_seed(config.seed)
    plain = checkpoints.plain_arguments(arguments)
    source = config.encoder if config.task == "segmentation" else config.architecture
    with mapped(
        lambda error: ConfigError(
            f"The ImageNet weights of {source} cannot be had ({reason(error)}): connect to the "
            "Hugging Face hub once, or set weights=none."
        )
    ):
        if config.task == "segmentation":
            return _with_encoder(model, config, arguments)
        model = timm.create_model(config.architecture, pretrained=True, num_classes=count, **plain)
    return checkpoints.completed(model, count, arguments)


def _with_encoder(model: nn.Module, config: RunConfig, arguments: dict[str, Any]) -> nn.Module:
    """A network that labels pixels, its encoder with timm's weights."""
    encoder: Any = model.encoder
    rest = {key: value for key, value in arguments.items() if key not in ("encoder", "pyramid")}
    levels = encoder.feature_info.out_indices
    trained = timm.create_model(config.encoder, pretrained=True, features_only=True, out_indices=levels, **rest)
    encoder.load_state_dict(trained.state_dict())
    return model


def classifier_names(model: nn.Module) -> set[str]:
    """Names of the parameters of the head, as the model itself says."""
    own = {id(p) for module in checkpoints.classifiers(model) for p in module.parameters()}
    return {name for name, p in model.named_parameters() if id(p) in own}


def freeze(model: nn.Module, config: RunConfig) -> None:
    """Leave only the chosen weights trainable: all, the head, or the head and the last groups of layers."""
    if config.tune == "all":
        return
    trained = classifier_names(model)
    if config.tune == "last":
        groups = group_parameters(model, model.group_matcher(coarse=True), reverse=False)  # type: ignore[operator]
        ordered = [set(groups[key]) for key in sorted(groups)]
        # The head's own group does not count, whatever else (a final norm) is in it.
        body = [group for group in ordered if not group <= trained]
        for group in body[len(body) - min(config.tune_blocks, len(body)) :]:
            trained |= group
        trained |= set().union(*[group for group in ordered if group & classifier_names(model)])
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)


def freeze_statistics(model: nn.Module) -> None:
    """Put layers without any trained weight into evaluation mode, so that frozen batch norms keep their statistics."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()
