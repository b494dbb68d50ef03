"""The command line: records, exit codes, hostile names, and the three files of an explanation."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_call import HOSTILE, Run
from tiny_checkpoint import LABELS

from vlass_explorer import checkpoints, cutouts
from vlass_explorer.cli import inputs, main
from vlass_explorer.predict import predict


def test_checkpoints_are_listed_as_json(run: Run, shelf: Path) -> None:
    code, out, err = run("checkpoints", "--json")
    (record,) = json.loads(out)
    assert list(record) == [
        "name",
        "architecture",
        "task",
        "label_names",
        "parameters",
        "input_spec",
        "metrics",
        "data",
        "licence",
    ]
    assert (record["name"], record["label_names"]) == ("tiny", list(LABELS))
    assert record["input_spec"]["survey"] == "FIRST"
    assert record["data"] == "first-radio-galaxies"
    assert (code, err) == (0, "")


def test_a_broken_checkpoint_is_told_beside_the_others(
    run: Run, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(shelf, tmp_path / "shelf")
    shutil.copytree(shelf / "tiny", tmp_path / "shelf" / "broken")
    (tmp_path / "shelf" / "broken" / "model.safetensors").unlink()
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    code, out, err = run("checkpoints")
    assert code == 2
    assert out.startswith("tiny ")
    assert err.splitlines() == ["Checkpoint broken has no model.safetensors; copy the whole folder."]


def test_predictions_are_json_lines_and_a_bad_file_stops_nothing(run: Run, sky: Path, shelf: Path) -> None:
    files = [str(sky / name) for name in ("a.fits", "text.fits", HOSTILE, "c.png")] + ["../../etc/passwd.png"]
    code, out, err = run("predict", *files, "--checkpoint", "tiny", "--json", "--batch-size", "2")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 2
    assert [record["file"] for record in records] == [files[0], files[2], files[3]]
    assert list(records[0]) == [
        "file",
        "checkpoint",
        "label",
        "probabilities",
        "validity",
        "reasons",
        "notes",
        "more_notes",
    ]
    assert len(err.splitlines()) == 2
    assert any(line.startswith(f"{files[1]}: ") for line in err.splitlines())
    assert "../../etc/passwd.png: There is no such file." in err.splitlines()
    card = checkpoints.find("tiny", shelf)
    (expected,) = predict(checkpoints.load(card), card, [cutouts.read(Path(files[0]))])
    assert list(records[0]["probabilities"]) == list(LABELS)
    np.testing.assert_allclose(list(records[0]["probabilities"].values()), expected.probabilities, atol=1e-6)
    assert records[0]["label"] == expected.label
    assert records[0]["validity"] == expected.validity.level
    assert records[0]["reasons"] == list(expected.validity.reasons)
    assert "4 axes, two degenerate ones dropped." in records[0]["notes"]


def test_folders_and_patterns_stand_for_their_files(sky: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything, complete = inputs.expand([str(sky)])
    assert [Path(file).name for file in everything] == [HOSTILE, "a.fits", "b.fits", "c.png", "text.fits"]
    assert complete
    assert inputs.expand([f"{sky}/[ab].fits"]) == ([f"{sky}/a.fits", f"{sky}/b.fits"], True)
    assert inputs.expand([f"{sky}/z*.fits", f"{sky}/c.png", ""]) == ([f"{sky}/c.png"], False)
    assert "No file matches this pattern." in capsys.readouterr().err


def test_a_name_with_pattern_signs_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "[ab].fits").write_text("")
    (tmp_path / "a.fits").write_text("")
    assert inputs.expand([f"{tmp_path}/[ab].fits"]) == ([f"{tmp_path}/[ab].fits"], True)


def test_an_empty_folder_is_one_sentence(run: Run, tmp_path: Path) -> None:
    code, out, err = run("predict", tmp_path, "--checkpoint", "tiny")
    assert (code, out) == (2, "")
    assert err == f"{tmp_path}: This folder holds no FITS, PNG, JPEG, TIFF or NPY file.\n"


def test_predictions_as_csv(run: Run, sky: Path) -> None:
    code, out, _ = run("predict", sky / HOSTILE, sky / "c.png", "--checkpoint", "tiny", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["file"] for row in rows] == [str(sky / HOSTILE), str(sky / "c.png")]
    for row in rows:
        assert sum(float(row[f"probability {label}"]) for label in LABELS) == pytest.approx(1.0, abs=1e-5)
        assert row["label"] in LABELS


def test_predictions_in_words(run: Run, sky: Path) -> None:
    code, out, _ = run("predict", sky / "a.fits", "--checkpoint", "tiny")
    assert code == 0
    assert "softmax score 0." in out
    assert "Trained on FIRST" in out
    assert len(out.splitlines()) == 1


def test_unknown_names_get_the_nearest(run: Run, sky: Path, tmp_path: Path) -> None:
    code, out, err = run("predict", sky, "--checkpoint", "tinny")
    assert (code, out, err) == (2, "", "There is no checkpoint 'tinny'; the nearest are tiny.\n")
    explain = ("explain", sky / "a.fits", "--checkpoint", "tiny", "--out", tmp_path)
    code, _, err = run(*explain, "--method", "attention_rolout")
    assert (code, "attention_rollout" in err) == (2, True)
    code, _, err = run(*explain, "--method", "attention_rollout", "--option", "discard=1")
    assert (code, "no option 'discard'; the nearest name is 'discard_ratio'" in err) == (2, True)
    code, _, err = run(*explain, "--method", "attention_rollout", "--target", "Spiral")
    assert (code, "no label 'Spiral'; it has FRI, FRII" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_control_characters_of_a_name_stay_out_of_the_terminal(run: Run, sky: Path, tmp_path: Path) -> None:
    bad = tmp_path / "evil\x1b[2J\n.fits"
    bad.write_text("no")
    code, _, err = run("predict", bad, "--checkpoint", "tiny")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "\x1b" not in err


def test_simulated_cutouts_are_reproducible(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        code, out, _ = run("simulate", "--count", "4", "--out", tmp_path / name, "--seed", "5")
        assert code == 0
        assert "4 simulated cutouts (1 Extended, 1 Point Source, 1 Double Lobes, 1 Three Points)" in out
    files = sorted(path.name for path in (tmp_path / "one").glob("*.fits"))
    assert len(files) == 4
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    code, _, err = run("simulate", "--count", "4", "--out", tmp_path / "one")
    assert (code, "is not an empty folder" in err) == (2, True)


@pytest.mark.parametrize("position", ["abc", "1,2,3", "400,0", "0,-91", "nan,0"])
def test_an_impossible_position_is_refused(position: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "x.fits", "--checkpoint", "tiny", "--position", position])
    assert "argument --position" in capsys.readouterr().err


def command(shelf: Path, *argv: str, **more: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VLASS_EXPLORER_CHECKPOINTS": str(shelf), "OMP_NUM_THREADS": "1"}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-m", "vlass_explorer", *argv],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        errors="surrogateescape",
        **more,
    )
    return done


def test_the_real_command_in_a_pipe(shelf: Path, sky: Path, repo_root: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.fits"
    shutil.copy(sky / "a.fits", odd)
    done = command(
        shelf, "predict", str(sky / "text.fits"), os.fsdecode(odd), "--checkpoint", "tiny", "--json", cwd=repo_root
    )
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["file"] == os.fsdecode(odd)
    assert len(done.stderr.splitlines()) == 1  # no progress bar, no warnings of libraries
    assert done.stderr.startswith(f"{sky}/text.fits: ")


def test_listing_needs_no_torch(shelf: Path, repo_root: Path) -> None:
    code = "import sys, vlass_explorer.cli as c; c.main(['checkpoints']); print('torch' in sys.modules)"
    environment = os.environ | {"VLASS_EXPLORER_CHECKPOINTS": str(shelf)}
    done = subprocess.run([sys.executable, "-c", code], cwd=repo_root, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr


def test_a_prediction_loads_only_what_it_needs(repo_root: Path) -> None:
    # A network of our own; these take longer to import than the rest of the command.
    needless = {"timm", "torchvision", "torchmetrics", "lightning", "sklearn", "pandas", "pyarrow", "matplotlib"}
    needless |= {
        "plotly",
        "sympy",
        "huggingface_hub",
        "torch._dynamo",
        "scipy.signal",
        "scipy.stats",
        "astropy.cosmology",
    }
    argv = ["predict", "examples/sim_point_source_1.fits", "--checkpoint", "first-cnn"]
    code = f"import gc, sys, vlass_explorer.cli as c; print(c.main({argv}), sorted({needless} & set(sys.modules)))"
    code += "; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"  # torch is left out when garbage is looked for
    environment = os.environ | {"VLASS_EXPLORER_CHECKPOINTS": str(repo_root / "checkpoints")}
    done = subprocess.run([sys.executable, "-c", code], cwd=repo_root, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["0 []", "True True"], done.stderr


def test_a_catalogue_is_planned_without_torch_and_asked_without_timm(repo_root: Path) -> None:
    # Processes that work are copies of one that has loaded the second line; the first is all that their parent needs.
    code = """
import sys
import vlass_explorer.cli, vlass_explorer.catalogue.merge, vlass_explorer.catalogue.pool
print("torch" in sys.modules)
import vlass_explorer.catalogue.shard
print(sorted({"timm", "torchvision", "sklearn", "matplotlib", "sympy", "torch._dynamo"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["False", "[]"], done.stderr
