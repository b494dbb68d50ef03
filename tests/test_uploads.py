"""Uploaded data sets: what is taken, and everything that is refused in one sentence with nothing left behind."""

from __future__ import annotations

import io
import stat
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from vlass_explorer import datasets
from vlass_explorer.datasets.uploads import Bounds, store, unpack
from vlass_explorer.schema import DatasetError

BOUNDS = Bounds(files=100, bytes=1 << 20)
TEN_GIB, BLOCK = 10 << 30, 1 << 20


def packed(members: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


def array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.eye(16, dtype=np.float32))
    return buffer.getvalue()


def refused(archive: io.BytesIO, place: Path, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(DatasetError) as caught:
        unpack(archive, place / "uploads", "set.zip", bounds)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert [path.name for path in place.rglob("*")] in ([], ["uploads"])
    return str(caught.value)


@pytest.mark.parametrize("top", ["", "my set/"])
def test_class_folders_and_nothing_else_are_taken(tmp_path: Path, top: str) -> None:
    members = {"a/1.png": b"one", "b/2.PNG": b"two", "b/notes.txt": b"no", ".DS_Store": b"no", "b/run.py": b"no"}
    archive = packed({f"{top}{name}": content for name, content in members.items()} | {"__MACOSX/a/._1.png": b"no"})
    folder = unpack(archive, tmp_path, "my set.zip", BOUNDS)
    assert folder == tmp_path / "my-set"
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == {
        "a/1.png": b"one",
        "b/2.PNG": b"two",
    }
    archive.seek(0)
    assert unpack(archive, tmp_path, "my set.zip", BOUNDS) == tmp_path / "my-set-2"


def test_a_table_keeps_its_paths(tmp_path: Path) -> None:
    table = b"path,label\nx/1.npy,a\n2.npy,b\n"
    archive = packed({"set/labels.csv": table, "set/x/1.npy": array(), "set/2.npy": array()})
    folder = unpack(archive, tmp_path, "set.zip", BOUNDS)
    assert datasets.load("class_folders", folder).counts == {"a": 1, "b": 1}


def test_a_folder_from_the_browser_is_stored(tmp_path: Path) -> None:
    files = [(f"blobs/{label}/{k}.npy", io.BytesIO(array())) for label in ("long", "round") for k in range(3)]
    folder = store(files, tmp_path, "blobs", BOUNDS)
    assert datasets.load("class_folders", folder).counts == {"long": 3, "round": 3}


@pytest.mark.parametrize(
    "path", ["../out.png", "a/../../out.png", "/etc/out.png", "a\\..\\..\\out.png", "C:\\out.png", "a\n/1.png"]
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    assert "leads out" in refused(packed({"a/1.png": b"x", path: b"x"}), tmp_path)


@pytest.mark.parametrize(("name", "goal"), [("a/secret.png", "/etc/passwd"), ("a", "/etc"), ("a", "..")])
def test_a_link_is_refused(tmp_path: Path, name: str, goal: str) -> None:
    """A link to a file, and one to a folder into which the next member would be written."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, goal)
        archive.writestr("a/1.png", b"x")
    assert "is a link" in refused(buffer, tmp_path)


def bomb(declared: int) -> io.BytesIO:
    """10 GiB of zeros in 10 MB beside one good file; the archive says that the zeros are ``declared`` bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands alone, so it can be repeated
    end = packer.flush()
    assert zlib.decompress(block * 3 + end, -15) == bytes(3 * BLOCK)
    info = zipfile.ZipInfo("a/bomb.fits")
    info.compress_type, info.file_size, info.CRC, info.header_offset = zipfile.ZIP_DEFLATED, declared, 0, 0
    info.compress_size = len(block) * (TEN_GIB // BLOCK) + len(end)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        buffer.write(info.FileHeader(zip64=True) + block * (TEN_GIB // BLOCK) + end)
        archive.filelist.append(info)
        archive.start_dir = buffer.tell()
        archive.writestr("b/1.png", b"x")
    return buffer


@pytest.mark.parametrize(("declared", "reason"), [(TEN_GIB, "unpacks to more than the 8 GiB"), (1000, "Bad CRC-32")])
def test_a_bomb_of_ten_gigabytes_is_refused_in_little_memory(tmp_path: Path, declared: int, reason: str) -> None:
    """By the size in the archive's own table or, where that lies, where the file should have ended."""
    archive = bomb(declared)
    assert len(archive.getvalue()) < 11 << 20
    tracemalloc.start()
    try:
        assert reason in refused(archive, tmp_path, Bounds())
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_an_archive_in_the_archive_is_left_packed_and_left_out(tmp_path: Path) -> None:
    folder = unpack(
        packed({"a/1.png": b"x", "b/1.png": b"y", "b/inner.zip": bomb(TEN_GIB).getvalue()}), tmp_path, "s.zip", BOUNDS
    )
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["1.png", "1.png"]


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    assert "101 files" in refused(packed({f"a/{k}.png": b"x" for k in range(101)}), tmp_path)


def test_what_is_written_counts_not_what_is_packed(tmp_path: Path) -> None:
    files = [("a/1.npy", io.BytesIO(b"x" * 600_000)), ("b/1.npy", io.BytesIO(b"x" * 600_000))]
    with pytest.raises(DatasetError, match="0.000977 GiB"):
        store(files, tmp_path, "big", BOUNDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (io.BytesIO(b"PK\x03\x04 not really"), "not a ZIP"),
        (io.BytesIO(b""), "not a ZIP"),
        (packed({"readme.txt": b"x"}), "no cutouts"),
        (packed({"a/1.png": b"x", "A/1.PNG": b"y"}), "same path"),
        (packed({"a/b/c/d/e.png": b"x"}), "too deep"),
        (packed({"inner.zip": b"PK"}), "no cutouts"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, archive: io.BytesIO, reason: str) -> None:
    assert reason in refused(archive, tmp_path)


def test_a_damaged_member_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = packed({"a/1.png": b"x" * 5000, "b/1.png": b"y" * 5000})
    content = bytearray(archive.getvalue())
    at = content.index(b"b/1.png") + len(b"b/1.png")
    content[at + 4] ^= 0xFF
    refused(io.BytesIO(bytes(content)), tmp_path)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    assert refused(packed({"a/x.fits": b"one", "a/x.fits/y.fits": b"two"}), tmp_path) == (
        "set.zip holds 'a/x.fits' as a file and as a folder: rename one of them."
    )
    assert "as a file and as a folder" in refused(packed({"a/X.fits": b"one", "a/x.FITS/y.fits": b"two"}), tmp_path)
