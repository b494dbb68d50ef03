"""config.json of a checkpoint folder: text to card and card to text, and the header of the weights beside it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from ..foreign import mapped, reason
from ..schema import NETWORKS, Checkpoint, CheckpointError, InputSpec, Provenance, Reports, Task

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
SCHEMA = 1
KEY = "vlass_explorer"
MAX_CONFIG_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 24
MAX_LABELS = 10_000
# Arguments of timm.create_model that would load other weights or reach the network.
FORBIDDEN_ARGS = {
    "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "num_classes",
    "scriptable", "exportable", "no_jit", "model_name", "device", "dtype",
}


def plain(value: Any) -> Any:
    """A value as JSON knows it: tuples as lists, numpy numbers as Python's, not-a-number and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def to_json(card: Checkpoint, *, num_features: int, pretrained_cfg: Mapping[str, Any]) -> str:
    """Text of config.json: timm's keys at the top, everything of ours under one key."""
    content = {
        "architecture": card.architecture,
        "num_classes": len(card.label_names),
        "num_features": num_features,
        "model_args": card.model_args,
        "pretrained_cfg": pretrained_cfg,
        KEY: {
            "schema": SCHEMA,
            "task": card.task,
            "label_names": card.label_names,
            "parameters": card.parameters,
            "input_spec": asdict(card.input_spec),
            "metrics": card.reports.table,
            "provenance": card.provenance.table(),
            "sha256": card.sha256,
        },
    }
    return dump(content)


def dump(content: Mapping[str, Any]) -> str:
    """JSON as every config.json is written."""
    return json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_config(path: Path) -> dict[str, Any]:
    """Content of a folder's config.json.

    Raises CheckpointError for a missing, oversized or malformed file.
    """
    file = path / CONFIG
    if not file.is_file():
        raise CheckpointError(f"Checkpoint {path.name} has no {CONFIG}; a checkpoint folder needs it and {WEIGHTS}.")
    if file.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(f"{CONFIG} of checkpoint {path.name} is larger than 1 MiB, so it is not a checkpoint's.")
    with mapped(
        lambda error: CheckpointError(f"{CONFIG} of checkpoint {path.name} is not JSON: {reason(error)}.")
    ):
        config = json.loads(file.read_bytes())
    if not isinstance(config, dict) or not isinstance(config.get(KEY), dict):
        raise CheckpointError(
            f'{CONFIG} of checkpoint {path.name} has no "{KEY}" part; save the model with checkpoints.save.'
        )
    return config


def to_card(config: Mapping[str, Any], path: Path) -> Checkpoint:
    """The card that config.json describes, every value checked.

    Raises CheckpointError that names the folder and the value at fault.
    """
    ours = config[KEY]

    def need(table: Mapping[str, Any], key: str, kind: type | tuple[type, ...], what: str) -> Any:
        value = table.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise CheckpointError(f'{CONFIG} of checkpoint {path.name}: "{key}" should be {what}.')
        return value

    if ours.get("schema") != SCHEMA:
        raise CheckpointError(
            f"Checkpoint {path.name} has format version {ours.get('schema')!r}, this program reads {SCHEMA}."
        )
    architecture = need(config, "architecture", str, "the name of an architecture")
    if not re.fullmatch(r"\w+", architecture, re.ASCII):
        raise CheckpointError(f"Checkpoint {path.name}: {architecture!r} is no name of an architecture.")
    model_args = need(config, "model_args", dict, "a table of arguments")
    if forbidden := sorted(FORBIDDEN_ARGS & model_args.keys()):
        raise CheckpointError(f"Checkpoint {path.name}: model_args may not hold {', '.join(forbidden)}.")
    task = need(ours, "task", str, "a word")
    if task not in get_args(Task) or (task == "segmentation") != (architecture in NETWORKS):
        raise CheckpointError(f"Checkpoint {path.name}: {architecture} is no architecture for the task {task!r}.")
    labels = need(ours, "label_names", list, "a list of names")
    if not 1 <= len(labels) <= MAX_LABELS or not all(isinstance(name, str) and name for name in labels):
        raise CheckpointError(f"Checkpoint {path.name}: label_names should be a list of names.")
    if len(set(labels)) != len(labels):
        raise CheckpointError(f"Checkpoint {path.name}: label_names holds the same name twice.")
    if config.get("num_classes") != len(labels):
        raise CheckpointError(
            f"Checkpoint {path.name} has {len(labels)} label names for {config.get('num_classes')!r} classes."
        )
    parameters = need(ours, "parameters", int, "a number")
    return Checkpoint(
        name=path.name,
        path=path,
        architecture=architecture,
        task=task,
        label_names=tuple(labels),
        input_spec=_input_spec(need(ours, "input_spec", dict, "a table"), path.name),
        parameters=parameters,
        reports=Reports(need(ours, "metrics", dict, "a table")),
        provenance=Provenance.of(need(ours, "provenance", dict, "a table")),
        model_args=model_args,
        sha256=need(ours, "sha256", str, "the hash of the weights"),
    )


def _input_spec(table: Mapping[str, Any], name: str) -> InputSpec:
    if unknown := sorted(table.keys() - {field.name for field in fields(InputSpec)}):
        raise CheckpointError(f"Checkpoint {name}: input_spec has the unknown key {unknown[0]!r}.")
    kinds = get_type_hints(InputSpec)
    values: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in table.items()}
    if wrong := [key for key, value in values.items() if not _is(value, kinds[key])]:
        raise CheckpointError(f"Checkpoint {name}: {wrong[0]} of input_spec cannot be {table[wrong[0]]!r}.")
    with mapped(lambda error: CheckpointError(f"Checkpoint {name}: input_spec is impossible ({reason(error)}).")):
        return InputSpec(**values)


def _is(value: Any, kind: Any) -> bool:
    """Is a value of JSON, lists as tuples, of the annotated type; numbers are finite."""
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return value in parts
    if get_origin(kind) is tuple:
        kinds = parts[:1] * len(value) if isinstance(value, tuple) and parts[-1] is ... else parts
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is, value, kinds))
    if parts:  # one kind or None
        return any(_is(value, part) for part in parts)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def read_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor in a folder's model.safetensors, read from its header alone.

    Raises CheckpointError where the file is missing or cut short.
    """
    file = path / WEIGHTS
    if not file.is_file():
        raise CheckpointError(f"Checkpoint {path.name} has no {WEIGHTS}; copy the whole folder.")
    broken = CheckpointError(f"{WEIGHTS} of checkpoint {path.name} is broken or incomplete; copy the folder again.")
    with mapped(lambda error: broken):
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise broken
            text = stream.read(length)
        header = {key: entry for key, entry in json.loads(text).items() if key != "__metadata__"}
        shapes = {key: tuple(int(size) for size in entry["shape"]) for key, entry in header.items()}
        end = max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
        if file.stat().st_size != 8 + length + end:
            raise broken
        return shapes


def check_head(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Compare the number of label names with the head in the weights, before anything is built."""
    pretrained_cfg = config.get("pretrained_cfg")
    heads = pretrained_cfg.get("classifier") if isinstance(pretrained_cfg, dict) else None
    heads = [heads] if isinstance(heads, str) else heads
    if not isinstance(heads, list) or not heads or not all(isinstance(head, str) for head in heads):
        raise CheckpointError(f'{CONFIG} of checkpoint {name}: pretrained_cfg should name the "classifier".')
    count = len(config[KEY]["label_names"])
    for head in heads:
        shape = shapes.get(f"{head}.weight")
        if not shape:
            raise CheckpointError(f"The weights of checkpoint {name} miss {head}.weight, its classifier.")
        if shape[0] != count:
            raise CheckpointError(
                f"Checkpoint {name} names {count} labels but its weights have {shape[0]} classes; correct label_names."
            )
