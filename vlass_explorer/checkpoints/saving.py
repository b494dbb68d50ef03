"""Write a checkpoint folder: first beside its place, then by one rename, so that nobody sees half of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError, InputSpec, Provenance, Reports, Seen
from .config import CONFIG, KEY, WEIGHTS, dump, plain, read_config, to_card, to_json
from .heads import classifiers
from .model_card import README, model_card
from .seen_list import SEEN, record, to_csv
from .shelf import check_name, read
from .weights import load

if TYPE_CHECKING:
    from torch import Tensor, nn

# What timm keeps about an architecture that is no claim about where weights come from.
STRUCTURAL = ("first_conv", "pool_size", "fixed_input_size")
LARGEST_HALF = 65504.0


def save(
    folder: Path | str,
    model: nn.Module,
    *,
    architecture: str,
    model_args: Mapping[str, Any],
    label_names: Sequence[str],
    input_spec: InputSpec,
    reports: Reports,
    provenance: Provenance,
    seen: Seen | None = None,
    half: bool = True,
    task: str = "classification",
    overwrite: bool = False,
) -> Checkpoint:
    """Write a model as the checkpoint folder ``folder`` and return its card.

    Floating point tensors become float16 where ``half`` is set (float32 where float16 would overflow).  ``seen`` are
    the cutouts that decided the weights; without it the card does not say what it has seen. The folder is loaded again
    before it takes its name, so what is on the shelf can be loaded.  Raises CheckpointError for an impossible name, a
    name that is taken (unless ``overwrite``), or a model that ``task``, ``architecture``, ``model_args`` and
    ``label_names`` do not describe.
    """
    import safetensors.torch

    path = Path(folder)
    check_name(path.name)
    if path.exists() and not overwrite:
        raise CheckpointError(f"There is already a checkpoint {path.name!r}; choose another name.")
    weights = safetensors.torch.save(_tensors(model, half), metadata={"format": "pt"})
    card = Checkpoint(
        name=path.name,
        path=path,
        architecture=architecture.split(".")[0],
        task=task,
        label_names=tuple(label_names),
        input_spec=input_spec,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        reports=Reports(plain(reports.table)),
        provenance=_with_list(provenance, seen),
        model_args=plain(model_args),
        sha256=hashlib.sha256(weights).hexdigest(),
    )
    config = to_json(card, num_features=_num_features(model), pretrained_cfg=_pretrained_cfg(model, input_spec))
    path.parent.mkdir(parents=True, exist_ok=True)
    # Same parent, so that the rename stays on one file system; the leading dot keeps it off the list.
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=path.parent) as temporary:
        place = Path(temporary) / path.name
        place.mkdir()
        _write(place / WEIGHTS, weights)
        _write(place / CONFIG, config.encode())
        if seen is not None:
            _write(place / SEEN, to_csv(seen))
        _try_out(read(place))
        _write(place / README, model_card(card).encode())
        _sync(place)
        former = Path(temporary) / "former"
        if overwrite and path.exists():
            path.rename(former)
        try:
            place.rename(path)
        except OSError as error:
            if former.exists():
                former.rename(path)
            raise CheckpointError(f"The checkpoint {path.name!r} cannot be put in place: {error.strerror}.") from error
        _sync(path.parent)
    return read(path)


def update(
    card: Checkpoint,
    *,
    reports: Reports | None = None,
    provenance: Provenance | None = None,
    seen: Seen | None = None,
) -> Checkpoint:
    """Write a saved checkpoint's evaluations, origin or list of seen cutouts anew; what is None stays, as the weights.

    The list, config.json and the model card are each replaced in one step, in that order.
    """
    config = read_config(card.path)
    ours, known = config[KEY], to_card(config, card.path)
    if reports is not None:
        ours["metrics"] = plain(reports.table)
    origin = known.provenance if provenance is None else provenance
    origin = replace(origin, seen=known.provenance.seen) if seen is None else _with_list(origin, seen)
    ours["provenance"] = plain(origin.table())
    changed = to_card(config, card.path)
    files = {} if seen is None else {SEEN: to_csv(seen)}
    write_files(card.path, {**files, CONFIG: dump(config).encode(), README: model_card(changed).encode()})
    return read(card.path)


def write_card(card: Checkpoint) -> None:
    """Write the model card of a checkpoint anew, as after a change of its name."""
    write_files(card.path, {README: model_card(card).encode()})


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace files of a folder, each in one step."""
    for name, content in files.items():
        temporary = folder / f".{name}.{os.getpid()}"
        _write(temporary, content)
        temporary.replace(folder / name)
    _sync(folder)


def _with_list(provenance: Provenance, seen: Seen | None) -> Provenance:
    return replace(provenance, seen=None if seen is None else record(seen, to_csv(seen)))


def _try_out(card: Checkpoint) -> None:
    """Load the folder and ask it about one empty image of the size that its input description makes."""
    import torch

    spec = card.input_spec
    with mapped(
        lambda error: CheckpointError(
            f"{card.architecture} with {dict(card.model_args)} does not take {spec.in_chans} × {spec.img_size} × "
            f"{spec.img_size} inputs; make input_spec and model_args agree ({reason(error)})."
        )
    ), torch.inference_mode():
        logits = load(card)(torch.zeros(1, spec.in_chans, spec.img_size, spec.img_size))
    is_map = card.task == "segmentation"
    if logits.shape != (1, len(card.label_names), *((spec.img_size,) * 2 if is_map else ())):
        wanted = "one a label and pixel" if is_map else "one a label"
        raise CheckpointError(f"{card.architecture} gives {tuple(logits.shape)} values instead of {wanted}.")


def round_to_stored(model: nn.Module) -> nn.Module:
    """The same model, its weights rounded in place as ``save`` stores them: what is evaluated is what is kept."""
    import torch

    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(_stored(tensor))
    return model


def _stored(tensor: Tensor) -> Tensor:
    """A floating point tensor in half precision; in float32 where one of its values would overflow that."""
    single = tensor.detach().float()
    return single.half() if bool((single.abs() < LARGEST_HALF).all()) else single


def _tensors(model: nn.Module, half: bool) -> dict[str, Tensor]:
    """Copies of all tensors on the CPU, floating point ones in half precision where their values allow it."""
    tensors: dict[str, Tensor] = {}
    for key, tensor in model.state_dict().items():
        copy = tensor.detach().cpu().contiguous().clone()
        if copy.is_floating_point():
            if not bool(copy.isfinite().all()):
                raise CheckpointError(f"{key} holds values that are not finite; the training diverged.")
            copy = _stored(copy) if half else copy.float()
        tensors[key] = copy
    return tensors


def _pretrained_cfg(model: nn.Module, input_spec: InputSpec) -> dict[str, Any]:
    known: Mapping[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    kept = {key: known[key] for key in STRUCTURAL if known.get(key) is not None}
    return {
        **kept,
        "num_classes": int(model.num_classes),  # type: ignore[arg-type]
        "input_size": [input_spec.in_chans, input_spec.img_size, input_spec.img_size],
        "mean": list(input_spec.mean),
        "std": list(input_spec.std),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "classifier": _classifiers(model),
    }


def _classifiers(model: nn.Module) -> str | list[str]:
    """Dotted names of the layers whose first axis is the classes (two in distilled models)."""
    names = {id(module): name for name, module in model.named_modules()}
    found = []
    for head in classifiers(model):
        last = [module for module in head.modules() if getattr(module, "weight", None) is not None]
        if not last or id(last[-1]) not in names:
            raise CheckpointError(f"{type(model).__name__} has no classifier to save; give it num_classes > 0.")
        found.append(names[id(last[-1])])
    return found[0] if len(found) == 1 else found


def _num_features(model: nn.Module) -> int:
    return int(model.num_features)  # type: ignore[arg-type]


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    """Make the names in a folder durable, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
