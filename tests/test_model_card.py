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


def test_how_unlike_other_files_were_is_on_the_card(tiny: Path) -> None:
    rows = {
        "WISE": {"asked": 0, "outside": 4},
        "VLASS | x": {"asked": 214, "outside": 0, "neighbours": [0.881, 0.85, 0.91]},
    }
    card = checkpoints.read(tiny)
    card = checkpoints.update(card, reports=Reports({**card.reports.table, "unlike_training": rows}))
    assert [(one.kind, one.asked, one.outside) for one in card.reports.others] == [
        ("WISE", 0, 4),
        ("VLASS | x", 214, 0),
    ]
    assert card.reports.others[1].auroc == {"neighbours": (0.881, 0.85, 0.91)}
    text = (tiny / "README.md").read_text()
    assert "| kind | files asked | refused as outside | neighbours |" in text
    assert "| WISE | 0 | 4 |  |" in text and "| VLASS \\| x | 214 | 0 | 0.88 (0.85 to 0.91) |" in text


def test_a_foreign_card_with_odd_values_still_has_a_model_card(tiny: Path) -> None:
    broken = {"a": 3, "b": {"asked": "many"}, "c": {"asked": 1, "outside": 0, "energy": [0.5, None, "x"]}}
    odd = {"macro_f1": "high", "macro_f1_interval": [None, 1], "confusion": 3, "floors": 1}
    card = checkpoints.update(
        checkpoints.read(tiny),
        reports=Reports({"validation": odd, "unlike_training": broken}),
        provenance=Provenance.of({"class_fractions": {"a": "?"}, "citation": "![x](http://x.org/x.png) <script>"}),
    )
    assert [(one.kind, one.auroc) for one in card.reports.others] == [("c", {})]
    text = checkpoints.model_card(card)
    assert "!\\[x\\](http" in text
    assert "<script>" not in text


def test_a_simulated_checkpoint_says_so_first(tmp_path: Path) -> None:
    card = save(tmp_path / "sim", provenance={"simulated": True}, metrics={})
    assert "Trained on simulated cutouts only" in (card.path / "README.md").read_text().splitlines()[2]
