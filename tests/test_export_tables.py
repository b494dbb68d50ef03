"""Tables in every format, read back by this program, astropy, pyvo and pandas: each cell equal, nothing invented."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import pyvo
from astropy import units as u
from astropy.io import fits, votable
from astropy.table import Table

from vlass_explorer.export import tables
from vlass_explorer.schema import Row, TableError
from vlass_explorer.schema.rows import class_names, table_columns

LABELS = ("A b", "A_b", "FR,I", 'say "x"', "flux", "星系", "NA", "back\\slash")
SLUGS = ("A_b", "A_b_2", "FR_I", "say_x", "flux", "class", "NA", "back_slash")
FULL = Row(
    "dir/a, \"b\" 'c' <é>.fits",
    name="0042",
    cutout_sha256="0" * 64,
    ra=187.70593076725,
    dec=-12.391123246083,
    position_given=True,
    group_id=2**53 - 1,
    detected=True,
    at_edge=False,
    survey="VLASS",
    vlass_epoch="2.1",
    date="2019-03-26",
    quick_look=True,
    simulated=False,
    checkpoint="tiny",
    label="星系",
    score=1 / 3,
    scores={label: (index + 1) / 36 for index, label in enumerate(LABELS)},
    validity="caution",
    reasons=("Trained on FIRST (1.4 GHz, 5.4″). This is VLASS (3.0″×2.2″): untested.", "1, 2; 3\tand & <4>"),
    rms=1.2345678901234567e-4,
    rms_pixels=4096,
    peak=-1e-300,
    flux=0.1,
    blanked=0,
    pa=-0.0,
    beam_assumed=True,
    notes=("x" * 3000,),
    version="0.1.0",
)
ERROR = Row("bad.fits", name="bad.fits", error="The file is empty: copy or download it again.")
OTHER = Row("nan", name="None", label="NA", scores={"NA": 1.0}, vlass_epoch="3.0", blanked=7, group_id=0, ra=0.0)
TABLES = {
    "all": [FULL, ERROR, OTHER],
    "one": [FULL],
    "errors": [ERROR, replace(ERROR, id="2.0")],
    "empty": [],
    "numbers in words": [replace(OTHER, id=str(i), name="1e5", label="1", scores={"1": 1.0}) for i in range(3)],
}


def same(found: Any, expected: Any) -> bool:
    """Is a cell of another library's table the value of a Row? A missing text is empty or missing there."""
    if isinstance(found, bytes):
        found = found.decode()
    missing = found is None or found is pd.NA or found is np.ma.masked or (found != found)
    if expected is None:
        return bool(missing) or found == ""
    return not missing and type(found)(expected) == found and (type(expected) is not str or isinstance(found, str))


def astropy_csv(path: Path, columns: Any) -> Table:
    kinds = {"float": float, "int": int, "bool": bool}
    types = {column.name: [ascii_type(kinds.get(column.kind, str))] for column in columns}
    return Table.read(path, format="ascii.csv", converters=types, fill_values=[("", "0")])


def ascii_type(kind: type) -> Any:
    from astropy.io import ascii

    return ascii.convert_numpy(kind)


def pandas_csv(path: Path, columns: Any) -> pd.DataFrame:
    return pd.read_csv(path, dtype=tables.pandas_types(columns), keep_default_na=False, na_values=[""])


READERS: dict[str, tuple[str, Callable[[Path, Any], Any]]] = {
    "parquet by astropy": (".parquet", lambda path, _: Table.read(path)),
    "parquet by pandas": (".parquet", lambda path, _: pd.read_parquet(path)),
    "csv by astropy": (".csv", astropy_csv),
    "csv by pandas": (".csv", pandas_csv),
    "votable by astropy": (".vot", lambda path, _: Table.read(path, format="votable")),
    "votable by pyvo": (".vot", lambda path, _: pyvo.dal.DALResults(votable.parse(path)).to_table()),
    "votable by pandas": (".vot", lambda path, _: Table.read(path, format="votable").to_pandas()),
    "fits by astropy": (".fits", lambda path, _: Table.read(path)),
    "fits by pandas": (".fits", lambda path, _: Table.read(path).to_pandas()),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", TABLES)
def test_other_libraries_read_what_was_written(name: str, reader: str, tmp_path: Path) -> None:
    suffix, read = READERS[reader]
    rows = TABLES[name]
    path = tmp_path / f"table{suffix}"
    tables.write_rows(path, rows)
    columns = table_columns(class_names(rows))
    found = read(path, columns)
    names = list(found.columns) if isinstance(found, pd.DataFrame) else found.colnames
    assert names == [column.name for column in columns]
    assert len(found) == len(rows)
    for index, column in enumerate(columns):
        values = [row.cells(columns)[index] for row in rows]
        cells = list(found[column.name])
        wrong = [(cell, value) for cell, value in zip(cells, values, strict=True) if not same(cell, value)]
        assert not wrong, f"{column.name}: {wrong}"
        if "astropy" in reader and suffix != ".csv":
            assert found[column.name].unit == (u.Unit(column.unit) if column.unit else None)
    if isinstance(found, pd.DataFrame) and len(rows) and suffix != ".vot":
        assert pd.api.types.is_integer_dtype(found["blanked"])


@pytest.mark.parametrize("suffix", tables.FORMATS)
@pytest.mark.parametrize("name", TABLES)
def test_this_program_reads_the_same_rows(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"TABLE{suffix.upper()}"
    tables.write_rows(path, TABLES[name])
    assert tables.read_rows(path) == TABLES[name]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    (negative_zero,) = {row.pa for row in tables.read_rows(path) if row.pa is not None} or {-0.0}
    assert math.copysign(1.0, negative_zero) == -1.0


LATER = (
    "calibrated_",
    "prediction_",
    "set_",
    "not_",
    "training_",
    "nearest_",
    "turned_",
    "flip_",
    "matched_",
    "views_",
)
"""Beginnings of columns that tables of earlier versions do not have."""


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_table_of_an_earlier_version_is_read_without_what_came_later(suffix: str, tmp_path: Path) -> None:
    columns = [column for column in table_columns(LABELS) if not column.name.startswith(LATER)]
    assert len(table_columns(LABELS)) - len(columns) > 25
    full = replace(FULL, calibrated_score=0.9, prediction_set='["NA"]', turned_same=8, not_matched="No beam.")
    path = tmp_path / f"old{suffix}"
    path.write_bytes(tables.FORMATS[suffix].to_bytes(columns, [row.cells(columns) for row in (full, ERROR)]))
    assert tables.read_rows(path) == [FULL, ERROR]
    telling = [column for column in columns if column.name != "checkpoint"]
    path.write_bytes(tables.FORMATS[suffix].to_bytes(telling, [full.cells(telling)]))
    with pytest.raises(TableError, match="lacks the column checkpoint: it is no table that this program wrote"):
        tables.read_rows(path)


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_any_text_survives(suffix: str, tmp_path: Path) -> None:
    """Texts of letters from all of Unicode, controls, quotes, separators and lone surrogates included."""
    rng = np.random.default_rng(7)
    alphabet = [*map(chr, range(0x3000)), *map(chr, range(0xD7F0, 0xE010)), "\ufeff", "\uffff", *"😀𝔸,;\"'|<>&\\ \t"]

    def text() -> str:
        return "".join(rng.choice(alphabet, rng.integers(0, 30)))

    labels = [text() for _ in range(5)]
    rows = [
        Row(
            f"{index}{text()}",
            name=text(),
            label=text(),
            error=text(),
            notes=(text(), text()),
            scores=dict.fromkeys(labels, 0.2),
        )
        for index in range(60)
    ]
    tables.write_rows(tmp_path / f"t{suffix}", rows)
    assert tables.read_rows(tmp_path / f"t{suffix}") == rows


def test_units_ucds_meanings_and_class_names_stand_in_every_header(tmp_path: Path) -> None:
    for suffix in (".parquet", ".vot", ".fits"):
        tables.write_rows(tmp_path / f"t{suffix}", TABLES["all"])
    fields = votable.parse(tmp_path / "t.vot").get_first_table()
    schema = pyarrow.parquet.read_schema(tmp_path / "t.parquet")
    content = schema.metadata[b"IVOA.VOTable-Parquet.content"]
    header = fits.getheader(tmp_path / "t.fits", 1)
    tables.write_rows(tmp_path / "one.parquet", [FULL])
    with_ucds = Table.read(tmp_path / "one.parquet", format="parquet.votable")
    plain = Table.read(tmp_path / "t.parquet")
    for number, column in enumerate(table_columns(LABELS), start=1):
        field = fields.fields[number - 1]
        assert (field.name, field.ucd, field.unit) == (
            column.name,
            column.ucd,
            column.unit and u.Unit(column.unit) or None,
        )
        assert " ".join(field.description.split()) == column.description
        told = {key.decode(): value.decode() for key, value in (schema.field(column.name).metadata or {}).items()}
        expected = {"ucd": column.ucd, "unit": column.unit, "description": column.description, "label": column.label}
        assert told == {key: value for key, value in expected.items() if value}
        assert f'name="{column.name}"'.encode() in content
        assert with_ucds[column.name].meta["ucd"] == plain[column.name].meta["ucd"] == column.ucd
        assert header[f"TTYPE{number}"] == column.name
        assert header[f"TUCD{number}"] == column.ucd
        assert header.get(f"TUNIT{number}", "") == column.unit
        assert header[f"TCOMM{number}"]
    infos = {info.name: info.value for info in fields.infos}
    assert infos == {f"score_{name}": label for name, label in zip(SLUGS, LABELS, strict=True)}
    assert header["RADESYS"] == "ICRS"
    assert fields.get_field_by_id("ra").ref == fields.get_field_by_id("dec").ref == "icrs"


def test_the_virtual_observatory_finds_the_position(tmp_path: Path) -> None:
    tables.write_rows(tmp_path / "t.vot", [FULL])
    parsed = votable.parse(tmp_path / "t.vot", verify="exception")
    assert parsed.version == "1.4"
    found = pyvo.dal.DALResults(parsed)
    main = [field.name for field in found.fielddescs if field.ucd in ("pos.eq.ra;meta.main", "pos.eq.dec;meta.main")]
    assert main == ["ra", "dec"]
    assert (found[0]["ra"], found[0]["dec"]) == (FULL.ra, FULL.dec)


def test_a_file_is_replaced_only_where_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    tables.write_rows(path, [ERROR])
    before = path.read_bytes()
    with pytest.raises(TableError, match="exists; name another file"):
        tables.write_rows(path, [FULL])
    assert path.read_bytes() == before
    tables.write_rows(path, [FULL], overwrite=True)
    assert tables.read_rows(path) == [FULL]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.vot"
    tables.write_rows(path, [ERROR])
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TableError, match="No space left on device"):
        tables.write_rows(path, [FULL], overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t.xlsx", "t.xlsx should end in .parquet, .csv, .vot, .fits"),
        ("t", "should end in"),
        ("absent/t.fits", "There is no folder"),
        ("folder.csv", "is a folder"),
    ],
)
def test_an_impossible_target_is_one_sentence(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match=words):
        tables.write_rows(tmp_path / name, [ERROR])
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_file_that_is_no_such_table_is_one_sentence(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t{suffix}"
    with pytest.raises(TableError, match="cannot be read"):
        tables.read_rows(path)
    tables.write_rows(path, [FULL])
    whole = path.read_bytes()
    for broken in (b"", b"a,b\n1\n", whole[: len(whole) // 2], bytes(reversed(whole))):
        path.write_bytes(broken)
        with pytest.raises(TableError):
            tables.read_rows(path)
