"""Tables of checkpoints: what is compared with what, and CSV and LaTeX that can be read back."""

from __future__ import annotations

import io
import re
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest
from pylatexenc.latex2text import LatexNodes2Text

from vlass_explorer.evaluation import leaderboard
from vlass_explorer.schema import Checkpoint, InputSpec, Overlap, Provenance, Reports


def card(name: str, score: float | None, seen: Overlap | None = None, **provenance: object) -> Checkpoint:
    report = {
        "macro_f1": score,
        "accuracy": 0.9,
        "macro_f1_interval": [0.1, 0.9],
        "macro_auroc": 0.95,
        "per_class": {"FRI": {"auroc": 0.97}, "FRII": {"auroc": None}},
    }
    metrics = {} if score is None else {"validation": report | ({} if seen is None else {"seen": asdict(seen)})}
    known = {"data": "FIRST", "split": "authors", "fold": 0, **provenance}
    return Checkpoint(
        name,
        Path(name),
        "resnet18",
        "classification",
        ("FRI", "FRII"),
        InputSpec(),
        11_200_000,
        Reports(metrics),
        Provenance.of(known),
    )


def test_the_best_comes_first_and_a_card_without_figures_last() -> None:
    frame = leaderboard.table([card("b", 0.7), card("none", None), card("a_1", 0.8)])
    assert frame["checkpoint"].tolist() == ["a_1", "b", "none"]
    assert frame["parameters (M)"].tolist() == pytest.approx([11.2] * 3)
    assert frame["AUROC FRI"][0] == 0.97 and pd.isna(frame["AUROC FRII"][0]) and pd.isna(frame["macro F1"][2])


def test_settings_keep_data_split_and_fold_apart() -> None:
    one = card("a", 0.8)
    assert leaderboard.setting(one) == leaderboard.setting(card("b", 0.1))
    others = [card("c", 0.8, fold=1), card("d", 0.8, split="sky"), card("e", 0.8, data="VLASS")]
    assert len({leaderboard.setting(each) for each in [one, *others]}) == 4
    assert leaderboard.setting(replace(one, provenance=Provenance())) == "data not stated, not known whether seen"


def test_only_the_same_cutouts_are_compared_whatever_their_set_is_called() -> None:
    held_out = Overlap(353, selected=353, placed=353, part="ab12" * 4)
    other, leaked = replace(held_out, part="cd34" * 4), replace(held_out, selected=0, trained=353)
    cards = [
        card("a", 0.8, held_out),
        card("b", 0.7, held_out, data="a copy"),
        card("other", 0.9, other),
        card("leaked", 0.99, leaked),
        card("old", 0.95),
        card("older", 0.6),
        card("none", None),
        card("sim", 0.97, held_out, simulated=True),
        card("test", 0.5, Overlap(353, placed=353, part="ab12" * 4)),
    ]
    found = {name: [each.name for each in group] for name, group in leaderboard.groups(cards).items()}
    assert found == {
        "FIRST, split authors, fold 0, held out as validation": ["a", "b"],
        "FIRST, split authors, fold 0, not known whether seen": ["old", "older"],
        "FIRST, split authors, fold 0, held out as validation, cutouts cd34cd34": ["other"],
        "FIRST, split authors, fold 0, trained on: no test": ["leaked"],
        "FIRST, split authors, fold 0, not evaluated": ["none"],
        "FIRST, split authors, fold 0, simulated, held out as validation": ["sim"],
        "FIRST, split authors, fold 0, unseen": ["test"],
    }


def test_every_row_says_what_had_been_seen_also_in_csv_and_latex() -> None:
    frame = leaderboard.table([card("leaked", 0.99, Overlap(353, trained=353, placed=353)), card("old", 0.9)])
    assert frame["seen before"].tolist() == ["trained on 353 of 353", "unknown"]
    assert pd.read_csv(io.StringIO(leaderboard.to_csv(frame)))["seen before"][0] == "trained on 353 of 353"
    text = leaderboard.to_latex(frame, leaderboard.setting(card("leaked", 0.99, Overlap(353, trained=353))))
    assert "& trained on 353 of 353 &" in text and "trained on: no test}" in text


def test_columns_of_the_recipe_are_read_from_the_configuration() -> None:
    off = "rotate: false\nflip: 0\nshift: 0\nzoom: 0\ntune: head\nweights: imagenet\n"
    frame = leaderboard.table([card("frozen", 0.8, configuration=off), card("plain", 0.7, configuration="epochs: 3")])
    assert frame["pretrained"].tolist() == ["imagenet", "none"]
    assert frame["frozen"].tolist() == ["all but the head", "no"]
    assert frame["augmentation"].tolist() == ["no", "yes"]
    assert leaderboard.configuration(card("odd", 0.1, configuration=": {")) == {}


def test_csv_and_latex_hold_the_same_numbers() -> None:
    frame = leaderboard.table([card("a_1", 0.8), card("b&c", 0.7)])
    read = pd.read_csv(io.StringIO(leaderboard.to_csv(frame)))
    assert read["checkpoint"].tolist() == ["a_1", "b&c"] and read["macro F1"].tolist() == [0.8, 0.7]
    text = leaderboard.to_latex(frame, "FIRST, fold_0")
    assert r"a\_1 & resnet18 & 11.200 & 0.900 & 0.800" in text and r"b\&c" in text and r"95 \%" in text
    assert r"\caption{FIRST, fold\_0}" in text and r"\toprule" in text


AWKWARD = (
    "FR_I",
    "B&C",
    "50 %",
    "back\\slash",
    "{brace",
    "}",
    "a^b",
    "x~y",
    "#1",
    "$E$",
    "<a>|b",
    "[x]",
    r"\input{/etc/x}",
    "é",
    "α 3″",
    "*",
    "\\\\",
    "%",
)


@pytest.mark.parametrize("name", AWKWARD)
def test_any_name_is_one_cell_of_a_table_that_compiles(name: str) -> None:
    one = card(name, 0.8)
    report = one.reports.table["validation"] | {"per_class": {name: {"auroc": 0.5}, "FRI": {"auroc": 0.9}}}
    frame = leaderboard.table([replace(one, architecture=name, reports=Reports({"validation": report}))])
    text = leaderboard.to_latex(frame, f"On {name}")
    head, row = (line for line in text.splitlines() if line.endswith("\\\\"))
    for line in (head, row):
        assert len(cells := re.split(r"(?<!\\)&", line.removesuffix("\\\\"))) == len(frame.columns)
        for cell in cells:
            bare = re.sub(r"\\(?:[a-zA-Z]+|.)", "", cell)  # without commands and escaped marks
            assert not re.search(r"[&%#_^~\\]", bare.replace("$", "_")) and bare.count("{") == bare.count("}")
    read = [LatexNodes2Text().latex_to_text(cell).strip() for cell in re.split(r"(?<!\\)&", row)]
    assert read[0] == read[1] == name.replace("^", "ˆ").replace("″", "”")  # as TeX sets them
    assert not row.startswith(("[", "*"))
    assert leaderboard.to_latex(frame, "x\n\n y").count("x y") == 1


def test_a_letter_without_a_command_is_a_question_mark() -> None:
    text = leaderboard.to_latex(leaderboard.table([card("你好 \x00", 0.8)]), "x")
    assert text.isascii() and "\x00" not in text and text.count(r"{\bfseries ?}") == 3
