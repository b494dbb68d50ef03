"""``transform``: shift, scale and turn of each file as warp has them, one picture of all pairs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import torch
from PIL import Image

from vlass_explorer import checkpoints, cutouts, preprocess, warp
from vlass_explorer.cli import main
from vlass_explorer.figures import warps
from vlass_explorer.schema import InputSpec

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    tiny_checkpoint.save(tmp_path / "shelf" / "plain")
    arguments = {"in_chans": 1, "img_size": 32}
    model = checkpoints.create("stn_cnn", 4, arguments)
    model.regressor[-1].bias.data = torch.tensor([0.5, -0.2, 0.1, 0.2, 0.5, -0.3])
    spec = InputSpec(img_size=32, survey="FIRST")
    tiny_checkpoint.save(
        tmp_path / "shelf" / "stn", model, architecture="stn_cnn", model_args=arguments, input_spec=spec
    )
    return tmp_path


def test_words_record_and_picture(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(map(str, EXAMPLES.glob("*.fits")))[:4]
    out = shelf / "made" / "pairs.png"
    assert main(["transform", *files, "--checkpoint", "stn", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    card = checkpoints.find("stn")
    cutout = cutouts.read(files[0])
    matrix = warp.theta(checkpoints.load(card), preprocess.to_tensor(cutout, card.input_spec))[0]
    words = warp.in_words(matrix, cutout, preprocess.window(cutout, card.input_spec))
    assert lines[0] == f"{files[0]}: {words}" and "east" in words + " west" and "0.54 times as wide" in words
    with Image.open(out) as picture:
        assert picture.width == 3 * (2 * warps.SIDE + 3 * warps.GAP) and picture.height == 2 * (
            warps.SIDE + warps.LINE + 2 * warps.GAP
        )
    assert main(["transform", files[0], "--checkpoint", "stn", "--out", str(out), "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    np.testing.assert_allclose(record["theta"], matrix)
    assert record["scale"] == pytest.approx(np.sqrt(0.29), abs=0.02) and record["mirrored"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--checkpoint", "plain", "--out", "a.png"], "plain: This model has no spatial transformer"),
        (["--checkpoint", "stn", "--out", "a.jpg"], "end it in .png"),
        (["--checkpoint", "none", "--out", "a.png"], "none"),
    ],
)
def test_refused_in_one_sentence(shelf: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    file = str(sorted(EXAMPLES.glob("*.fits"))[0])
    assert main(["transform", file, *words]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told and "\n" not in told


def test_one_bad_file_does_not_stop_the_others(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf / "bad.fits").write_bytes(b"no image")
    good = str(sorted(EXAMPLES.glob("*.fits"))[0])
    out = shelf / "pairs.png"
    assert main(["transform", str(shelf / "bad.fits"), good, "--checkpoint", "stn", "--out", str(out)]) == 2
    assert "bad.fits" in capsys.readouterr().err and out.is_file()


def test_the_outline_lies_where_it_was_sampled() -> None:
    image = np.zeros((20, 20), np.float32)
    matrix = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, -0.5]])  # the lower right quarter
    picture = warps.pair(image, image, warp.corners(matrix))
    drawn = np.argwhere((picture[:, : warps.SIDE] == [0x4D, 0xE1, 0xC1]).all(-1))
    half = warps.SIDE / 2
    assert drawn.min(0) == pytest.approx([half, half], abs=2) and drawn.max(0) == pytest.approx([199, 199], abs=1)
