"""Rows written by Arrow (pyarrow 26.0.1) are those of astropy (8.0.2), and read back the same."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
from astropy.io import votable

from vlass_explorer.catalogue import merge
from vlass_explorer.export.tables import parquet_file, votable_file, votable_rows
from vlass_explorer.schema import Row
from vlass_explorer.schema.columns import Column
from vlass_explorer.schema.rows import table_columns

COLUMNS = table_columns(("A", "B & <C>"))
EDGES = (0.0, -0.0, 1.0, 0.1, 1 / 3, 1e-4, 1e-5, 1e15, 1e16, 123456789012345680.0, 1e22, 5e-324, 1.7976931348623157e308)


def table(rows: list[Row]) -> pa.Table:
    return parquet_file.to_table(COLUMNS, [row.cells(COLUMNS) for row in rows])


def written(made: pa.Table, columns: tuple[Column, ...] = COLUMNS) -> bytes:
    head, tail = votable_rows.around(columns)
    return head + votable_rows.to_bytes(columns, made) + tail


def test_the_file_is_that_of_astropy_to_the_byte() -> None:
    rows = [
        Row("1", name='a<b>&"c".fits', ra=10.0, dec=-20.5, detected=True, rms_pixels=5, scores={"A": 0.25}),
        Row("2", name=" two  blanks ", detected=False, validity="ok", reasons=("One.", "Two é 30″ ≥ 3."), flux=2e-3),
        Row("3", error="It ends in ]]> and &amp;."),
    ]
    made = table(rows)
    assert written(made) == votable_file.to_bytes(COLUMNS, merge.cells(made))
    assert written(made.slice(0, 0)).count(b"<TR>") == 0


def test_numbers_of_any_size_are_read_back_as_they_were() -> None:
    random = np.random.default_rng(0)
    sizes = random.choice([-1, 1], 2000) * 10.0 ** random.uniform(-320, 308, 2000)
    values = [*EDGES, *(-edge for edge in EDGES), *sizes.tolist()]
    made = table([Row(str(number), flux=value, rms_pixels=number or None) for number, value in enumerate(values)])
    ours, theirs = (
        votable.parse(io.BytesIO(data)).get_first_table().array
        for data in (written(made), votable_file.to_bytes(COLUMNS, merge.cells(made)))
    )
    assert ours["flux"].tolist() == values == theirs["flux"].tolist()
    for name in ("rms_pixels", "snr", "detected", "error"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert np.signbit(ours["flux"][1]) and ours["rms_pixels"].mask[0]


def test_not_a_number_is_missing() -> None:
    column = next(column for column in COLUMNS if column.name == "flux")
    made = pa.table({"flux": pa.array([1.5, float("nan"), None])})
    text = votable_rows.to_bytes([column], made).decode()
    assert text.split() == ["<TR>", "<TD>1.5</TD>", "</TR>", *["<TR>", "<TD/>", "</TR>"] * 2]
