"""``segment`` on the command line: files for each cutout, sums that add up, and bad input in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_masks
from astropy.io import fits
from astropy.table import Table
from PIL import Image

from vlass_explorer.cli import main
from vlass_explorer.datasets import simulated


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    tiny_masks.save(tmp_path / "shelf" / "pixels")
    simulated.write_fits(tmp_path / "a.fits", "Double Lobes", 1, 0, 70)
    return tmp_path


def test_each_cutout_becomes_masks_outlines_and_a_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "out"
    words = ["segment", str(place / "a.fits"), "--checkpoint", "pixels", "--out", str(out), "--device", "cpu"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "total" in told and "remainder" in told and str(out / "a.classes.fits") in told
    names = ["a.classes.fits", "a.components.crtf", "a.components.csv", "a.components.reg"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert fits.getdata(out / "a.classes.fits").shape == (70, 70)
    table = Table.read(out / "a.components.csv")
    assert list(table["class"])[-1] == "total" and not list(out.glob(".*"))

    assert main([*words, "--json", "--table", ".vot", "--join", "1,2", "--leave-out", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    counted = sum(one["flux"] for one in told["components"] if one["counts"])
    assert counted + told["remainder"]["flux"] == pytest.approx(told["total"]["flux"])
    assert [one["number"] for one in told["components"]][:2] == [1, 3] and not told["components"][1]["counts"]
    assert told["validity"] in ("ok", "caution", "outside") and (out / "a.components.vot").exists()


def test_what_cannot_be_done_is_one_sentence_and_the_rest_is_done(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "broken.fits").write_bytes(b"no")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(place / "b.png")
    here = ["--checkpoint", "pixels", "--out", str(place / "out")]
    assert main(["segment", str(place / "broken.fits"), str(place / "b.png"), *here]) == 2
    said = capsys.readouterr()
    assert "broken.fits" in said.err and (place / "out" / "b.components.csv").exists()
    assert "A picture holds counts" in said.out
    for words, sentence in (
        (["--join", "1,99"], "There is no component 99"),
        (["--leave-out", "77"], "There is no component 77"),
    ):
        assert main(["segment", str(place / "a.fits"), *here, *words]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["segment", str(place / "a.fits"), str(place / "b.png"), *here, "--join", "1,2"]) == 2
    assert "give one file" in capsys.readouterr().err
    assert main(["segment", str(place / "a.fits"), "--checkpoint", "pixels", "--out", str(place / "b.png")]) == 2
    assert "is a file, and --out needs a folder" in capsys.readouterr().err
