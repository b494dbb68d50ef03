"""Explanations from the command line: files, options of the methods, and what each checkpoint supports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from cli_call import HOSTILE, Run
from PIL import Image

from vlass_explorer import attention, checkpoints, cutouts, preprocess
from vlass_explorer.explainers import EXPLAINERS


def test_explanations_are_four_files_with_safe_names(run: Run, sky: Path, tmp_path: Path) -> None:
    (sky / "more").mkdir(exist_ok=True)
    shutil.copy(sky / "b.fits", sky / "more" / "a.fits")
    files = [sky / "a.fits", sky / HOSTILE, sky / "text.fits", sky / "more" / "a.fits"]
    code, out, err = run(
        "explain",
        *files,
        "--checkpoint",
        "tiny",
        "--method",
        "attention_rollout",
        "--out",
        tmp_path / "maps",
        "--option",
        "discard_ratio=0.3",
        "--target",
        "Bent",
    )
    shutil.rmtree(sky / "more")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert err.startswith(f"{files[2]}: ")
    stems = ["_img_src_x_onerror_alert_1_", "a", "a-2"]
    expected = sorted(f"{stem}.attention_rollout.{kind}" for stem in stems for kind in ("fits", "json", "png", "reg"))
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == expected
    assert sorted(Path(line).name for line in out.splitlines()) == expected
    record = json.loads((tmp_path / "maps" / "a.attention_rollout.json").read_text())
    assert record["options"] == {"discard_ratio": 0.3}
    assert record["target"] == "Bent"
    assert record["cutout"]["sha256"] == cutouts.read(sky / "a.fits").sha256
    data, header = fits.getdata(tmp_path / "maps" / "a.attention_rollout.fits", header=True)
    assert data.shape == (4, 4)
    assert np.isfinite(data).all()
    centre = WCS(header).pixel_to_world(1.5, 1.5)
    original = cutouts.read(sky / "a.fits").wcs.pixel_to_world(89.5, 89.5)  # 180 of 181 pixels
    assert centre.separation(original).arcsec < 1e-3
    with Image.open(tmp_path / "maps" / "a.attention_rollout.png") as picture:
        assert picture.width > 2 * 384


def record_of(folder: Path, method: str) -> dict[str, object]:
    record: dict[str, object] = json.loads((folder / f"a.{method}.json").read_text())
    return record


def test_layer_head_and_patch_choose_the_attention(run: Run, sky: Path, tmp_path: Path) -> None:
    code, _, err = run(
        "explain",
        sky / "a.fits",
        "--checkpoint",
        "tiny",
        "--method",
        "layer_attention",
        "--out",
        tmp_path,
        "--layer",
        "0",
        "--head",
        "2",
        "--query-patch",
        "1,3",
    )
    assert (code, err) == (0, "")
    assert record_of(tmp_path, "layer_attention")["options"] == {"layer": 0, "head": 2, "query": 7}
    card = checkpoints.find("tiny")
    cutout = cutouts.read(sky / "a.fits")
    _, maps = attention.attention_maps(checkpoints.load(card), preprocess.to_tensor(cutout, card.input_spec))
    written = fits.getdata(tmp_path / "a.layer_attention.fits")
    np.testing.assert_allclose(written, attention.layer_map(maps, 0, 2, 7), atol=1e-6)


def test_one_label_rather_than_another(run: Run, sky: Path, tmp_path: Path) -> None:
    common = ("explain", sky / "a.fits", "--checkpoint", "tiny", "--method", "input_x_gradient", "--out")
    for folder, more in (("a", ()), ("b", ("--target", "FRI")), ("c", ("--target", "FRI", "--against", "FRII"))):
        assert run(*common, tmp_path / folder, *(more or ("--target", "FRII")))[0] == 0
    frii, fri, difference = (fits.getdata(tmp_path / name / "a.input_x_gradient.fits") for name in "abc")
    np.testing.assert_allclose(difference, fri - frii, atol=1e-5)  # gradients are linear in the logits
    assert record_of(tmp_path / "c", "input_x_gradient")["against"] == "FRII"
    assert fits.getheader(tmp_path / "c" / "a.input_x_gradient.fits")["AGAINST"] == "FRII"
    code, _, err = run(*common, tmp_path / "d", "--target", "FRI", "--against", "FRI")
    assert code == 2 and "FRI cannot be compared with itself" in err


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("layer_attention", ("--query-patch", "4,0"), "There is no patch 4,0: this model has 4 rows and 4 columns"),
        ("layer_attention", ("--query-patch", "x"), "A patch is its number or ROW,COLUMN, not 'x'"),
        ("input_x_gradient", ("--query-patch", "3"), "does not start at a patch"),
        ("attention_rollout", ("--layer", "3"), "attention_rollout has no option 'layer'"),
        ("layer_attention", ("--against", "nothing"), "tiny has no label 'nothing'"),
    ],
)
def test_what_a_method_does_not_take_is_one_sentence(
    run: Run, sky: Path, tmp_path: Path, method: str, options: tuple[str, ...], words: str
) -> None:
    code, out, err = run(
        "explain", sky / "a.fits", "--checkpoint", "tiny", "--method", method, "--out", tmp_path, *options
    )
    assert (code, out) == (2, "")
    assert words in err and len(err.splitlines()) == 1


def test_methods_say_what_applies_and_why_not(run: Run, shelf: Path) -> None:
    code, out, err = run("methods", "tiny", "--json")
    records = {record["name"]: record for record in json.loads(out)}
    assert (code, err) == (0, "")
    assert list(records) == list(EXPLAINERS)
    model = checkpoints.load(checkpoints.find("tiny"))
    for name, record in records.items():
        assert (record["supported"], record["reason"]) == EXPLAINERS[name].supports(model)
        assert record["supported"] or record["reason"]
    head = records["layer_attention"]["options"]["head"]
    assert (head["default"], head["type"]) == (None, "int | None") and head["help"].startswith("Attention head")
    fusion = records["attention_rollout"]["options"]["head_fusion"]
    assert fusion["type"] == "'mean' | 'max' | 'min'"
    code, out, _ = run("methods", "tiny")
    lines = out.splitlines()
    assert len(lines) == len(EXPLAINERS) and all(line[:2] in ("+ ", "- ") for line in lines)
    assert any(line.startswith("- gated_attention ") and line.endswith(".") for line in lines)
    assert run("methods", "tny")[2].startswith("There is no checkpoint 'tny'; the nearest are tiny.")
