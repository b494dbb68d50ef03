"""The model card: words from data alone, updates that leave the weights, foreign values that do no harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import timm
from tiny_checkpoint import save

from vlass_explorer import checkpoints
from vlass_explorer.schema import Provenance, Reports


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return save(tmp_path / "tiny").path


def test_a_card_in_words(tiny: Path) -> None:
    text = (tiny / "README.md").read_text()
    for words in (
        "# tiny",
        "FIRST",
        "1.4 GHz",
        "5.4″ × 5.4″",
        "1.8″",
        "| Validation fold | 0 |",
        "| Seed | 3 |",
        "| validation | 4 | 0.750 | 0.733 | 0.400 to 0.900 | unknown |",
        "| floor: random forest on ten shape numbers |  |  | 0.710 |  |  |",
        "| Compact | 1 | 0 | 0 | 0 |",
        "| FRI | 25.0% |",
        "| Real or simulated | real |",
        "\n    epochs: 60\n",
        "scholarly \\| &lt;b>educational",
    ):
        assert words in text, words


def test_evaluations_are_added_to_a_card_and_the_weights_stay(tiny: Path) -> None:
    before = checkpoints.read(tiny)
    reports = Reports({**before.reports.table, "sky": {"macro_f1": 0.5, "count": 9}})
    after = checkpoints.update(before, reports=reports, provenance=replace(before.provenance, recipe="x"))
    assert after.reports == reports and after.provenance == replace(before.provenance, recipe="x")
    assert "| sky | 9 |  | 0.500 |  | unknown |" in (tiny / "README.md").read_text()
    checkpoints.load(after)
    assert timm.create_model(f"local-dir:{tiny}", pretrained=True).num_classes == 4
    assert sorted(p.name for p in tiny.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_a_foreign_card_with_odd_values_still_has_a_model_card(tiny: Path) -> None:
    odd = {"macro_f1": "high", "macro_f1_interval": [None, 1], "confusion": 3, "floors": 1}
    card = checkpoints.update(
        checkpoints.read(tiny),
        reports=Reports({"validation": odd}),
        provenance=Provenance.of({"class_fractions": {"a": "?"}, "citation": "![x](http://x.org/x.png) <script>"}),
    )
    text = checkpoints.model_card(card)
    assert "!\\[x\\](http" in text
    assert "<script>" not in text


def test_a_simulated_checkpoint_says_so_first(tmp_path: Path) -> None:
    card = save(tmp_path / "sim", provenance={"simulated": True}, metrics={})
    assert "Trained on simulated cutouts only" in (card.path / "README.md").read_text().splitlines()[2]
