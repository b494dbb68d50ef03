"""``profile``: parameters, operations, time and memory of checkpoints, recipes and architectures, on this machine.

Networks for segmentation, panoptic_fpn and vt_fpn, take the name of their encoder after a colon: vt_fpn:resnet18.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import checkpoints, devices, recipes
from ..foreign import mapped, reason
from ..schema import CheckpointError, ConfigError, ExplorerError, TakesNoArgument
from .terminal import FAILED, complain, say, shown

if TYPE_CHECKING:
    from torch import nn

    from ..evaluation.cost import Cost, Shape


COCO_STUFF, SEGMENTED = 91, (3, 512, 512)
"""Classes and input of a network for segmentation where nothing is said: those of AndreyBocharnikov's training."""


@dataclass(frozen=True, eq=False)
class _Subject:
    """A model to measure, and the input that it was made for."""

    model: nn.Module
    architecture: str
    shape: Shape


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("profile", help="what a model costs: operations, time, memory", description=__doc__)
    command.add_argument(
        "names", nargs="+", metavar="NAME", help="a checkpoint, a recipe, an architecture or NETWORK:ENCODER"
    )
    command.add_argument(
        "--img-size", nargs="+", type=int, metavar="N", help="pixels of the input, one side or rows and columns"
    )
    command.add_argument("--classes", type=int, metavar="N", help="number of classes of an architecture (its own)")
    command.add_argument("--device", default="cpu", help="cpu, cuda, cuda:0, mps or auto")
    command.add_argument("--repeats", type=int, default=10, metavar="N", help="passes that the median is of")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one object a model, in a JSON array")
    form.add_argument("--csv", action="store_true", help="CSV, one row a model")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row a model; one that cannot be measured is told on standard error."""
    size = _size(args.img_size)
    if args.repeats < 1 or (args.classes is not None and args.classes < 1):
        raise ConfigError("--repeats and --classes are at least 1.")
    device = devices.resolve(args.device)
    rows: list[dict[str, Any]] = []
    for name in args.names:
        try:
            row = _record(name, _measured(name, size, args.classes, device, args.repeats))
        except ExplorerError as error:
            complain(str(error))
            continue
        if not (args.json or args.csv):  # each as soon as it is measured
            if not rows:
                say(shown(f"One image in 32-bit floats on {row['device']}, median of {args.repeats}."))
                say(_line("", "input", "parameters", "GFLOPs", "forward", "+ backward", "memory"))
            say(shown(_told(row)))
        rows.append(row)
    if args.json:
        say(json.dumps(rows, indent=1))
    elif args.csv:
        _write(rows)
    return FAILED if len(rows) < len(args.names) else 0


def _measured(
    name: str, size: tuple[int, int] | None, classes: int | None, device: str, repeats: int
) -> tuple[_Subject, Cost]:
    """The model of a name, and what it costs."""
    from ..evaluation import cost

    subject = _subject(name, size, classes)
    shape = subject.shape if size is None else (subject.shape[0], *size)
    with mapped(
        lambda error: ConfigError(f"{name} does not take {' × '.join(map(str, shape))} inputs ({reason(error)}).")
    ):
        return subject, cost.profile(subject.model.to(device).eval(), shape, repeats=repeats)


def _subject(name: str, size: tuple[int, int] | None, classes: int | None) -> _Subject:
    """A checkpoint, or with random weights a recipe, a network for segmentation or an architecture."""
    # Here and not above: --help and wrong options are answered without torch.
    import torch

    from .. import segmentation
    from ..evaluation.cost import shape_of
    from ..learning.network import build

    network, _, encoder = name.partition(":")
    if network in segmentation.NETWORKS:
        torch.manual_seed(0)
        model = segmentation.create(network, classes or COCO_STUFF, encoder=encoder or segmentation.ENCODER)
        return _Subject(model, name, SEGMENTED)
    if name in recipes.names():
        from dataclasses import replace

        config = replace(recipes.load(name), weights="none")
        if size is not None:
            if size[0] != size[1]:
                raise ConfigError(f"{name} is a recipe: its input is square.")
            config = replace(config, img_size=size[0])
        labels = tuple(map(str, range(classes or recipes.classes(name))))
        model, _ = build(config, labels)
        return _Subject(model, config.architecture, (config.in_chans, config.img_size, config.img_size))
    try:
        card = checkpoints.find(name)
    except CheckpointError as unknown:
        import timm

        from .. import backbones

        backbones.register()
        if not timm.is_model(name):
            raise unknown from None
        known = timm.get_pretrained_cfg(name)
        if known is None:
            raise ConfigError(f"timm does not say of {name} what input it was made for.") from None
        torch.manual_seed(0)
        count = classes or known.num_classes
        try:
            model = checkpoints.create(name, count, {"img_size": size} if size else {})
        except TakesNoArgument:
            model = checkpoints.create(name, count, {})
        return _Subject(model, name, known.input_size)
    return _Subject(checkpoints.load(card), card.architecture, shape_of(card.input_spec))


def _size(given: Sequence[int] | None) -> tuple[int, int] | None:
    if given is None:
        return None
    if len(given) > 2 or min(given) < 1:
        raise ConfigError("--img-size is one side, or rows and columns, of at least 1 pixel.")
    return given[0], given[-1]


def _record(name: str, measured: tuple[_Subject, Cost]) -> dict[str, Any]:
    """A row as JSON values, each unit in its key."""
    subject, cost = measured
    chans, ny, nx = cost.input_shape
    return {
        "name": name,
        "architecture": subject.architecture,
        "channels": chans,
        "rows": ny,
        "columns": nx,
        "parameters": cost.parameters,
        "flops": cost.flops,
        "forward_ms": round(1e3 * cost.forward_seconds, 3),
        "forward_backward_ms": round(1e3 * cost.both_seconds, 3),
        "peak_memory_bytes": cost.peak_bytes,
        "device": cost.device,
    }


def _write(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    say(out.getvalue().rstrip("\n"))


def _told(row: dict[str, Any]) -> str:
    return _line(
        row["name"],
        f"{row['channels']}×{row['rows']}×{row['columns']}",
        f"{row['parameters'] / 1e6:.3f} M",
        f"{row['flops'] / 1e9:.3f}",
        f"{row['forward_ms']:.1f} ms",
        f"{row['forward_backward_ms']:.1f} ms",
        f"{row['peak_memory_bytes'] / 1e6:.1f} MB",
    )


def _line(name: str, *cells: str) -> str:
    return f"{name:32} " + " ".join(f"{cell:>12}" for cell in cells)
