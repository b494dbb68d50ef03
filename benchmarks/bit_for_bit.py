"""Is everything as it was: hashes and numbers of all checkpoints over real cutouts, to compare two states of the code.

    python benchmarks/bit_for_bit.py --out before.json [--data-dir ../shared/data]
    python benchmarks/bit_for_bit.py --against before.json

For each of 20 cutouts (FIRST, VLASS, LoTSS, NVSS, pictures, an array): noise, peak, S/N, angular size and mask of the
source. For each checkpoint on the shelf: the hash of its weights, and for each cutout those of model input, logits and
of every deterministic explanation that applies, the validity and its reasons. For each checkpoint its report on 120
labelled cutouts: the authors' fold 0 for FIRST, simulated ones for a simulated survey; of one that labels pixels, its
input and logits alone. One thread, about a minute.
Compare on one machine with the same libraries only: another processor adds in another order.

The values of the explanations are written beside the hashes (before.npz). Where a map is not the same to the last bit,
but nowhere differs by more than 1e-5 of its largest value, it is counted apart: a sum in another order. Exit code 1
where anything else differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints, cutouts, datasets, measure, predict, preprocess
from vlass_explorer.evaluation import Part, evaluate
from vlass_explorer.evaluation.parts import relabel
from vlass_explorer.explainers import EXPLAINERS
from vlass_explorer.schema import Checkpoint, Cutout, InputError, UnsupportedError

CUTOUTS = (
    "cutouts/first/100_016.732+000.523_0.1538_0026.95.fits",
    "cutouts/first/200_223.357+041.120_0.1986_0024.65.fits",
    "cutouts/first/3C194.fits",
    "cutouts/first/J131616.979+070246.57.fits",
    "cutouts/first/300_205.908+049.774_0.2709_0031.14.fits",
    "cutouts/vlass/FIRST_J001357-091951.fits",
    "cutouts/surveys/FIRST_J105007+304037.fits",
    "cutouts/pairs/FIRST/4C 34.47_II.fits",
    "cutouts/vlass/VLASS__3.1.ql.T08t01.J001357.17-091951.5.10.2048.v2.I.iter1.image.pbcor.tt0.subim_s2.0arcmin_.fits",
    "cutouts/surveys/VLASS1.1.ql.T01t01.J000228-363000.10.2048.v1.I.iter1.image.pbcor.tt0.subim.fits",
    "cutouts/lotss/P218+55-mosaic.fits",
    "cutouts/surveys/LOTSS_J105007.27+304037.52.fits",
    "cutouts/vlass/NVSS_J001357.2-091951.5.fits",
    "cutouts/surveys/NVSS_J105007.27+304037.52.fits",
    "cutouts/pairs/NVSS/4C 34.47_II.fits",
    "first-radio-galaxies/Bent/0.878_0.466_3_Proctor_Tab1.png",
    "first-radio-galaxies/Bent/10.053_1.428_3_Proctor_Tab1.png",
    "vlass-fr/FRII_000.png",
    "vlass-fr/FRII_002.png",
    "cutouts/odd/ZTF17aabtvsy_VLASS1.2v2_array.npy",
)
METHODS: dict[str, dict[str, Any]] = {
    "attention_rollout": {},
    "generic_relevance": {},
    "legrad": {},
    "grad_cam": {},
    "input_x_gradient": {},
    "integrated_gradients": {"max_steps": 8},
}
TOLERANCE = 1e-5  # of the largest value of a map; a float32 sum of 64 terms in another order is off by less
LABELLED = 120
Maps = dict[str, NDArray[np.float32]]
REPORTED = (
    "count",
    "accuracy",
    "accuracy_interval",
    "macro_f1",
    "macro_f1_interval",
    "macro_auroc",
    "macro_auroc_interval",
    "micro_auroc",
    "loss",
    "ece",
    "brier",
    "per_class",
    "confusion",
)


def digest(array: Any) -> str:
    """SHA-256 of type, shape and bytes of an array."""
    values = np.ascontiguousarray(array)
    return hashlib.sha256(f"{values.dtype} {values.shape}".encode() + values.tobytes()).hexdigest()


def measured(cutout: Cutout) -> dict[str, Any]:
    """What detection says of a cutout."""
    found = measure.measure(cutout)
    return {
        "pixels": digest(cutout.pixels),
        "noise": None if cutout.noise is None else cutout.noise.rms,
        "peak": found.peak,
        "peak_yx": [int(place) for place in found.peak_yx],
        "rms": found.rms,
        "snr": found.snr,
        "angular_size": found.angular_size,
        "source_pixels": found.source_pixels,
        "source_mask": digest(measure.source_mask(cutout)),
    }


def answered(model: nn.Module, card: Checkpoint, cutout: Cutout) -> tuple[dict[str, Any], Maps]:
    """What a checkpoint says of a cutout, and where each method that applies says it looked."""
    x = preprocess.to_tensor(cutout, card.input_spec)
    (said,) = predict.predict(model, card, [cutout])
    target = int(np.argmax(said.logits))
    maps: Maps = {}
    for name, options in METHODS.items():
        try:
            maps[name] = np.asarray(EXPLAINERS[name].explain(model, x, target, **options).maps)
        except UnsupportedError:
            continue
    said_of_it = {
        "input": digest(x),
        "logits": digest(said.logits),
        "probabilities": [float(score) for score in said.probabilities],
        "validity": said.validity.level,
        "reasons": list(said.validity.reasons),
        "maps": {name: digest(maps[name]) if name in maps else "does not apply" for name in METHODS},
    }
    return said_of_it, maps


def labelled(model: nn.Module, card: Checkpoint, cutout: Cutout) -> dict[str, Any]:
    """What a checkpoint of pixels says of the field of view at the middle of a cutout, or why it is not asked."""
    try:
        x = preprocess.to_tensor(cutout, card.input_spec)
    except InputError as error:
        return {"refused": str(error)}
    with torch.inference_mode():
        return {"input": digest(x), "logits": digest(model(x).numpy())}


def reported(model: nn.Module, card: Checkpoint, data_dir: Path) -> dict[str, Any]:
    """Report on a fixed part of the labelled set, or of the simulated one, that the checkpoint knows the classes of."""
    if card.input_spec.simulated:
        data_set = datasets.load("simulated", None, count=4)
        part = [index for index, item in enumerate(data_set.items) if item.split == "validation"]
    else:
        data_set = datasets.load("first_radio_galaxies", data_dir / "first-radio-galaxies")
        part = [index for index, item in enumerate(data_set.items) if item.fold == 0]
    chosen = np.linspace(0, len(part) - 1, LABELLED).astype(int)  # over all classes, which stand one after the other
    found = evaluate(model, card, Part(relabel(data_set, card), tuple(part[index] for index in chosen)))
    report = asdict(found.report)
    return {"scores": digest(found.probabilities), **{key: report[key] for key in REPORTED}}


def everything(data_dir: Path) -> tuple[dict[str, Any], Maps]:
    """All hashes and numbers, and the maps by their place among them."""
    images = {path: cutouts.read(data_dir / path) for path in CUTOUTS}
    found: dict[str, Any] = {
        "environment": {"torch": torch.__version__, "numpy": np.__version__, "machine": platform.machine()},
        "cutouts": {path: measured(cutout) for path, cutout in images.items()},
        "checkpoints": {},
    }
    maps: Maps = {}
    for card in checkpoints.listing():
        model = checkpoints.load(card)
        said: dict[str, Any] = {}
        weights = hashlib.sha256((card.path / checkpoints.WEIGHTS).read_bytes()).hexdigest()
        if card.task == "segmentation":
            said = {path: labelled(model, card, cutout) for path, cutout in images.items()}
            found["checkpoints"][card.name] = {"weights": weights, "cutouts": said}
            continue
        for path, cutout in images.items():
            said[path], drawn = answered(model, card, cutout)
            maps |= {f"checkpoints/{card.name}/cutouts/{path}/maps/{name}": values for name, values in drawn.items()}
        found["checkpoints"][card.name] = {
            "weights": weights,
            "cutouts": said,
            "report": reported(model, card, data_dir),
        }
    plain: dict[str, Any] = json.loads(json.dumps(found))  # tuples become lists, as in the file
    return plain, maps


def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Place of each number or hash that is not the same, and a line that tells both."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key, "absent"), after.get(key, "absent"), f"{place}/{key}")
    elif json.dumps(before) != json.dumps(after):  # as text, so that NaN equals itself
        place = place.lstrip("/")
        yield place, f"{place}: {json.dumps(before)} → {json.dumps(after)}"


def apart(place: str, before: Maps, after: Maps) -> float:
    """Largest difference of two maps over the largest value of either; infinite where there are no two of one shape."""
    if place not in before or place not in after or before[place].shape != after[place].shape:
        return math.inf
    one, other = before[place].astype(np.float64), after[place].astype(np.float64)
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return math.inf
    largest = max(float(np.nanmax(np.abs(one))), float(np.nanmax(np.abs(other))))
    return float(np.nanmax(np.abs(one - other))) / largest if largest > 0 else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, help="write hashes and numbers to this JSON file")
    parser.add_argument("--against", type=Path, help="compare with the JSON file of an earlier state")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found, maps = everything(options.data_dir)
    values: dict[str, Any] = dict(maps)
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
        np.savez_compressed(options.out.with_suffix(".npz"), **values)
    if options.against is None:
        print(f"All of it: {digest(json.dumps(found))}")
        return 0
    kept: Maps = {}
    if options.against.with_suffix(".npz").is_file():
        with np.load(options.against.with_suffix(".npz")) as file:
            kept = dict(file)
    unlike = dict(differences(json.loads(options.against.read_text(encoding="utf-8")), found))
    rounded = {place: by for place in unlike if (by := apart(place, kept, maps)) <= TOLERANCE}
    print("\n".join(line for place, line in unlike.items() if place not in rounded) or "All the same.")
    if rounded:
        methods = ", ".join(sorted({place.rpartition("/")[2] for place in rounded}))
        print(
            f"{len(rounded)} of {len(maps)} maps ({methods}) differ in rounding: "
            f"by {max(rounded.values()):.1e} of the largest value at most, tolerance {TOLERANCE:.0e}."
        )
    return 1 if unlike.keys() - rounded.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
