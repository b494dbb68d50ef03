"""``python -m train test``: where it looks by default, what it says of classes that are absent, what it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_set
import torch

from train.__main__ import main
from vlass_explorer import checkpoints
from vlass_explorer.evaluation import evaluate, parts
from vlass_explorer.schema import InputSpec, Provenance, Reports


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Folder of a set; a checkpoint "tiny" that says it left out fold 3, and knows one class more."""
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    torch.manual_seed(1)
    model = checkpoints.create("vlass_vision_cnn", 3, {"img_size": 16})
    with torch.no_grad():
        model.get_submodule("head").bias.copy_(torch.tensor([0.0, -50.0, 0.0]))  # never says bent
    checkpoints.save(
        tmp_path / "shelf" / "tiny",
        model,
        architecture="vlass_vision_cnn",
        model_args={"img_size": 16},
        label_names=("round", "bent", "long"),
        input_spec=InputSpec(img_size=16, field_of_view_pixels=24),
        reports=Reports(),
        provenance=Provenance(dataset="class_folders", data="data", split="random", fold=3),
    )
    return str(tiny_set.make(tmp_path / "data"))


def test_the_split_and_fold_of_the_checkpoint_are_the_default(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "tiny", "--data-dir", data, "--device", "cpu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["split"], said["fold"], said["part"], said["count"]) == ("random", 3, "validation", 8)
    card = checkpoints.find("tiny")
    own = evaluate(checkpoints.load(card), card, parts.select(card, parts.config_of(card, data_dir=data)))
    assert said["confusion"] == [list(row) for row in own.report.confusion] and said["absent"] == ["bent"]


def test_text_names_the_part_and_the_classes_that_are_left_out(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "tiny", "--data-dir", data, "--device", "cpu", "--fold", "1", "--part", "train"]) == 0
    said = capsys.readouterr().out
    assert "tiny on train of fold 1 (random split), 32 cutouts, one forward pass" in said
    assert "macro F1 leaves out bent: absent from labels and predictions" in said
    (row,) = (line for line in said.splitlines() if line.strip().startswith("bent  absent"))
    assert row


def test_what_cannot_be_read_is_told_and_the_rest_is_scored(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    broken = sorted(Path(data).glob("long/*.npy"))[0]
    broken.write_bytes(b"text")
    assert (
        main(["test", "tiny", "--data-dir", data, "--device", "cpu", "--part", "all", "--json", "--keep", "all"]) == 0
    )
    out, told = capsys.readouterr()
    assert json.loads(out)["count"] == 39 and list(json.loads(out)["unreadable"]) == [f"long/{broken.name}"]
    assert told.startswith(f"1 files cannot be read: long/{broken.name}: ") and told.count(broken.name) == 1
    kept = checkpoints.find("tiny").reports.table["all"]
    assert kept["count"] == 39 and kept["macro_f1"] == json.loads(out)["macro_f1"]
