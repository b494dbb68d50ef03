"""Every way in which the tests break a checkpoint, a cutout, a data set or a run folder, each beside a good one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tiny_checkpoint
import tiny_set
import torch
from astropy.io import fits
from browser.bad_files import bomb, pickled, table
from test_foreign import distorted, npy

from ui import state
from vlass_explorer import checkpoints, runs
from vlass_explorer.catalogue import job
from vlass_explorer.schema import InputSpec, RunConfig

ARGS = tiny_checkpoint.ARGS | {"depth": 1, "num_heads": 2}
SPEC = InputSpec(img_size=32, field_of_view_pixels=24, unit=None)
LOOK = ("explore", "attention", "explain", "compare", "anatomy")
ASKED = job.files(["a", "--checkpoint", "good"])["classify.json"]
PAGES = (*LOOK, "sky", "source", "desk", "batch", "train", "runs", "checkpoints", "data")


@dataclass(frozen=True)
class World:
    """Folders that hold one good thing of each kind, called good, and room for a bad one."""

    root: Path

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoints" / "bad"

    @property
    def data_set(self) -> Path:
        return self.root / "data" / "bad"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def environment(self) -> dict[str, str]:
        return {
            "VLASS_EXPLORER_CHECKPOINTS": str(self.root / "checkpoints"),
            "VLASS_EXPLORER_RUNS": str(self.runs),
            "VLASS_EXPLORER_DATA_ROOTS": str(self.root / "data"),
            "VLASS_EXPLORER_UPLOADS": "off",
            "VLASS_EXPLORER_TRAINING": "local",
        }


@dataclass(frozen=True)
class Broken:
    """One way to break something: what it makes of a good copy, and what is told of it on which pages."""

    name: str
    kind: str
    """checkpoint, cutout, data set or run."""
    make: Callable[[Path], object]
    """Breaks the copy at a path."""
    sentence: str
    """Words of the sentence that tells it."""
    pages: tuple[str, ...]
    """Where it is told; everywhere else nothing is wrong."""
    reading: state.Reading = field(default_factory=state.Reading)


def good_world(root: Path) -> World:
    """A checkpoint, a cutout, a data set and a finished run, all tiny."""
    torch.manual_seed(0)
    model = checkpoints.create("vit_tiny_patch16_224", 2, ARGS)
    tiny_checkpoint.save(
        root / "checkpoints" / "good",
        model,
        label_names=tiny_set.CLASSES,
        model_args=ARGS,
        input_spec=SPEC,
        metrics={},
        provenance={"dataset": "class_folders", "split": "random", "fold": 0},
    )
    tiny_set.make(root / "data" / "good", count=10, side=32)
    run(root / "runs" / "good")
    (run(root / "runs" / "sorted") / "classify.json").write_bytes(ASKED)
    return World(root)


def _broken_plan(path: Path) -> None:
    """A classification whose manifest was cut off."""
    (path / "classify.json").write_bytes(ASKED)
    (path / "catalogue").mkdir()
    (path / "catalogue" / "manifest.json").write_text("{")


def run(path: Path) -> Path:
    """A finished run with two rows of metrics."""
    made = runs.create(RunConfig(name=path.name, epochs=2), path.parent)
    made.path.rename(path)
    for step in (1, 2):
        runs.append_metrics(path, {"step": step, "epoch": step, "train_loss": 1.0 / step, "val_loss": 1.0})
    runs.write_status(path, phase="stopped", total_steps=4, step=2, reason="Stopped on request.", process={})
    return path


def entry(name: str, content: bytes) -> state.Entry:
    """An uploaded file of a session."""
    sha256 = hashlib.sha256(content).hexdigest()
    return state.Entry(f"{sha256[:16]}:{name}", name, name, "upload", sha256, content=content)


def _config(change: Callable[[dict], object]) -> Callable[[Path], object]:
    """Change config.json of a checkpoint."""

    def make(path: Path) -> None:
        content = json.loads((path / "config.json").read_text())
        change(content)
        (path / "config.json").write_text(json.dumps(content))

    return make


def _spec(**changes: object) -> Callable[[Path], object]:
    return _config(lambda content: content["vlass_explorer"]["input_spec"].update(changes))


def _weights(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        file = path / "model.safetensors"
        file.write_bytes(change(file.read_bytes()))

    return make


def _not_a_number(path: Path) -> None:
    """Weights that are whole, and all NaN."""
    from safetensors.torch import load_file, save_file

    file = path / "model.safetensors"
    save_file(
        {key: torch.full_like(tensor, torch.nan) for key, tensor in load_file(file).items()}, file, {"format": "pt"}
    )
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    _config(lambda content: content["vlass_explorer"].update(sha256=sha256))(path)


def _image(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    fits.PrimaryHDU(pixels.astype(np.float32)).writeto(buffer)
    return buffer.getvalue()


def _write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda path: (path / name).write_bytes(content)


def _file(content: Callable[[], bytes] | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content())


def _half_line(path: Path) -> None:
    file = path / "metrics.jsonl"
    file.write_bytes(file.read_bytes() + b'{"step": 3, "tra{"step": 3, "epoch": 2, "train_loss": 0.3}\n{"step"')


NOISE = np.random.default_rng(0).normal(0, 1, (32, 32))
TRAIN = ("train", "data", "checkpoints")
SHELF = ("checkpoints",)
LOADED = (*LOOK, "checkpoints")
WAYS = (
    Broken(
        "flipped byte", "checkpoint", _weights(lambda b: b[:-1] + bytes([b[-1] ^ 1])), "not those of its card", LOADED
    ),
    Broken("truncated weights", "checkpoint", _weights(lambda b: b[:-100]), "broken or incomplete", SHELF),
    Broken(
        "missing weights", "checkpoint", lambda p: (p / "model.safetensors").unlink(), "has no model.safetensors", SHELF
    ),
    Broken("config not JSON", "checkpoint", _write("config.json", b"{broken"), "is not JSON", SHELF),
    Broken("config is binary", "checkpoint", _write("config.json", b"\xff\xfe\x00"), "is not JSON", SHELF),
    Broken(
        "config misses keys", "checkpoint", _config(lambda c: c.pop("architecture")), '"architecture" should be', SHELF
    ),
    Broken(
        "patch size 0", "checkpoint", _config(lambda c: c["model_args"].update(patch_size=0)), "cannot be built", LOADED
    ),
    Broken(
        "one label too many",
        "checkpoint",
        _config(lambda c: c["vlass_explorer"]["label_names"].append("x")),
        "3 label names for 2 classes",
        SHELF,
    ),
    Broken(
        "unknown architecture",
        "checkpoint",
        _config(lambda c: c.update(architecture="vit_gigantic")),
        "vit_gigantic",
        (*LOADED, "train"),
    ),
    Broken("weights are NaN", "checkpoint", _not_a_number, "no finite score", LOOK),
    Broken("another input size", "checkpoint", _spec(img_size=64), "does not take 1 × 64 × 64 inputs", LOADED),
    Broken(
        "input of another type", "checkpoint", _spec(beam_arcsec=["a", 2]), "beam_arcsec of input_spec cannot be", SHELF
    ),
    Broken(
        "report of another type",
        "checkpoint",
        _config(lambda c: c["vlass_explorer"].update(metrics={"validation": {"macro_f1": "high"}})),
        "no report",
        SHELF,
    ),
    Broken("letter.fits", "cutout", _file(b"SIMPLE letters, no image\n" * 200), "This is no FITS", LOOK),
    Broken("truncated.fits", "cutout", _file(lambda: _image(NOISE)[:4000]), "cut short", LOOK),
    Broken("table.fits", "cutout", _file(table), "only a table", LOOK),
    Broken("nan.fits", "cutout", _file(lambda: _image(np.full((32, 32), np.nan))), "Every pixel is empty", LOOK),
    Broken("negative.npy", "cutout", _file(npy((-10, -10))), "the shape", LOOK),
    Broken("objects.npy", "cutout", _file(pickled), "pickled Python objects", LOOK),
    Broken("bomb.png", "cutout", _file(lambda: bomb(14_000)), "pixels", LOOK),
    Broken("damaged.fits.gz", "cutout", _file(lambda: gzip.compress(_image(NOISE))[:40] + b"\0" * 99), "damaged", LOOK),
    Broken("one.fits", "cutout", _file(lambda: _image(np.ones((1, 1)))), "1 × 1 pixels", LOOK),
    Broken("flat.fits", "cutout", _file(lambda: _image(NOISE)), "There is no plane 1", LOOK, state.Reading(plane=1)),
    Broken(
        "sip.fits",
        "cutout",
        _file(lambda: distorted(1e-3)),
        "lies outside the image",
        LOOK,
        state.Reading(position=(150.01, 20.01), size_arcsec=20.0),
    ),
    Broken("empty folder", "data set", lambda p: [shutil.rmtree(f) for f in p.iterdir()], "no labelled images", TRAIN),
    Broken("yaml of mixed types", "data set", _write("dataset.yaml", b"1: a\nx: b\n"), "known keys are", TRAIN),
    Broken(
        "unreadable images",
        "data set",
        lambda p: [f.write_bytes(b"x") for f in p.rglob("*.npy")],
        "cannot be read",
        TRAIN,
    ),
    Broken("vanished folder", "data set", shutil.rmtree, "There is no folder", TRAIN),
    Broken(
        "bad rows",
        "data set",
        _write("labels.csv", b"path,label,ra\nlong/000.npy,a,east\n"),
        "not decimal degrees",
        TRAIN,
    ),
    Broken(
        "infinite pixels",
        "data set",
        _write("dataset.yaml", b"pixel_scale_arcsec: .inf\n"),
        "not a positive number",
        TRAIN,
    ),
    Broken("half line", "run", _half_line, "", ()),
    Broken("config missing", "run", lambda p: (p / "config.yaml").unlink(), "it has no config.yaml", ("runs",)),
    Broken("config binary", "run", _write("config.yaml", b"\xff\x00"), "no text that can be read", ("runs",)),
    Broken(
        "status not JSON", "run", _write("status.json", b'{"phase": "tra'), "status.json of bad is damaged", ("runs",)
    ),
    Broken(
        "status of another type",
        "run",
        _write("status.json", b'{"phase": [1]}'),
        "status.json of bad is damaged",
        ("runs",),
    ),
    Broken(
        "classification damaged", "run", _write("classify.json", b"{}"), "classify.json of bad is damaged", ("batch",)
    ),
    Broken("plan damaged", "run", _broken_plan, "manifest.json is damaged", ("batch",)),
    Broken("report is none", "run", _write("report.json", b'{"macro_f1": "x", "label_names": 3}'), "", ()),
)


def broken_world(root: Path, way: Broken) -> tuple[World, dict[str, state.Entry]]:
    """A world with one broken thing called bad, and the files of the session: the good one last."""
    world = good_world(root)
    (good,) = [entry("good.npy", next((root / "data" / "good" / "long").iterdir()).read_bytes())]
    uploads = {"good": good}
    if way.kind == "checkpoint":
        shutil.copytree(root / "checkpoints" / "good", world.checkpoint)
        way.make(world.checkpoint)
    elif way.kind == "cutout":
        path = root / way.name
        way.make(path)
        uploads["bad"] = entry(way.name, path.read_bytes())
    elif way.kind == "data set":
        shutil.copytree(root / "data" / "good", world.data_set)
        way.make(world.data_set)
    else:
        way.make(run(world.runs / "bad"))
    return world, uploads
