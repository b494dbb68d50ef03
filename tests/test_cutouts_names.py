"""One list of names: what is read is found in class folders, catalogues, uploads, data roots and by commands."""

from __future__ import annotations

import bz2
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from fits_bytes import IMAGE, SKY, packed, primary
from PIL import Image

from ui import settings
from vlass_explorer import cutouts, datasets, export
from vlass_explorer.cli.inputs import expand
from vlass_explorer.cutouts import names
from vlass_explorer.datasets import uploads
from vlass_explorer.schema import CutoutError

READABLE = [suffix for suffix in names.SUFFIXES if not suffix.endswith(".z")]


def content(suffix: str) -> bytes:
    """A file of that name."""
    stream = io.BytesIO()
    kind = suffix.split(".")[1]
    if suffix.endswith(".fz"):
        return packed(fits.PrimaryHDU(), fits.CompImageHDU(IMAGE, fits.Header(SKY)))
    if f".{kind}" in names.FITS:
        data = primary()
    elif kind == "npy":
        np.save(stream, IMAGE)
        data = stream.getvalue()
    else:
        pixels = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
        Image.fromarray(pixels).save(stream, {"jpg": "jpeg", "tif": "tiff"}.get(kind, kind))
        data = stream.getvalue()
    return gzip.compress(data) if suffix.endswith(".gz") else bz2.compress(data) if suffix.endswith(".bz2") else data


@pytest.mark.parametrize("suffix", READABLE)
def test_every_name_is_taken_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    folder = tmp_path / "roots" / "set"
    for index, label in enumerate(("a", "b")):
        (folder / label).mkdir(parents=True)
        name = f"1_{index}{suffix if index else suffix.upper()}"  # cameras and DOS shout
        (folder / label / name).write_bytes(content(suffix))
        (folder / label / f"._{name}").write_bytes(b"what macOS puts beside a file")
    shape = cutouts.read(folder / "b" / f"1_1{suffix}").shape
    assert [cutout.shape for cutout in datasets.load("class_folders", folder).read()] == [shape, shape]
    files = [(f"{path.parent.name}/{path.name}", io.BytesIO(path.read_bytes())) for path in folder.glob("*/*")]
    copy = uploads.store(files, tmp_path / "uploads", "copy", uploads.Bounds())
    assert len(datasets.load("class_folders", copy)) == 2
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "roots"))
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", "off")
    assert settings.data_sets() == [folder]
    assert [Path(path).name for path in expand([str(folder)])[0]] == [f"1_0{suffix.upper()}", f"1_1{suffix}"]
    assert export.safe_stem(f"J1{suffix}") == "J1"
    if names.is_fits(f"x{suffix}"):
        (folder / "catalogue.csv").write_text("ra,dec,label\n150.0,30.0,a\n150.001,30.001,b\n")
        assert len(datasets.load("class_folders", folder).read()) == 2


def test_what_is_packed_with_compress_is_named_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.fits.Z").write_bytes(b"\x1f\x9d\x90 and so on")
    assert expand([str(tmp_path)])[0] == [str(tmp_path / "a" / "x.fits.Z")]
    with pytest.raises(CutoutError, match="uncompress"):
        cutouts.read(tmp_path / "a" / "x.fits.Z")


@pytest.mark.parametrize(
    "name", ["notes.txt", "x.fits.txt", ".fits", ".x.fits", "a.gz", "model.npz", "fits", "x.png.fz"]
)
def test_other_names_are_no_cutouts(name: str) -> None:
    assert not cutouts.is_cutout(name)


def test_what_is_fits_and_what_is_not() -> None:
    assert [n for n in ("a.FTS", "a.fit.bz2", "b.fits.fz", "c.npy.gz", "d.fits.png") if cutouts.is_fits(n)] == [
        "a.FTS",
        "a.fit.bz2",
        "b.fits.fz",
    ]
