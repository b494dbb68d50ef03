"""Every reported kind of file through explain, page and a dry run of training; reader and predict have theirs."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import point_source
import pytest
import tiny_checkpoint
import tiny_set
from cli_call import Run
from streamlit.testing.v1 import AppTest
from test_cutouts_cases import FRAMES, OUTSIDE, twins

from train import checks
from vlass_explorer import cutouts, recipes
from vlass_explorer.schema import RunConfig
from vlass_explorer.validity import PRODUCTS

ROOT = Path(__file__).resolve().parent.parent
FITS = twins()
EXPLAINED = {*FRAMES, "r03.fits", "r05.fits", "r13.fits", "r14.fits"}  # beside their exports, in test_cutouts_cases


def test_explain_writes_four_files_of_each(run: Run, tmp_path: Path) -> None:
    names = [name for name in FITS if name not in EXPLAINED]
    for name in names:
        (tmp_path / name).write_bytes(FITS[name])
    arguments = ("--checkpoint", "tiny", "--method", "attention_rollout", "--out", tmp_path / "out")
    code, out, err = run("explain", *(tmp_path / name for name in names), *arguments)
    assert (code, err) == (0, "") and len(out.splitlines()) == 4 * len(names)
    for name in names:
        record = json.loads((tmp_path / "out" / f"{Path(name).stem}.attention_rollout.json").read_text())
        assert (record["prediction"]["validity"] == "outside") == (name in OUTSIDE)


def shown(page: AppTest) -> str:
    """All words of a page, without Markdown's backslashes."""
    parts: list[Any] = [*page.subheader, *page.caption, *page.info, *page.warning, *page.error, *page.markdown]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def test_the_page_shows_each_with_its_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    for name, content in FITS.items():
        page.file_uploader[0].upload(name, content)
        page.run()
        assert not page.exception, name
        words = shown(page)
        what = PRODUCTS.get(OUTSIDE.get(name, ""))
        if what is not None:
            assert f"This is {what}, not a total-intensity image" in words, name
        for note in cutouts.read(content, name).notes:
            assert note[:20] in words, (name, note)
    sky = point_source.sky()  # a spectral cube whose first channel is flagged
    page.file_uploader[0].upload("cube.fits", point_source.file(np.stack([np.full_like(sky, np.nan), sky])))
    page.run()
    assert "cube.fits: Every pixel of plane 0 is empty (NaN): choose another one, 0 to 1." in shown(page)
    next(entry for entry in page.number_input if entry.label == "Plane").set_value(1).run()
    assert not page.exception and "A cube of 2 planes: plane 1 is shown." in shown(page)


def checked(folder: Path, **changes: object) -> dict[str, Any]:
    words = tiny_set.words(folder, **changes)
    return checks.check(recipes.with_values(RunConfig(), recipes.parse(words)), steps=False)


def test_a_dry_run_of_training_reads_each(tmp_path: Path) -> None:
    for index, (name, content) in enumerate(FITS.items()):
        folder = tmp_path / "ab"[index % 2]
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    found = checked(tmp_path)
    assert found["errors"] == [] and found["unreadable"] == {}
    assert sum(sum(part.values()) for part in found["counts"].values()) == len(FITS)


def test_a_dry_run_reads_folders_of_parts_and_names_in_either_unicode_form(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / "parts" / part / label).mkdir(parents=True)
            for index in range(4):
                image = point_source.sky() + np.float32(index + 10 * (part == "test") + 5 * (label == "b"))
                np.save(tmp_path / "parts" / part / label / f"{index}.npy", image)
    assert "no validation part" in checked(tmp_path / "parts", split="authors")["errors"][0]
    found = checked(tmp_path / "parts")
    assert found["errors"] == []  # the part of the test is not trained on
    assert found["counts"] == {"train": {"a": 3, "b": 3}, "validation": {"a": 1, "b": 1}, "test": {"a": 4, "b": 4}}
    (tmp_path / "names").mkdir()
    lines = ["path,label"]
    for index in range(8):
        name = f"Gómez_{index}.npy"
        np.save(tmp_path / "names" / unicodedata.normalize("NFD", name), point_source.sky() + np.float32(index))
        lines.append(f"{unicodedata.normalize('NFC', name)},{'ab'[index % 2]}")
    (tmp_path / "names" / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    found = checked(tmp_path / "names")
    assert found["errors"] == [] and sum(sum(part.values()) for part in found["counts"].values()) == 8
