"""``predict --out``: one row an input, the same numbers as on standard output, one sentence where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_call import HOSTILE, Run
from tiny_checkpoint import LABELS

from vlass_explorer import checkpoints, cutouts, measure
from vlass_explorer.export import tables
from vlass_explorer.schema.columns import spell_out


def spelt(sentence: str) -> str:
    """A sentence as a Row keeps it."""
    return " ".join(spell_out(sentence).split())


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_every_input_has_one_row_in_its_place(run: Run, sky: Path, tmp_path: Path, suffix: str) -> None:
    files = [sky / "a.fits", sky / "text.fits", sky / HOSTILE, tmp_path / "absent.fits", sky / "c.png", sky / "a.fits"]
    out = tmp_path / f"table{suffix}"
    code, told, err = run("predict", *files, "--checkpoint", "tiny", "--json", "--batch-size", "2", "--out", out)
    assert (code, err.splitlines()[-1]) == (2, f"{out}: 6 rows, 2 of them with an error")
    assert len(err.splitlines()) == 3
    rows = tables.read_rows(out)
    assert [row.id for row in rows] == [*map(str, files[:5]), f"{files[0]}#2"]
    assert [row.name for row in rows] == [file.name for file in files]
    assert [row.error for row in rows if row.error] == [
        "This is no FITS (.fits, .fit, .fts), PNG, JPEG, TIFF or NPY file: choose one of these.",
        "There is no such file.",
    ]
    records = [json.loads(line) for line in told.splitlines()]
    for record, row in zip(records, [row for row in rows if not row.error], strict=True):
        assert dict(row.scores) == record["probabilities"] and tuple(row.scores) == LABELS
        assert (row.label, row.validity) == (record["label"], record["validity"])
        assert (row.reasons, row.notes) == tuple(tuple(map(spelt, record[key])) for key in ("reasons", "notes"))
    cutout = cutouts.read(files[0])
    measured = measure.measure(cutout)
    first = rows[0]
    assert (first.flux, first.flux_error, first.snr) == (measured.flux, measured.flux_error, measured.snr)
    assert (first.cutout_sha256, first.checkpoint_sha256) == (cutout.sha256, checkpoints.find("tiny").sha256)
    assert (rows[4].ra, rows[4].rms, rows[4].label is None) == (None, None, False)


def test_the_position_asked_for_stands_in_every_row(run: Run, sky: Path, tmp_path: Path) -> None:
    cutout = cutouts.read(sky / "a.fits")
    ra, dec = (float(v) for v in cutout.wcs.wcs_pix2world([[100.0, 80.0]], 0)[0])
    out = tmp_path / "t.csv"
    code, told, _ = run(
        "predict",
        sky / "a.fits",
        sky / "c.png",
        "--checkpoint",
        "tiny",
        "--position",
        f"{ra},{dec}",
        "--size",
        "120",
        "--out",
        out,
    )
    assert (code, told) == (2, f"{out}: 2 rows, 1 of them with an error\n")
    good, bad = tables.read_rows(out)
    assert (good.ra, good.dec, good.position_given) == (bad.ra, bad.dec, bad.position_given) == (ra, dec, True)
    if good.detected:
        assert np.isfinite(good.offset)


def test_a_file_is_kept_unless_said_otherwise(run: Run, sky: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.fits"
    out.write_text("precious")
    call = ("predict", sky / "a.fits", "--checkpoint", "tiny", "--out", out)
    code, told, err = run(*call)
    assert (code, told) == (2, "")
    assert err == f"{out} exists; name another file, or allow to overwrite it (--overwrite).\n"
    assert out.read_text() == "precious"
    code, told, err = run(*call, "--overwrite")
    assert (code, told, err) == (0, f"{out}: 1 row\n", "")
    assert len(tables.read_rows(out)) == 1


@pytest.mark.parametrize(
    ("name", "words"), [("t.txt", "should end in .parquet, .csv, .vot, .fits"), ("absent/t.csv", "There is no folder")]
)
def test_an_impossible_table_is_one_sentence_before_any_work(
    run: Run, sky: Path, tmp_path: Path, name: str, words: str
) -> None:
    code, told, err = run("predict", sky, "--checkpoint", "tiny", "--out", tmp_path / name)
    assert (code, told, words in err, len(err.splitlines())) == (2, "", True, 1)


def test_inputs_that_are_all_bad_are_still_rows(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    code, told, err = run("predict", "absent.fits", "", "--checkpoint", "tiny", "--out", out)
    assert (code, told) == (2, f"{out}: 2 rows, 2 of them with an error\n")
    assert [(row.id, row.error) for row in tables.read_rows(out)] == [
        ("absent.fits", "There is no such file."),
        ("(no name)", "An empty name leads to no file."),
    ]
    assert len(err.splitlines()) == 2
