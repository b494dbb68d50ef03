"""From a configuration to a model: architecture, starting weights, what is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from timm.layers import resample_abs_pos_embed
from timm.models import adapt_input_conv, group_parameters
from torch import Tensor, nn

from vlass_explorer import backbones, checkpoints
from vlass_explorer.foreign import mapped, reason
from vlass_explorer.schema import Checkpoint, CheckpointError, ConfigError, RunConfig, TakesNoArgument

from . import mimetic

__all__ = ["build", "classifier_names", "freeze", "named", "settle"]

# Importing the shelf registers its architectures with timm.
_SHELF = backbones.names()
SUFFIX = ".safetensors"


def _wishes(config: RunConfig) -> dict[str, Any]:
    wishes: dict[str, Any] = {"in_chans": config.in_chans, "img_size": config.img_size}
    if config.head == "mlp":
        wishes[checkpoints.MLP_HEAD] = True
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
    wishes, asked = _wishes(config), _wishes(config)
    torch.manual_seed(config.seed)
    is_file = config.weights.endswith(SUFFIX)
    pretrained = config.weights == "imagenet" or is_file
    while True:
        try:
            model = _create(config, wishes, len(label_names), pretrained)
            break
        except TakesNoArgument as error:
            if error.argument != "img_size":
                raise ConfigError(str(error)) from error
            del wishes["img_size"]
            torch.manual_seed(config.seed)
        except CheckpointError as error:
            raise ConfigError(str(error)) from error
    if config.weights not in ("none", "imagenet", "") and not is_file:
        _fill(model, checkpoints.find(named(config.weights, config)), label_names)
    elif config.initialise == "mimetic" and not pretrained:
        mimetic.initialise(model)
    freeze(model, config)
    if config.channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model, {key: wishes[key] for key in asked if key in wishes and not key.startswith("drop")}


def named(checkpoint: str, config: RunConfig) -> str:
    """The name of a checkpoint where {fold} and {split} stand for those of the run."""
    return checkpoint.strip().replace("{fold}", str(config.fold)).replace("{split}", config.split)


def _create(config: RunConfig, arguments: dict[str, Any], count: int, pretrained: bool) -> nn.Module:
    if not pretrained:
        return checkpoints.create(config.architecture, count, arguments)
    # Checked without a download first, so that a wrong argument is told apart from a missing network.
    fresh = checkpoints.create(config.architecture, count, arguments)
    torch.manual_seed(config.seed)
    if config.weights.endswith(SUFFIX):
        return _from_file(config, arguments, count, fresh)
    with mapped(
        lambda error: ConfigError(
            f"The ImageNet weights of {config.architecture} cannot be had ({reason(error)}): connect to the "
            "Hugging Face hub once, or set weights=none."
        )
    ):
        return _timm(config.architecture, arguments, count)


def _timm(architecture: str, arguments: dict[str, Any], count: int, overlay: dict[str, Any] | None = None) -> nn.Module:
    """A model with timm's pretrained weights, or those of a file, adapted by timm to the arguments."""
    plain = {key: value for key, value in arguments.items() if key != checkpoints.MLP_HEAD}
    model = timm.create_model(
        architecture, pretrained=True, num_classes=count, pretrained_cfg_overlay=overlay or {}, **plain
    )
    return checkpoints.with_mlp_head(model, count) if arguments.get(checkpoints.MLP_HEAD) else model


def _from_file(config: RunConfig, arguments: dict[str, Any], count: int, fresh: nn.Module) -> nn.Module:
    """The weights of a local .safetensors file; its head is left out where it has another number of classes."""
    path = Path(config.weights).expanduser()
    if not path.is_file():
        raise ConfigError(f"There is no file {path} to take the weights from.")
    cfg = timm.get_pretrained_cfg(config.architecture)
    heads = cfg.classifier if cfg is not None else None
    with mapped(lambda error: _unfit(error, path, config)):
        with safetensors.safe_open(path, framework="pt") as file:
            keys = set(file.keys())
            names = [heads] if isinstance(heads, str) else list(heads or ())
            found = [file.get_slice(f"{name}.weight").get_shape()[0] for name in names if f"{name}.weight" in keys]
        if missing := sorted(fresh.state_dict().keys() - keys - _head_keys(fresh)):
            raise ConfigError(f"{path.name} has no {missing[0]}, which {config.architecture} needs.")
        # timm drops a head of another size than the one that its table of weights names.
        overlay = {"file": str(path), "url": "", "hf_hub_id": None, "num_classes": found[0] if found else -1}
        return _timm(config.architecture, arguments, count, overlay)


def _unfit(error: Exception, path: Path, config: RunConfig) -> ConfigError:
    if isinstance(error, safetensors.SafetensorError):
        return ConfigError(f"{path} is no safetensors file: {reason(error)}.")
    return ConfigError(
        f"The weights of {path.name} do not fit {config.architecture}: {reason(error)}; name the architecture "
        "that they belong to."
    )


def classifier_names(model: nn.Module) -> set[str]:
    """Names of the parameters of the head, as the model itself says."""
    own = {id(p) for module in checkpoints.classifiers(model) for p in module.parameters()}
    return {name for name, p in model.named_parameters() if id(p) in own}


def _head_keys(model: nn.Module) -> set[str]:
    """Keys of the state of the head, buffers included."""
    own = {id(module) for module in checkpoints.classifiers(model)}
    prefixes = tuple(f"{name}." for name, module in model.named_modules() if id(module) in own)
    return {key for key in model.state_dict() if key.startswith(prefixes)}


def _fill(model: nn.Module, card: Checkpoint, label_names: tuple[str, ...]) -> None:
    """Copy a checkpoint's weights; the head is fresh where the classes differ, position embeddings are resampled."""
    if card.architecture != model.pretrained_cfg["architecture"]:  # type: ignore[index]
        wanted = model.pretrained_cfg["architecture"]  # type: ignore[index]
        raise ConfigError(f"Checkpoint {card.name} is a {card.architecture}; set architecture to it, not {wanted}.")
    start = checkpoints.load(card)
    state, own, head = start.state_dict(), model.state_dict(), _head_keys(model)
    if card.label_names != label_names or head != _head_keys(start):
        state = {key: state[key] for key in state.keys() - _head_keys(start)} | {key: own[key] for key in head}
    for key in own:
        if key not in state:
            raise ConfigError(f"Checkpoint {card.name} has no {key}, which this run's {card.architecture} needs.")
        if state[key].shape != own[key].shape:
            state[key] = _fitted(key, state[key], own[key], model)
    model.load_state_dict(state)


def _fitted(key: str, found: Tensor, wanted: Tensor, model: nn.Module) -> Tensor:
    """A tensor of another input size or channel count, resampled to what this model needs."""
    if key.endswith("pos_embed") and hasattr(model, "patch_embed"):
        grid: Any = model.patch_embed.grid_size
        return resample_abs_pos_embed(found, list(grid), num_prefix_tokens=getattr(model, "num_prefix_tokens", 1))
    if found.ndim == wanted.ndim == 4 and found.shape[2:] == wanted.shape[2:] and found.shape[0] == wanted.shape[0]:
        return adapt_input_conv(wanted.shape[1], found if found.shape[1] == 3 else found.repeat(1, 3, 1, 1) / 3)
    raise ConfigError(
        f"{key} of the starting checkpoint has the shape {tuple(found.shape)}, this run needs {tuple(wanted.shape)}; "
        "use its img_size and patch_size."
    )


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


def settle(model: nn.Module) -> None:
    """Put layers without any trained weight into evaluation mode, so that frozen batch norms keep their statistics."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()
