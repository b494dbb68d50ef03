"""Rows and their columns: names that every format takes, UCDs of the IVOA's list, values that survive a round trip."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io.votable.ucd import check_ucd

from vlass_explorer.schema import Row
from vlass_explorer.schema.columns import KINDS, printable, score_columns
from vlass_explorer.schema.rows import class_names, table_columns

AWKWARD = ("A b", "A_b", "a B", "FR,I", 'say "x"', "flux", "score", "星系", "", "1", "é" * 90, "tab\tbed", "=1+1", "NA")
"""Class names that collide, are no names, or are another column's name."""


def test_every_column_has_a_ucd_of_the_list_a_unit_that_is_one_and_a_meaning() -> None:
    for column in table_columns(("FRI",)):
        assert check_ucd(column.ucd, check_controlled_vocabulary=True), column
        assert column.description and column.description.isascii() and not column.description.endswith(".")
        if column.unit:
            u.Unit(column.unit, format="vounit", parse_strict="raise")
            u.Unit(column.unit, format="fits", parse_strict="raise")
        if column.unit or column.name.startswith("score"):
            assert column.kind == "float"
    where = {column.name: column.ucd for column in table_columns()}
    assert (where["ra"], where["dec"], where["id"]) == (
        "pos.eq.ra;meta.main",
        "pos.eq.dec;meta.main",
        "meta.id;meta.main",
    )
    assert [name for name, ucd in where.items() if ucd.endswith("meta.main")] == ["id", "ra", "dec"]


def test_every_field_is_a_column_of_the_kind_of_its_annotation() -> None:
    columns = {column.name: column for column in table_columns()}
    assert [field.name for field in fields(Row) if field.name != "scores"] == [n for n in columns if n != "classes"]
    assert all(columns[field.name].kind == KINDS[str(field.type)] for field in fields(Row) if field.name != "scores")


def test_names_of_columns_are_valid_and_never_equal_whatever_the_classes_are_called() -> None:
    columns = table_columns(AWKWARD)
    names = [column.name.casefold() for column in columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,60}", column.name) for column in columns)
    assert tuple(column.label for column in columns if column.label is not None) == AWKWARD
    found = [column.name for column in score_columns(AWKWARD)]
    assert found[:6] == ["score_A_b", "score_A_b_2", "score_a_B_3", "score_FR_I", "score_say_x", "score_flux"]
    assert found[7:10] == ["score_class", "score_class_2", "score_1"]
    assert [column.name for column in score_columns(("a_2", "a", "A"))] == ["score_a_2", "score_a", "score_A_3"]


def test_values_are_pythons_own_and_what_is_no_number_is_missing() -> None:
    row = Row(
        "x",
        flux=np.float32(0.5),
        snr=math.nan,
        peak=math.inf,
        blanked=np.int64(3),
        detected=np.True_,
        label="",
        notes=("", " a ", "b | c", "|"),
        scores={"A": np.float64(0.25)},
    )
    assert (type(row.flux), type(row.blanked), type(row.detected)) == (float, int, bool)
    assert (row.flux, row.snr, row.peak, row.blanked, row.detected, row.label) == (0.5, None, None, 3, True, None)
    assert row.notes == ("a", "b / c")
    assert type(row.scores["A"]) is float
    with pytest.raises(ValueError, match="needs an id"):
        Row("  ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\x1b[2J", "a\\nb\\x1b[2J"),
        ("caf\udce9", "caf\\udce9"),
        (" a ", "a"),
        ("\x00", "\\x00"),
        ("″×星", "″×星"),
        ("a\u00a0b\u2028", "a\\xa0b\\u2028"),
        ("\ufffe", "\\ufffe"),
    ],
)
def test_text_is_one_line_that_every_format_can_hold(text: str, shown: str) -> None:
    assert printable(text) == shown == Row("x", name=text).name
    shown.encode()


def test_sentences_are_ascii_and_names_keep_their_letters() -> None:
    row = Row("星 × é", label="FR×", error="Pixels of 1.5″: 3 × 4, 3σ", reasons=("(3.0″×2.2″)", "−3° … µJy"))
    assert (row.id, row.label, row.error) == ("星 × é", "FR×", "Pixels of 1.5 arcsec: 3 x 4, 3 sigma")
    assert row.reasons == ("(3.0 arcsec x 2.2 arcsec)", "-3 deg ... uJy")


def test_cells_become_the_same_row_again() -> None:
    rows = [
        Row("one", name="1", scores=dict.fromkeys(AWKWARD, 0.125), notes=("a", "b"), group_id=2**62, at_edge=False),
        Row("two", scores={"new": 1.0, "1": 0.0}),
        Row("three", error="No."),
    ]
    columns = table_columns(class_names(rows))
    assert class_names(rows) == (*AWKWARD, "new")
    cells = [row.cells(columns) for row in rows]
    assert [Row.from_cells(columns, values) for values in cells] == rows
    place = {column.name: index for index, column in enumerate(columns)}
    assert cells[1][place["score_A_b"]] is None and cells[1][place["score_1"]] == 0.0
    told = {column.name for column, cell in zip(columns, cells[2], strict=True) if cell is not None}
    assert told == {"id", "error"}


def test_the_documentation_lists_every_column(repo_root: Path) -> None:
    lines = []
    for column in table_columns(("FRI",)):
        name, words = column.name, column.description.replace("|", "\\|")
        if column.label is not None:
            name, words = "score_<class>", "Softmax score of a class, not calibrated"
        lines.append(f"| `{name}` | {column.kind} | {column.unit} | {column.ucd} | {words} |")
    told = (repo_root / "docs" / "tables.md").read_text().splitlines()
    assert told[-len(lines) :] == lines
