"""Methods that explain a label, and rollout, against independent computations on architectures of timm.

    python benchmarks/attention_independent.py [--only NAME ...] [--sizes square rectangle]

Random weights, queries and keys enlarged; float64 on both sides where the model computes in it, so that a difference is
one of formulas. What float32 adds, of which untrained deep models make much, is in a column of its own: the larger of
gradient rollout's and relevance's. The reference is plain autograd on an unfused copy: softmax
written out, the gradient of the logit with respect to every attention matrix, dense matrices of the layers from the
stack of the running model, and the formulas of the papers over them: rollout (arXiv:2005.00928), gradient rollout,
relevance (arXiv:2103.15679, rules 5 and 6), LeGrad (arXiv:2404.03214) of the model really cut after each block.
Grad-CAM is that of pytorch-grad-cam. A cell is the largest difference on patches over the contrast that the reference
has there, at half the size that the architecture was made for and on a rectangle, where it takes one; or that the
package refuses.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.architectures import COMPARED
from benchmarks.attention_coverage import READOUTS, sharpen
from tests.dense.gradients import dense_rows, legrad_of_cuts
from tests.dense.layers import dense_token_rollout
from vlass_explorer.attention import attention_gradients, attention_maps, relevance, supports, token_rollout
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.layers import feature_map
from vlass_explorer.schema import UnsupportedError

METHODS = ("rollout", "gradient rollout", "relevance", "LeGrad", "Grad-CAM")
BY_GRADIENT = {"gradient rollout": relevance.gradient_rollout, "relevance": relevance.generic_relevance}
FLOAT32 = "in float32"
TOLERANCE, TOLERANCE_FLOAT32 = 1e-4, 1e-3
"""Of the contrast of the reference, in float64 and for a model that makes float32 tensors itself."""
SHARPER = 2.5
"""Queries and keys of random models, enlarged so that attention is not uniform; at six, float32 is not enough (PiT)."""
TARGET = 1


def difference(ours: np.ndarray, reference: np.ndarray) -> float | str:
    """Largest difference over the contrast of the reference; where both are flat there is nothing to compare."""
    contrast, scale = np.ptp(reference), abs(reference).max()
    if contrast <= 1e-5 * scale and np.ptp(ours) <= 1e-5 * scale:
        return "flat"
    return float(abs(ours - reference).max() / contrast)


def liven(model: nn.Module) -> None:
    """Let attention matter in a model that was never trained: queries and keys enlarged, weights of 0 set."""
    sharpen(model, SHARPER)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            nothing = name.endswith("weight") and not parameter.any()
            if nothing and parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)  # a head
            elif nothing or "gamma" in name.rpartition(".")[2]:
                parameter.fill_(1.0)


def in_double(model: nn.Module, x: Tensor) -> tuple[nn.Module, Tensor]:
    """A float64 copy with its image, or both as they are where the model makes float32 tensors itself."""
    double = copy.deepcopy(model).double()
    try:
        with torch.no_grad():
            double(x.double())
    except RuntimeError:
        return model, x
    return double, x.double()


def compare(model: nn.Module, x: Tensor) -> dict[str, float | str]:
    """Difference of each method from its independent computation, or why the package refuses; and that in float32."""
    as_it_is = model, x
    model, x = in_double(model, x)
    row: dict[str, float | str] = {"Grad-CAM": cam(model, x)}
    answer, why = supports(model)
    if not answer:
        return row | dict.fromkeys((*METHODS[:-1], FLOAT32), why)
    maps = attention_maps(model, x)[1]
    readout = READOUTS.get(maps.kind, "first")
    if maps.kind == "late_class_token" and getattr(model, "global_pool", "") == "avg":
        readout = "all" if type(model).__name__ == "VOLO" else "patches"
    patches = slice(maps.prefix_tokens, None)
    expected = dense_token_rollout(model, x, readout, maps.prefix_tokens)[1]
    row["rollout"] = difference(token_rollout(maps)[patches], expected[patches])
    rows = dense_rows(model, x, TARGET, readout, maps.prefix_tokens)
    found, rough = attention_gradients(model, x, TARGET), attention_gradients(*as_it_is, TARGET)
    for method, of in BY_GRADIENT.items():
        row[method] = difference(of(found)[patches], rows[method][patches])
    numbers = [difference(of(rough)[patches], rows[method][patches]) for method, of in BY_GRADIENT.items()]
    row[FLOAT32] = max((each for each in numbers if not isinstance(each, str)), default="flat")
    answer, row["LeGrad"] = relevance.supports_legrad(model)
    if answer:
        ours, _ = relevance.legrad(model, x, TARGET)
        row["LeGrad"] = difference(ours.ravel(), legrad_of_cuts(model, x, TARGET, maps.prefix_tokens))
    return row


def tolerance(model: nn.Module, x: Tensor) -> float:
    """What a difference may be: little where the model computes in float64."""
    return TOLERANCE if in_double(model, x)[0] is not model else TOLERANCE_FLOAT32


def cam(model: Any, x: Tensor) -> float | str:
    """Grad-CAM against that of pytorch-grad-cam, for the first label that anything speaks for."""
    for target in range(model.num_classes):
        answer = cam_of(model, x, target)
        if answer != "flat":
            return answer
    return "flat"


def cam_of(model: nn.Module, x: Tensor, target: int) -> float | str:
    """The same for one label, in the layer that the package finds."""
    try:
        found = feature_map(model, x, target)
        ours = EXPLAINERS["grad_cam"].explain(model, x, target).maps
    except UnsupportedError as error:
        return str(error)
    _, gy, gx = found.values.shape

    def reshape(tensor: Tensor) -> Tensor:
        if found.layout == "channels first":
            return tensor
        return tensor.flatten(1, -2)[:, found.prefix_tokens :].reshape(1, gy, gx, -1).permute(0, 3, 1, 2)

    model = copy.deepcopy(model)  # what some models cache while gradients are on would stay in them
    module, targets = model.get_submodule(found.layer), [ClassifierOutputTarget(target)]
    with torch.enable_grad(), GradCAM(model=model, target_layers=[module], reshape_transform=reshape) as theirs:
        theirs(x, targets)
        seen = theirs.activations_and_grads
        values, gradients = (one[0].detach().numpy() for one in (seen.activations, seen.gradients))
        reference = np.maximum(theirs.get_cam_image(x, module, targets, values, gradients, False), 0)
    return difference(ours, reference)


def built(name: str, shape: str) -> tuple[nn.Module, Tensor]:
    """The model and an image of half its size, or of a rectangle; raises what timm raises where that does not fit."""
    card = timm.get_pretrained_cfg(name)
    made = 224 if card is None else card.input_size[-1]
    half = made // 2
    size = (half, half) if shape == "square" else (half, half // 32 * 32 + 64)
    attempts: list[tuple[dict[str, Any], tuple[int, int]]] = [({"img_size": size}, size), ({}, size)]
    if shape == "square":
        attempts.append(({}, (made, made)))
    for options, (ny, nx) in attempts:
        torch.manual_seed(0)
        try:
            model = timm.create_model(name, num_classes=4, **options).eval()
            liven(model)
            x = torch.randn(1, 3, ny, nx)
            with torch.no_grad():
                model(x)
            return model, x
        except (TypeError, ValueError, RuntimeError, AssertionError, IndexError):
            continue
    raise UnsupportedError(f"{name} takes no {shape} of another size.")


def cell(value: float | str) -> str:
    """A number of the table, or that there is none."""
    return ("flat" if value == "flat" else "refused") if isinstance(value, str) else f"{value:.0e}"


def main() -> None:
    """Compare all, print the table, and exit with 1 where a number is over the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(COMPARED), metavar="NAME")
    parser.add_argument("--sizes", nargs="*", default=["square", "rectangle"], choices=["square", "rectangle"])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    columns = (*METHODS, FLOAT32)
    print(f"| architecture | input | {' | '.join(columns)} | s |\n|---|---|{'---|' * (len(columns) + 1)}", flush=True)
    wrong, reasons, agreed = [], {}, set()
    for name in args.only:
        for shape in args.sizes:
            start = time.perf_counter()
            try:
                model, x = built(name, shape)
                row, most = compare(model, x), tolerance(model, x)
            except (UnsupportedError, AssertionError, LookupError, TypeError, ValueError) as error:
                # The package, timm or the reference does not take this size.
                reasons[f"{name}, {shape}"] = str(error) or type(error).__name__
                continue
            numbers = {method: row[method] for method in METHODS if not isinstance(row[method], str)}
            reasons |= {f"{name}, {method}": str(row[method]) for method in METHODS if isinstance(row[method], str)}
            wrong += [f"{name} {shape} {method}" for method, value in numbers.items() if not value <= most]
            if len(numbers) >= len(METHODS) - 1 and max(numbers.values()) <= most:
                agreed.add(name)
            cells = " | ".join(cell(row[column]) for column in columns)
            seconds = time.perf_counter() - start
            print(f"| {name} | {x.shape[-2]} x {x.shape[-1]} | {cells} | {seconds:.0f} |", flush=True)
    print(
        f"\n{len(agreed)} architectures agree in all methods that apply (four at least) within {TOLERANCE:.0e}, or "
        f"{TOLERANCE_FLOAT32:.0e} of those that make float32 tensors themselves."
    )
    for what, why in reasons.items():
        print(f"{what}: {why}")
    if wrong:
        raise SystemExit("Over the tolerance: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
