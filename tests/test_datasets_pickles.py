"""Restricted reader: what numpy pickles comes back equal, and what would run code is refused and does not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlass_explorer import datasets
from vlass_explorer.datasets import deeplense, nrao_vlass, splits
from vlass_explorer.datasets.safe_pickle import read_npy, read_pickle
from vlass_explorer.schema import CutoutError, DatasetError

RANDOM = np.random.default_rng(0)


def objects(*values: Any) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and one.dtype.hasobject or isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


HONEST = {
    "float32": RANDOM.random((3, 4, 5), dtype=np.float32),
    "fortran": np.asfortranarray(RANDOM.random((3, 4))),
    "big-endian": np.arange(5, dtype=">i2"),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "no axes": np.array(4.0),
    "scalar": np.float32(3.5),
    "image and mass": objects(np.arange(64.0).reshape(8, 8), 1.5),
    "rows": objects(*(np.arange(4) + n for n in range(3))),
    "list": [np.arange(3), 2, "x", None],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", HONEST)
def test_what_python_pickles_comes_back_equal(kind: str, protocol: int, tmp_path: Path) -> None:
    (tmp_path / "x.p").write_bytes(pickle.dumps(HONEST[kind], protocol))
    assert equal(HONEST[kind], read_pickle(tmp_path / "x.p"))


@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("text", [True, False])
def test_what_python_2_pickled_comes_back_equal(text: bool, module: str, tmp_path: Path) -> None:
    """Protocol 0 and 2 as Python 2 wrote them: byte strings, and numpy's module by its old name."""
    image = np.arange(6, dtype="<f8").reshape(2, 3) + 0.1
    raw = image.tobytes()
    data = b"S" + repr(raw)[1:].encode() + b"\n" if text else b"T" + len(raw).to_bytes(4, "little") + raw
    stream = (
        (
            f"c{module}.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n(I1\n(I2\nI3\ntp6\n"
            "cnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
        ).encode()
        + data
        + b"p13\ntp14\nb."
    )
    assert np.array_equal(pickle.loads(stream, encoding="latin1"), image)
    (tmp_path / "x.p").write_bytes(stream)
    assert np.array_equal(read_pickle(tmp_path / "x.p"), image)


class Evil:
    """Pickled, this runs a command when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def npy(path: Path, value: Any) -> Path:
    np.save(path, objects(np.zeros((8, 8)), value), allow_pickle=True)
    return path


def test_the_attack_works_on_python_itself(tmp_path: Path) -> None:
    np.load(npy(tmp_path / "x.npy", Evil(tmp_path / "marker")), allow_pickle=True)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_a_command_is_refused_and_runs_nothing(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "x.p"
    for evil in (Evil(tmp_path / "marker"), [np.zeros(3), Evil(tmp_path / "marker")]):
        path.write_bytes(pickle.dumps(evil, protocol))
        with pytest.raises(
            DatasetError, match=r"^x\.p is not opened: it wants to run \w+\.system; only pickled arrays"
        ):
            read_pickle(path)
    assert not (tmp_path / "marker").exists()


def test_a_malicious_array_file_in_a_data_set_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for name, file in (("deeplense", "train/axion/x.npy"), ("class_folders", "a/x.npy")):
        root = tmp_path / name
        (root / file).parent.mkdir(parents=True)
        npy(root / file, Evil(marker))
        item = deeplense.load(root).items[0] if name == "deeplense" else None
        with pytest.raises(DatasetError, match=r"x\.npy"):
            item.read() if item else datasets.load(name, root)
    (tmp_path / nrao_vlass.LABELS).write_bytes(pickle.dumps(np.zeros(2, int)))
    (tmp_path / nrao_vlass.IMAGES).write_bytes(pickle.dumps(Evil(marker)))
    with pytest.raises(DatasetError, match=r"vlass_data_array\.p is not opened: it wants to run"):
        datasets.load("nrao_vlass", tmp_path)
    assert not marker.exists()


CRAFTED = {
    "numpy's own state with a false type": b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR(I3\nS'|'\n(S'f8'\nttNNI-1\nI-1\nI0\ntb.",
    "bytes in place of objects": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nt"
    b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\ntb.",
    "too few bytes": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I9999\nt"
    b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\ntb.",
    "another function": b"cbuiltins\nexec\n(S'import os'\ntR.",
    "a function handed over": b"cnumpy\ndtype\n.",
    "an object of a class": b"ccollections\nOrderedDict\n)\x81.",
    "an instance": b"(S'x'\nios\nsystem\n.",
    "a dictionary": b"}.",
    "a persistent name": b"Pname\n.",
    "a registered extension": b"\x82\x01.",
    "a list in itself": b"(lp0\ng0\na.",
    "lists that unfold": b"(lp0\n(lp1\ng0\nag0\na(lp2\ng1\nag1\na.",
    "an array in itself": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRp0\n(I1\n(I1\nt"
    b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRI00\n(lg0\natb.",
    "a name read from memory": b"g7\n.",
    "an empty stack": b".",
    "nothing": b"",
    "no pickle": b"hello",
    "a number too long": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "half a file": pickle.dumps(np.zeros(1000))[:500],
}


@pytest.mark.parametrize("kind", CRAFTED)
def test_crafted_pickles_are_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    (tmp_path / "x.p").write_bytes(CRAFTED[kind])
    with pytest.raises(DatasetError, match=r"^x\.p (is not opened|cannot be read as a pickle)[^\n]*$"):
        read_pickle(tmp_path / "x.p")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x05\x00(1,2)", b"text"])
def test_broken_array_files_are_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DatasetError, match=r"^x\.npy is not a NPY array"):
        read_npy(tmp_path / "x.npy")


IMAGE = RANDOM.random((8, 8))
FORMS = {
    "plain": IMAGE,
    "image and mass": objects(IMAGE, 0.25),
    "rows": objects(*IMAGE),
    "rows and label": objects(*IMAGE, 0.25),
    "rows and one more": objects(*IMAGE, np.zeros(8)),
    "rows of numbers": IMAGE.astype(object),
    "flat": IMAGE.ravel(),
    "flat and label": np.append(IMAGE.ravel(), 0.25),
    "flat within objects": objects(IMAGE.ravel(), 0.25),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_deeplense_files_gives_the_image(form: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FORMS[form], allow_pickle=True)
    cutout = deeplense.read(tmp_path / "x.npy")
    assert np.array_equal(cutout.pixels, IMAGE.astype(np.float32))
    assert cutout.header == ({"AXIONM": 0.25} if "mass" in form or "label" in form or "within" in form else {})
    assert cutout.origin.simulated


@pytest.mark.parametrize(
    "wrong", [np.zeros(5), np.zeros((3, 3)), np.zeros((8, 8, 2)), objects("a", "b"), objects(*np.zeros((3, 8)))]
)
def test_what_is_no_deeplense_image_is_told(wrong: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", wrong, allow_pickle=True)
    with pytest.raises(CutoutError):
        deeplense.read(tmp_path / "x.npy")


def test_deeplense_folders(data_dir: Path, tmp_path: Path) -> None:
    """Real files of Model I in the authors' layout: classes in a fixed order, the test folder as test part."""
    real = data_dir / "cutouts" / "deeplense"
    for part, label, count in (
        ("train", "axion", 2),
        ("train", "no_sub", 2),
        ("train", "cdm", 2),
        ("test", "cdm", 1),
        ("test", "axion", 1),
    ):
        (tmp_path / part / label).mkdir(parents=True)
        for number in range(count):
            source = real / f"Model_I_{'cdm' if label == 'axion' else label}.npy"
            (tmp_path / part / label / f"{number}.npy").write_bytes(source.read_bytes())
    assert datasets.recognise(tmp_path) == "deeplense"
    found = datasets.load("class_folders", tmp_path)
    assert found.label_names == ("axion", "cdm", "no_sub") and found.counts == {"axion": 3, "cdm": 3, "no_sub": 2}
    parts = splits.split(found, "random_test", 0)
    assert [found.items[i].name for i in parts.test] == ["test/axion/0.npy", "test/cdm/0.npy"]
    assert sorted(found.items[i].label for i in np.concatenate(parts[:2])) == [0, 0, 1, 1, 2, 2]
    cutout = found.items[2].read()
    assert cutout.shape == (150, 150) and found.simulated
    assert np.array_equal(cutout.pixels, np.load(real / "Model_I_cdm.npy").astype(np.float32))
    with pytest.raises(DatasetError, match="holds no train/axion"):
        datasets.load("deeplense", tmp_path / "train" / "cdm")


@pytest.mark.parametrize("shape", [(40, 64, 64), (40, 4096), (40, 1, 64, 64)])
def test_the_pickled_vlass_set(shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CACHE", str(tmp_path / "cache"))
    images, labels = RANDOM.random((40, 64, 64)), np.arange(40) % 4
    (tmp_path / nrao_vlass.IMAGES).write_bytes(pickle.dumps(images.reshape(shape)))
    (tmp_path / nrao_vlass.LABELS).write_bytes(pickle.dumps(labels, 2))
    assert datasets.recognise(tmp_path) == "nrao_vlass"
    found = datasets.load("class_folders", tmp_path)
    assert found.labels.tolist() == labels.tolist() and found.label_names[3] == "Three Points"
    assert np.array_equal(found.items[7].read().pixels, images[7].astype(np.float32))
    monkeypatch.setattr(nrao_vlass, "read_pickle", lambda path: pytest.fail("converted twice"))
    again = datasets.load("nrao_vlass", tmp_path, count=5)
    assert [item.key for item in again.items] == [found.items[int(item.name[6:])].key for item in again.items]
    assert len(list((tmp_path / "cache").glob("*/vlass.npz"))) == 1


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (np.zeros((4, 64, 63)), np.zeros(4, int), r"have the shapes \(4, 64, 63\) and \(4,\)"),
        (np.zeros((4, 64, 64)), np.zeros(3, int), r"have the shapes \(4, 64, 64\) and \(3,\)"),
        (np.zeros((4, 64, 64)), np.array([0, 1, 2, 7]), "holds the label 7"),
        (objects(IMAGE, 1.0), np.zeros(2, int), "have the shapes"),
    ],
)
def test_a_vlass_set_of_another_shape_is_told(
    images: np.ndarray, labels: np.ndarray, reason: str, tmp_path: Path
) -> None:
    (tmp_path / nrao_vlass.IMAGES).write_bytes(pickle.dumps(images))
    (tmp_path / nrao_vlass.LABELS).write_bytes(pickle.dumps(labels))
    with pytest.raises(DatasetError, match=reason):
        datasets.load("nrao_vlass", tmp_path)
    with pytest.raises(DatasetError, match="needs the folder that holds"):
        datasets.load("nrao_vlass", tmp_path / "absent")
