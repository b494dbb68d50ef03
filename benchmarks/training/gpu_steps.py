"""The steps of benchmarks/gpu.sh, each a process that prints one JSON object; ``table`` makes the table of them.

``--tiny`` does the same on the CPU with sizes that mean nothing, to prove the script where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

# Run from anywhere: the packages beside this folder are used, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from vlass_explorer import checkpoints, runs
from vlass_explorer.attention import attention_maps, rollout
from vlass_explorer.datasets import simulated
from vlass_explorer.launchers import begin, local
from vlass_explorer.schema import RunConfig

ROOT = Path(__file__).resolve().parent.parent.parent
WORDS = {
    "vit_images_per_second": "ViT-B/16 at 224 pixels, bf16 fine-tune, images a second",
    "vit_flop_utilisation": "… share of the matrix peak measured here",
    "vit_over_plain_lightning": "… over a plain float32 Lightning pipeline",
    "matrix_peak_tflops": "matrix peak, bf16, TFLOP a second",
    "capture_over_plain": "attention of all layers and rollout over the plain pass, by architecture",
    "classify_memory": "classify from FITS in memory, inputs a second",
    "classify_disk": "classify from FITS on disk, inputs a second",
    "launch_seconds": "fine-tune of first/vit-tiny through the page's launcher, seconds from start to checkpoint",
}


def synchronised(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def machine(device: str, *, tiny: bool) -> dict[str, Any]:
    """What this is."""
    name = torch.cuda.get_device_name() if device != "cpu" else "CPU, tiny sizes: no measurement"
    return {"machine": f"{name}; torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores"}


def train(device: str, *, tiny: bool) -> dict[str, Any]:
    """Fine-tune of a ViT-B/16 beside a plain pipeline."""
    from training import gpu

    with tempfile.TemporaryDirectory() as folder:
        return gpu.measure(Path(folder), gpu.TINY if tiny else gpu.LARGE)


def capture(device: str, *, tiny: bool) -> dict[str, Any]:
    """Median ratios of a recorded pass with rollout to a plain one, pairs back to back."""
    import timm

    names = (
        ("vit_tiny_patch16_224",) if tiny else ("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224")
    )
    found = {}
    for name in names:
        model = timm.create_model(name, num_classes=4, in_chans=1).to(device).eval()
        image = torch.randn(1, 1, 224, 224, device=device)

        def plain(model: torch.nn.Module = model, image: torch.Tensor = image) -> None:
            with torch.inference_mode():
                model(image)

        def recorded(model: torch.nn.Module = model, image: torch.Tensor = image) -> None:
            with torch.inference_mode():
                rollout(attention_maps(model, image, head_fusion="mean")[1])

        ratios = []
        for _ in range(3 if tiny else 30):
            seconds = [taken(each, device) for each in (plain, recorded)]
            ratios.append(seconds[1] / seconds[0])
        found[name] = round(statistics.median(ratios), 2)
    return {"capture_over_plain": ", ".join(f"{name} {ratio}" for name, ratio in found.items())}


def taken(work: Callable[[], None], device: str) -> float:
    """Seconds of some work on a device."""
    synchronised(device)
    began = time.perf_counter()
    work()
    synchronised(device)
    return time.perf_counter() - began


def classify(device: str, *, tiny: bool) -> dict[str, Any]:
    """Inputs a second of ``classify``, the whole command with its start, from a file system in memory and from disk."""
    count, made = (12, 6) if tiny else (6000, 200)
    found = {}
    for where, parent in (("memory", "/dev/shm"), ("disk", None)):
        with tempfile.TemporaryDirectory(dir=parent if parent and Path(parent).is_dir() else None) as folder:
            sky = Path(folder) / "sky"
            sky.mkdir()
            for index in range(count):
                if index < made:
                    simulated.write_fits(sky / f"{index}.fits", "Double Lobes", 0, index)
                else:
                    (sky / f"{index}.fits").write_bytes((sky / f"{index % made}.fits").read_bytes())
            words = ["classify", str(sky), "--checkpoint", "first-cnn", "--no-flux", "--device", device]
            command = [sys.executable, "-m", "vlass_explorer", *words, "--out", f"{folder}/out"]
            began = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            found[f"classify_{where}"] = round(count / (time.perf_counter() - began), 1)
    return found


def launch(device: str, *, tiny: bool) -> dict[str, Any]:
    """A whole run of the recipe first/vit-tiny on simulated cutouts, begun as the page begins it."""
    from vlass_explorer import recipes

    with tempfile.TemporaryDirectory() as folder:
        os.environ["VLASS_EXPLORER_RUNS"], os.environ["VLASS_EXPLORER_CHECKPOINTS"] = (
            f"{folder}/runs",
            f"{folder}/shelf",
        )
        size: dict[str, Any] = {"train_count": 2000, "epochs": 5}
        if tiny:  # a folder, since 1,000 cutouts to validate on come with those that are simulated on the way
            simulated.write(Path(folder) / "sky", 40)
            size = {"data_dir": f"{folder}/sky", "epochs": 1, "batch_size": 8, "precision": "32"}
        values = {"name": "gpu", "dataset": "simulated", "split": "random", "teacher": "", "device": device, **size}
        config: RunConfig = recipes.with_values(recipes.load("first/vit-tiny"), values)
        began = time.perf_counter()
        # Where the time is up: the run is a process of its own, and would go on.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        run = begin.start(config, local.launch, 1)
        try:
            while (now := runs.read(run.path)).is_active:
                time.sleep(0.2)
        finally:
            local.kill(runs.read(run.path))
        if now.phase != "finished":
            raise SystemExit(f"{now.phase}: {now.reason}\n{runs.log_tail(now)}")
        card = checkpoints.find("gpu")
        return {"launch_seconds": round(time.perf_counter() - began, 1), "launch_checkpoint": card.name}


def table(out: Path) -> str:
    """The table of what the steps printed, which is kept as gpu.json, too."""
    found: dict[str, Any] = {}
    for line in (out / "gpu.jsonl").read_text().splitlines():
        found |= json.loads(line)
    (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    lines = [f"{found.get('machine', 'unknown machine')}", "", "| what | measured |", "|---|---|"]
    lines += [f"| {words} | {_shown(found[key])} |" for key, words in WORDS.items() if key in found]
    lines += [f"| {name} | {found[name]} |" for name in STEPS if name != "machine" and name in found]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "machine": machine,
    "train": train,
    "capture": capture,
    "classify": classify,
    "launch": launch,
}


def main() -> int:
    """Do a step, or make the table."""
    parser = argparse.ArgumentParser(description="A step of benchmarks/gpu.sh.")
    parser.add_argument("step", choices=[*STEPS, "table"])
    parser.add_argument("out", nargs="?", type=Path, default=Path("gpu-table"))
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if options.step == "table":
        print(table(options.out))
        return 0
    print(json.dumps(STEPS[options.step]("cpu" if options.tiny else "cuda:0", tiny=options.tiny)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
