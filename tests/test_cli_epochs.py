"""The command ``epochs``: what pairs tell, as sentences, JSON and files; bad files one sentence each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cli_call import Run
from replay_sky import Tile

PLACE = (3.3, -9.3)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """One source of 50 mJy in two VLASS epochs of different beams and in an image elsewhere."""
    tiles = [
        Tile("2.1", "T09t01", *PLACE, beam=(3.0, 2.2, 20.0)),
        Tile("3.1", "T09t01", *PLACE, beam=(2.7, 2.4, 100.0)),
    ]
    for tile in tiles:
        (tmp_path / tile.name).write_bytes(tile.cut(*PLACE, 0.02, sources=(PLACE,)) or b"")
    far = Tile("2.2", "T10t01", 9.0, 20.0)
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / far.name).write_bytes(far.cut(9.0, 20.0, 0.02) or b"")
    return tmp_path


def test_two_epochs(run: Run, files: Path) -> None:
    code, out, err = run("epochs", str(files / "VLASS*.fits"), "--out", files / "out")
    assert (code, err) == (0, "")
    assert "VLASS 2.1, VLASS 3.1  Not registered: no neighbour" in out and "could be told" in out
    values = json.loads((files / "out" / "VLASS_2_1-VLASS_3_1.json").read_text())
    assert [image["name"] for image in values["images"]] == ["VLASS 2.1", "VLASS 3.1"]
    assert values["images"][0]["peak_jy_beam"] == pytest.approx(0.05, rel=0.03) and values["versions"]["astropy"]
    with fits.open(files / "out" / "VLASS_2_1-VLASS_3_1.fits") as hdus:
        assert np.abs(hdus[0].data[40:-40, 40:-40]).max() < 0.03 * 0.05
    code, out, _ = run("epochs", str(files / "VLASS*.fits"), "--json")
    assert code == 0 and json.loads(out)["shift_arcsec"] is None


def test_bad_input_is_one_sentence_and_exit_code_2(run: Run, files: Path) -> None:
    one = next(files.glob("VLASS2.1*"))
    code, out, err = run("epochs", one)
    assert (code, out, err) == (2, "", "1 image shows the source: two are needed.\n")
    code, _, err = run("epochs", one, one)
    assert code == 2 and "two are needed" in err
    code, out, err = run("epochs", one, next((files / "far").iterdir()))
    assert code == 2 and out == "" and "This image does not show the source" in err
    (files / "text.fits").write_text("no FITS")
    code, _, err = run("epochs", one, files / "text.fits", files / "gone.fits")
    assert code == 2 and "text.fits: " in err and "There is no such file" in err and "Traceback" not in err
    code, _, err = run("epochs", str(files / "VLASS*.fits"), "--position", "9.0,20.0")
    assert code == 2 and "No image shows the source." in err
