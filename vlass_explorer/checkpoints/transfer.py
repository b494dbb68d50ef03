"""Checkpoints in and out of the shelf: rename, delete, pack into a ZIP, unpack one, adopt weights made elsewhere."""

from __future__ import annotations

import io
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError, InputSpec, Provenance, Reports
from .calibrated import CALIBRATION, MAX_REFERENCE_BYTES, REFERENCE, calibrations, reference_arrays
from .config import CONFIG, MAX_CONFIG_BYTES, WEIGHTS
from .model_card import README
from .saving import save, write_card
from .seen_list import MAX_SEEN_BYTES, SEEN, seen
from .shelf import check_name, folder, read
from .weights import create, load, named, sketch

if TYPE_CHECKING:
    from torch import Tensor

FILES = (CONFIG, WEIGHTS, SEEN, CALIBRATION, REFERENCE, README)
LARGEST_BYTES = 4 << 30
"""Largest weights that are unpacked."""


def rename(card: Checkpoint, name: str) -> Checkpoint:
    """The same checkpoint under another name, also on its model card; CheckpointError where that cannot be."""
    target = card.path.with_name(check_name(name))
    if target.exists():
        raise CheckpointError(f"There is already a checkpoint {name!r}; choose another name.")
    card.path.rename(target)
    renamed = read(target)
    write_card(renamed)
    return renamed


def delete(card: Checkpoint) -> None:
    """Take a checkpoint off the shelf for good: hidden by one rename first, so that nobody sees half of it."""
    hidden = Path(tempfile.mkdtemp(prefix=".deleted-", dir=card.path.parent))
    card.path.rename(hidden / card.path.name)
    shutil.rmtree(hidden)


def pack(card: Checkpoint) -> bytes:
    """The folder as a ZIP that ``unpack`` takes; weights are stored as they are (they do not compress)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in FILES:
            if (card.path / name).is_file():
                archive.write(card.path / name, f"{card.name}/{name}")
    return buffer.getvalue()


def unpack(content: bytes, name: str, root: Path | None = None) -> Checkpoint:
    """Put a packed checkpoint on the shelf as ``name``, after loading it once.

    Only the files of a checkpoint are read, whatever else the archive holds, and none beyond its bound; the model card
    is written anew for its name. Raises CheckpointError in one sentence for anything else than a packed checkpoint, or
    where the name is taken.
    """
    parent = folder() if root is None else root
    target = parent / check_name(name)
    if target.exists():
        raise CheckpointError(f"There is already a checkpoint {name!r}; choose another name.")
    parent.mkdir(parents=True, exist_ok=True)
    with mapped(lambda error: CheckpointError("This is no ZIP file; export a checkpoint as ZIP and import that.")):
        archive = zipfile.ZipFile(io.BytesIO(content))
    with archive, tempfile.TemporaryDirectory(prefix=".saving-", dir=parent) as temporary:
        place = Path(temporary) / target.name
        place.mkdir()
        for file in FILES:
            found = [info for info in archive.infolist() if Path(info.filename).name == file]
            if len(found) > 1:
                raise CheckpointError(f"The ZIP holds {file} twice; it should hold one checkpoint.")
            if found:
                _extract(archive, found[0], place / file)
        card = read(place)
        load(card)
        seen(card)
        calibrations(card)
        reference_arrays(card)
        write_card(card)
        place.rename(target)
    return read(target)


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    bound = {WEIGHTS: LARGEST_BYTES, SEEN: MAX_SEEN_BYTES, REFERENCE: MAX_REFERENCE_BYTES}.get(target.name, MAX_CONFIG_BYTES)
    left = bound
    with mapped(
        lambda error: CheckpointError(f"{target.name} in the ZIP cannot be unpacked: {reason(error)}.")
    ), archive.open(info) as source, target.open("wb") as sink:
        # Counted while unpacking: the sizes that the archive states may be wrong.
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise CheckpointError(f"{target.name} in the ZIP is larger than {bound >> 20} MiB.")
            sink.write(block)


def import_weights(
    content: bytes,
    *,
    name: str,
    architecture: str,
    model_args: Mapping[str, Any],
    label_names: Sequence[str],
    input_spec: InputSpec,
    provenance: Provenance,
    root: Path | None = None,
) -> Checkpoint:
    """Make a checkpoint of weights from elsewhere: a state dict as safetensors, or a Lightning or torch checkpoint.

    Files of torch are read with ``weights_only``, so that nothing in them is executed; a common prefix of all names
    (``model.``) is taken off. Raises CheckpointError where the weights do not fit the architecture strictly.
    """
    state = _state(content)
    if wanted := sketch(architecture, len(label_names), model_args):
        _check(wanted, state, architecture, len(label_names), model_args)
    model = create(architecture, len(label_names), model_args)
    state = _check(model.state_dict(), state, architecture, len(label_names), model_args)
    model.load_state_dict(state, strict=True)
    return save(
        (folder() if root is None else root) / check_name(name), model.float().eval(), architecture=architecture,
        model_args=model_args, label_names=label_names, input_spec=input_spec, reports=Reports(),
        provenance=provenance,
    )


def _check(
    wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], architecture: str, classes: int,
    model_args: Mapping[str, Any],
) -> Mapping[str, Tensor]:
    """The weights under the names that the architecture wants; every shape has to fit."""
    state = _without_prefix(state, wanted.keys(), architecture)
    for key, tensor in wanted.items():
        if state[key].shape != tensor.shape:
            raise CheckpointError(
                f"{key} in the file has the shape {tuple(state[key].shape)}, {architecture} with {classes} "
                f"classes and {dict(model_args)} needs {tuple(tensor.shape)}."
            )
    return state


def _state(content: bytes) -> Mapping[str, Tensor]:
    import safetensors
    import safetensors.torch
    import torch

    with mapped(_no_weights):
        try:
            return dict(safetensors.torch.load(content))
        except safetensors.SafetensorError:
            pass  # not that format: it may be torch's own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on foreign pickle protocols, which are refused all the same
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if isinstance(found, Mapping):
        for key in ("state_dict", "model"):
            if isinstance(found.get(key), Mapping):
                found = found[key]
                break
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise CheckpointError("The file holds no state dict (a table of named tensors).")
    return found


def _no_weights(error: Exception) -> CheckpointError:
    return CheckpointError(
        "The file is neither safetensors nor a torch file that holds nothing but weights; save the state dict "
        "with safetensors and import that."
    )


def _without_prefix(state: Mapping[str, Tensor], wanted: Collection[str], architecture: str) -> dict[str, Tensor]:
    """The wanted tensors, their names without the prefix that a wrapper put before all of them.

    Other modules of the wrapper (a loss) stay out. CheckpointError where tensors are missing or left over beside them,
    or where two prefixes (a student and its teacher) have them all.
    """
    first = next(iter(wanted))
    prefixes = [key.removesuffix(first) for key in state if key == first or key.endswith(f".{first}")] or [""]
    lacking = {prefix: [key for key in wanted if prefix + key not in state] for prefix in prefixes}
    whole = sorted(prefix for prefix, missing in lacking.items() if not missing)
    if not whole:
        missing = min(lacking.values(), key=len)
        raise CheckpointError(f"The file misses {named(missing)}; choose the architecture that the weights are of.")
    if len(whole) > 1:
        raise CheckpointError(
            f"The file holds the weights of {len(whole)} such models, "
            f"{' and '.join(prefix.rstrip('.') or 'one without a prefix' for prefix in sorted(whole))}; save the one to import."
        )
    found = {key.removeprefix(whole[0]): tensor for key, tensor in state.items() if key.startswith(whole[0])}
    if unused := sorted(found.keys() - set(wanted)):
        raise CheckpointError(
            f"The file holds {named(unused)}, which {architecture} does not have; choose the architecture and the "
            "arguments that the weights are of."
        )
    return found
