"""Pictures in colour: label prefixes, CIFAR-10, and the three channels all the way to the model."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlass_explorer import cutouts, datasets, preprocess
from vlass_explorer.datasets import cifar10, label_prefix, splits
from vlass_explorer.learning.data import load
from vlass_explorer.schema import DatasetError, InputSpec, RunConfig

RANDOM = np.random.default_rng(0)
COLOUR = InputSpec(
    stretch="linear",
    field_of_view_pixels=32,
    img_size=32,
    in_chans=3,
    normalisation="none",
    colour=True,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    """Twenty pictures a file, classes in turn."""
    for name in cifar10.FILES:
        records = RANDOM.integers(0, 256, (20, cifar10.RECORD), dtype=np.uint8)
        records[:, 0] = np.arange(20) % 10
        (tmp_path / name).write_bytes(records.tobytes())
    return tmp_path


def test_cifar_has_its_folds_and_its_test_part(cifar: Path) -> None:
    assert datasets.recognise(cifar) == "cifar10"
    found = datasets.load("class_folders", cifar)
    assert len(found) == 120 and found.counts == dict.fromkeys(cifar10.LABEL_NAMES, 12)
    parts = splits.split(found, "authors", 1)
    assert parts.validation.tolist() == list(range(20, 40)) and parts.test.tolist() == list(range(100, 120))
    assert len(datasets.load("cifar10", cifar, count=7)) == 7


def test_cifar_colours_reach_the_model(cifar: Path) -> None:
    """Against the bytes of the file, normalised as torchvision would, rows turned as in every picture."""
    record = np.frombuffer((cifar / "data_batch_3.bin").read_bytes(), np.uint8).reshape(-1, 3073)[4]
    item = datasets.load("cifar10", cifar).items[44]
    expected = torch.from_numpy(record[1:].reshape(3, 32, 32)[:, ::-1] / 255.0)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (COLOUR.mean, COLOUR.std))
    assert item.label == record[0]
    x = preprocess.to_tensor(item.read(), COLOUR)
    torch.testing.assert_close(x[0].double(), (expected - mean) / std, atol=1e-6, rtol=1e-6)
    grey = preprocess.to_tensor(item.read(), replace(COLOUR, colour=False, mean=(0.0,), std=(1.0,)))
    assert torch.equal(grey[0, 0], grey[0, 1]) and torch.equal(grey[0, 0], grey[0, 2])
    picture = cutouts.read(png(np.ascontiguousarray(record[1:].reshape(3, 32, 32).transpose(1, 2, 0))))
    spec = replace(COLOUR, mean=(0.0,), std=(1.0,))
    torch.testing.assert_close(preprocess.to_tensor(picture, spec) / 255, preprocess.to_tensor(item.read(), spec))


def test_training_sees_the_colours_that_prediction_sees(cifar: Path) -> None:
    config = RunConfig(
        dataset="cifar10",
        data_dir=str(cifar),
        in_chans=3,
        img_size=32,
        field_of_view_pixels=32,
        stretch="linear",
        normalisation="none",
        rotate=False,
        flip=0.0,
        shift=0.0,
        zoom=0.0,
    )
    data = load(config, lambda: None)
    assert data.spec.colour and not datasets.input_spec(data.data_set, replace(config, in_chans=1)).colour
    x, _ = data.train.augmented(torch.arange(12), epoch=0)
    expected = [preprocess.to_tensor(data.data_set.items[i].read(), data.spec) for i in data.train.indices[:12]]
    assert torch.equal(x, torch.cat(expected)) and not torch.equal(x[:, 0], x[:, 1])
    turned, _ = load(replace(config, rotate=True), lambda: None).train.augmented(torch.arange(12), epoch=0)
    assert turned.shape == (12, 3, 32, 32) and bool(turned.isfinite().all())


@pytest.mark.parametrize("content", [b"", b"x" * 3072, bytes([10]) * 3073])
def test_a_damaged_cifar_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(content)
    with pytest.raises(DatasetError, match=r"^data_batch_1\.bin h(as|olds)"):
        datasets.load("cifar10", tmp_path)
    with pytest.raises(DatasetError, match="needs the folder"):
        datasets.load("cifar10", tmp_path / "absent")


def test_colour_is_kept_of_colour_pictures_alone() -> None:
    pixels = RANDOM.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    cutout = cutouts.read(png(pixels), box=(2, 18, 0, 24))
    assert np.array_equal(cutout.colour, pixels[::-1][2:18].transpose(2, 0, 1))
    assert np.allclose(cutout.pixels, np.tensordot([0.299, 0.587, 0.114], cutout.colour, 1), atol=1e-3)
    assert cutouts.read(png(np.repeat(pixels[..., :1], 3, axis=2))).colour is None
    assert cutouts.read(png(pixels[..., 0])).colour is None
    clear = np.dstack([pixels, np.full((20, 24), 255, np.uint8)])
    clear[:3, :, 3] = 0
    assert np.isnan(cutouts.read(png(clear), row0="south").colour[:, :3]).all()
    stream = io.BytesIO()
    np.save(stream, pixels)
    assert np.array_equal(cutouts.read(stream.getvalue()).colour, pixels.transpose(2, 0, 1))


def test_labels_before_the_underscore(tmp_path: Path) -> None:
    for name in ("10_1", "10_3", "2_1", "2_2", "0_9", "0_7"):
        (tmp_path / f"{name}.png").write_bytes(png(RANDOM.integers(0, 256, (20, 20, 3), dtype=np.uint8)))
    (tmp_path / "notes.txt").write_text("no picture")
    assert datasets.recognise(tmp_path) == "label_prefix"
    found = datasets.load("class_folders", tmp_path)
    assert found.label_names == ("0", "2", "10") and found.counts == {"0": 2, "2": 2, "10": 2} and found.colour
    names = ["0_7.png", "0_9.png", "10_1.png", "10_3.png", "2_1.png", "2_2.png"]
    assert [item.name for item in found.items] == names
    assert [found.label_names[item.label] for item in found.items] == ["0", "0", "10", "10", "2", "2"]
    assert found.items[0].read().colour is not None
    (tmp_path / label_prefix.NAMES).write_text("cat\ndog\nfox\n")
    assert label_prefix.load(tmp_path).counts == {"cat": 2, "dog": 2, "fox": 2}
    (tmp_path / label_prefix.NAMES).write_text("cat\n")
    with pytest.raises(DatasetError, match="has 1 names; 3 different ones are needed"):
        label_prefix.load(tmp_path)


def test_numbers_that_no_two_pictures_share_are_no_labels(tmp_path: Path) -> None:
    for name in ("482113_1293", "482302_1136", "482357_421", "482357_422"):
        (tmp_path / f"{name}.png").write_bytes(png(RANDOM.integers(0, 256, (20, 20, 3), dtype=np.uint8)))
    assert datasets.recognise(tmp_path) == "class_folders"


def test_names_without_label_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there are no pictures"):
        label_prefix.load(tmp_path)
    for name in ("FR_I_3C31", "3C33"):
        (tmp_path / f"{name}.png").write_bytes(png(RANDOM.integers(0, 256, (20, 20), dtype=np.uint8)))
    assert datasets.recognise(tmp_path) == "class_folders"
    with pytest.raises(DatasetError, match=r"3C33\.png has no label"):
        label_prefix.load(tmp_path)
    (tmp_path / "3C33.png").rename(tmp_path / "FR_II_3C33.png")
    assert label_prefix.load(tmp_path).label_names == ("FR_I", "FR_II")
