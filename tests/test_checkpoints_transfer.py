"""Checkpoints in and out of the shelf: what comes back is what went out, and nothing else is let in."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tiny_checkpoint
import torch

from vlass_explorer import checkpoints
from vlass_explorer.checkpoints.onnx_file import to_onnx
from vlass_explorer.schema import Checkpoint, CheckpointError, Provenance

IMPORT = {
    "name": "taken-in",
    "architecture": "vit_tiny_patch16_224",
    "model_args": tiny_checkpoint.ARGS,
    "label_names": tiny_checkpoint.LABELS,
    "input_spec": tiny_checkpoint.SPEC,
    "provenance": Provenance(data="not stated"),
}


@pytest.fixture
def card(tmp_path: Path) -> Checkpoint:
    return tiny_checkpoint.save(tmp_path / "shelf" / "tiny")


def test_a_packed_checkpoint_comes_back_the_same(card: Checkpoint) -> None:
    root = card.path.parent
    again = checkpoints.unpack(checkpoints.pack(card), "again", root)
    assert (again.sha256, again.reports, again.input_spec) == (card.sha256, card.reports, card.input_spec)
    ours, theirs = checkpoints.load(card).state_dict(), checkpoints.load(again).state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    with pytest.raises(CheckpointError, match="already"):
        checkpoints.unpack(checkpoints.pack(card), "again", root)
    assert sorted(path.name for path in root.iterdir()) == ["again", "tiny"]


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no zip", "no ZIP"),
        (zipped({"readme.txt": b""}), "has no config.json"),
        (zipped({"a/config.json": b"{}", "b/config.json": b"{}"}), "twice"),
        (zipped({"a/config.json": b" " * (2 << 20)}), "larger than 1 MiB"),
    ],
)
def test_other_archives_are_refused_and_leave_nothing(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        checkpoints.unpack(content, "new", tmp_path / "shelf")
    assert list((tmp_path / "shelf").iterdir()) == []


def test_a_corrupt_deflate_stream_is_refused_and_leaves_nothing(card: Checkpoint) -> None:
    packed = zipped({name: (card.path / name).read_bytes() for name in ("config.json", "model.safetensors")})
    start = packed.index(b"model.safetensors") + len("model.safetensors")
    corrupt = packed[: start + 100] + bytes(200) + packed[start + 300 :]  # zlib.error, not BadZipFile
    with pytest.raises(CheckpointError, match="model.safetensors in the ZIP cannot be unpacked: Error -3"):
        checkpoints.unpack(corrupt, "new", card.path.parent)
    assert [path.name for path in card.path.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        (0, "cannot be built with"),
        (-8, "cannot be built with"),
        ("eight", "cannot be built with"),
        (1_000, "has the shape"),
        (1_000_000, "has the shape"),  # of more memory than there is: told before anything is built
    ],
)
def test_a_packed_model_that_cannot_be_built_is_refused(card: Checkpoint, patch: object, sentence: str) -> None:
    config = json.loads((card.path / "config.json").read_text())
    config["model_args"]["patch_size"] = patch
    packed = zipped(
        {
            "config.json": json.dumps(config).encode(),
            "model.safetensors": (card.path / "model.safetensors").read_bytes(),
        }
    )
    with pytest.raises(CheckpointError, match=sentence):
        checkpoints.unpack(packed, "new", card.path.parent)
    assert [path.name for path in card.path.parent.iterdir()] == ["tiny"]


def test_paths_inside_an_archive_lead_nowhere(card: Checkpoint, tmp_path: Path) -> None:
    inside = {f"../../{name}": (card.path / name).read_bytes() for name in ("config.json", "model.safetensors")}
    checkpoints.unpack(zipped(inside), "new", card.path.parent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shelf"]


def test_rename_and_delete(card: Checkpoint) -> None:
    root = card.path.parent
    with pytest.raises(CheckpointError):
        checkpoints.rename(card, "../other")
    renamed = checkpoints.rename(card, "other")
    assert renamed.name == "other" and renamed.sha256 == card.sha256
    tiny_checkpoint.save(root / "third")
    with pytest.raises(CheckpointError, match="already"):
        checkpoints.rename(renamed, "third")
    checkpoints.delete(renamed)
    assert [path.name for path in root.iterdir()] == ["third"]


@pytest.mark.parametrize("prefix", ["", "model.", "module.net."])
@pytest.mark.parametrize("form", ["safetensors", "lightning", "state dict"])
def test_foreign_weights_are_adopted(tmp_path: Path, prefix: str, form: str) -> None:
    model = tiny_checkpoint.build()
    state = {prefix + key: value for key, value in model.state_dict().items()}
    buffer = io.BytesIO()
    if form == "safetensors":
        buffer.write(safetensors.torch.save(state))
    else:
        # What else a wrapper holds beside the model stays out.
        held = {**state, "loss.weight": torch.ones(2)} if prefix else state
        torch.save({"epoch": 3, "state_dict": held} if form == "lightning" else state, buffer)
    card = checkpoints.import_weights(buffer.getvalue(), root=tmp_path, **IMPORT)
    found = checkpoints.load(card).state_dict()
    assert all(torch.allclose(found[key], value.half().float()) for key, value in model.state_dict().items())


def test_a_pickle_in_place_of_weights_runs_nothing(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    buffer = io.BytesIO()
    torch.save({"state_dict": Bomb()}, buffer)
    for content in (pickle.dumps(Bomb()), buffer.getvalue()):
        with pytest.raises(CheckpointError, match="neither safetensors nor"):
            checkpoints.import_weights(content, root=tmp_path / "shelf", **IMPORT)
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_architecture_or_head_are_refused(tmp_path: Path) -> None:
    content = safetensors.torch.save(dict(tiny_checkpoint.build().state_dict()))
    with pytest.raises(CheckpointError, match="misses"):
        checkpoints.import_weights(content, root=tmp_path, **IMPORT | {"architecture": "resnet18", "model_args": {}})
    with pytest.raises(CheckpointError, match="shape"):
        checkpoints.import_weights(content, root=tmp_path, **IMPORT | {"label_names": ("a", "b")})


@pytest.mark.parametrize("prefix", ["", "model."])
def test_weights_that_are_left_over_are_refused_and_named(tmp_path: Path, prefix: str) -> None:
    """Six blocks read as five would be another model under the same name."""
    model = tiny_checkpoint.build(depth=6)
    content = safetensors.torch.save({prefix + key: value for key, value in model.state_dict().items()})
    args = {**tiny_checkpoint.ARGS, "depth": 5}
    with pytest.raises(CheckpointError, match=r"holds blocks\.5\.attn\.proj\.bias and 11 more, which vit_tiny"):
        checkpoints.import_weights(content, root=tmp_path, **IMPORT | {"model_args": args})
    assert list(tmp_path.iterdir()) == []
    card = checkpoints.import_weights(content, root=tmp_path, **IMPORT | {"model_args": {**args, "depth": 6}})
    assert len(checkpoints.load(card).blocks) == 6


def test_a_file_with_student_and_teacher_is_refused(tmp_path: Path) -> None:
    state = tiny_checkpoint.build().state_dict()
    both = {f"{owner}.{key}": value.clone() for owner in ("student", "teacher") for key, value in state.items()}
    with pytest.raises(CheckpointError, match="2 such models, student and teacher; save the one to import"):
        checkpoints.import_weights(safetensors.torch.save(both), root=tmp_path, **IMPORT)


@pytest.mark.slow
def test_onnx_gives_the_same_logits(card: Checkpoint) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(to_onnx(card), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(1).random((1, 1, 32, 32), dtype=np.float32)
    (found,) = session.run(["logits"], {"image": image})
    with torch.inference_mode():
        expected = checkpoints.load(card)(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_model_card_has_the_name_of_its_folder(card: Checkpoint, tmp_path: Path) -> None:
    packed = checkpoints.pack(card)
    renamed = checkpoints.rename(card, "new-name")
    imported = checkpoints.unpack(packed, "imported", tmp_path)
    for each in (renamed, imported):
        text = (each.path / "README.md").read_text()
        assert text.startswith(f"# {each.name}\n") and f'find("{each.name}")' in text
        assert '"tiny"' not in text and not text.startswith("# tiny")
        assert text == checkpoints.model_card(each)
