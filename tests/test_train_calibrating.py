"""A run that sets cutouts aside: they decide nothing, and calibrate its checkpoint; or the log says why not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_set

from train.__main__ import main
from vlass_explorer import calibration, checkpoints, runs
from vlass_explorer.evaluation import evaluate, parts


def test_a_run_calibrates_on_what_it_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tiny_set.place(tmp_path) as folder:
        asked = tiny_set.words(folder / "data", epochs=1, calibration_fraction=0.4)
        assert main(["check", *asked, "--quick"]) == 0
        assert "'calibration': {'long': 6, 'round': 6}" in capsys.readouterr().out
        assert main(["fit", *asked]) == 0
        (line,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("calibrated on")]
        assert line.startswith("calibrated on 12 cutouts of data, calibration of fold 0 (random split): temperature")
        card = checkpoints.find("tiny")
        (kept,) = calibration.read(card)
        seen, (run,) = checkpoints.seen(card), runs.listing()
        assert seen is not None and (len(seen.train), len(seen.selected), len(seen.calibrated)) == (20, 8, 12)
        assert not set(seen.calibrated.content) & ({*seen.train.content} | {*seen.selected.content})
        assert kept.counts == (6, 6) and card.provenance.train_count == 20
        assert card.provenance.calibrated_on == kept.words and card.provenance.seen.calibrated == 12
        assert len(set(json.loads((run.path / "splits.json").read_text())["calibration"])) == 12

        # The same cutouts are asked for by name, and what was fitted is a fit to their scores.
        part = parts.select(card, parts.config_of(card, data_dir=str(folder / "data")), "calibration")
        found = evaluate(checkpoints.load(card), card, part)
        again = calibration.fit(np.log(found.probabilities), found.labels)
        assert again.temperature == pytest.approx(kept.temperature.temperature, rel=1e-6)

        # What it starts from was trained on cutouts that it sets aside: those are left out, and too few remain.
        later = tiny_set.words(folder / "data", name="later", epochs=1, calibration_fraction=0.4, weights="tiny")
        assert main(["fit", *later, "fold=1"]) == 0
        (said,) = [text for text in capsys.readouterr().out.splitlines() if "calibrated" in text]
        assert said.startswith("not calibrated: ") and "fewer than 5 labelled cutouts" in said
        assert calibration.read(checkpoints.find("later")) == ()

        assert main(["fit", *tiny_set.words(folder / "data", calibration_fraction=0.1)]) == 2
        assert "sets aside 1 cutouts of long, and calibrating needs 5 of each class" in capsys.readouterr().err


def test_without_a_share_nothing_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tiny_set.place(tmp_path) as folder:
        assert main(["fit", *tiny_set.words(folder / "data", epochs=1)]) == 0
        assert "calibrated" not in capsys.readouterr().out
        card, (run,) = checkpoints.find("tiny"), runs.listing()
        assert calibration.read(card) == () and "calibration" not in json.loads((run.path / "splits.json").read_text())
