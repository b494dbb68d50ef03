"""Classified rows on the desk: each cutout once, the stored answers beside it, orders by them, 50,000 of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlass_explorer import checkpoints, cutouts
from vlass_explorer.catalogue import plan
from vlass_explorer.catalogue.plan import How, Input
from vlass_explorer.datasets import simulated
from vlass_explorer.desk import classified, order
from vlass_explorer.export import tables
from vlass_explorer.schema import CutoutError, DatasetError, Row, TableError

CLASSES = ("FRI", "FRII")
ROW = Row("a.fits", name="a.fits", checkpoint="one", checkpoint_sha256="1" * 64, version="0.1.0", validity="ok")


def answered(id: str, score: float, *, weights: str = "1", percentile: float | None = None, **more: object) -> Row:
    scores = {"FRI": score, "FRII": 1 - score}
    label = max(scores, key=scores.__getitem__)
    known = {"label": label, "score": max(scores.values()), "scores": scores, "training_percentile": percentile}
    return replace(ROW, id=id, name=Path(id).name, checkpoint_sha256=weights * 64, **{**known, **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate("abc"):
        simulated.write_fits(tmp_path / f"{name}.fits", "Double Lobes", 0, index)
    return tmp_path


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_table_lies_on_the_desk_with_what_was_said(folder: Path, suffix: str) -> None:
    found = [
        answered("a.fits", 0.9, percentile=20.0, ra=10.0, dec=1.0, snr=30.0, survey="VLASS"),
        answered("a.fits", 0.2, weights="2", checkpoint="two"),
        answered(str(folder / "b.fits"), 0.55, percentile=99.0, validity="caution"),
        answered("c.fits", 0.6, validity="outside"),
        replace(ROW, id="gone.fits", name="gone.fits", validity=None, error="There is no such file."),
    ]
    tables.write_rows(folder / f"t{suffix}", found)
    desk = classified.of(folder / f"t{suffix}", [folder])
    assert [piece.name for piece in desk.pieces] == ["a.fits", "b.fits", "c.fits", "gone.fits"]
    assert (desk.pieces[0].ra, desk.pieces[1].ra) == (10.0, None) and desk.asked == ("one", "two")
    assert desk.pieces[1].source().pixels.shape == cutouts.read(folder / "b.fits").pixels.shape
    assert desk.pieces[1].file == folder / "b.fits"
    with pytest.raises(CutoutError):
        desk.pieces[3].source()
    one, two = (desk.stored[digit * 64] for digit in "12")
    np.testing.assert_allclose(one.scores[:3, 0], [0.9, 0.55, 0.6])
    assert np.isnan(one.scores[3]).all() and one.failed == {3: "There is no such file."}
    assert np.isfinite(two.scores).all(axis=1).tolist() == [True, False, False, False]
    said = [classified.sentence(one, "one", at) for at in range(4)]
    assert said[0] == "one: FRI 0.90 (softmax score, stored)" and "caution, stored" in said[1]
    assert said[2:] == ["one: no label, outside of what it is for", ""]
    assert one.survey[0] == "VLASS" and one.snr[0] == 30.0 and one.label(2) is None
    assert order.score(one.scores).tolist() == [1, 2, 0, 3]
    assert order.unlike(one.percentile).tolist() == [1, 0, 2, 3]


def test_files_outside_of_the_folders_are_not_read(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    simulated.write_fits(other / "x.fits", "Double Lobes", 0, 0)
    (folder / "link.fits").symlink_to(other / "x.fits")
    ids = [str(other / "x.fits"), f"../{other.name}/x.fits", "link.fits", "a.fits"]
    tables.write_rows(folder / "t.parquet", [answered(id, 0.9) for id in ids])
    desk = classified.of(folder / "t.parquet", [folder])
    for piece in desk.pieces[:3]:
        with pytest.raises(DatasetError, match="outside of the folders"):
            piece.source()
    assert desk.pieces[3].source().pixels.size


def test_a_folder_of_classify_reads_as_it_did(folder: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    inputs = [Input("a", str(folder / "a.fits")), Input("b", error="There is no such file.")]
    how = How(flux=False, reading={"plane": 0, "survey": "NVSS"})
    plan.make(folder / "out", inputs, [checkpoints.find("tiny")], how)
    assert not classified.is_classified(folder / "out")
    tables.write_rows(folder / "out" / "table.parquet", [answered("a", 0.9), answered("b", 0.9), answered("c", 0.9)])
    assert classified.is_classified(folder / "out")
    desk = classified.of(folder / "out")
    assert desk.pieces[0].source().pixels.size and desk.pieces[0].source.keywords["survey"] == "NVSS"  # type: ignore[attr-defined]
    for piece, words in zip(desk.pieces[1:], ("no such file", "was not asked for c"), strict=True):
        with pytest.raises(DatasetError, match=words):
            piece.source()


def test_what_is_no_table_of_rows_is_a_sentence(folder: Path) -> None:
    (folder / "own.csv").write_text("id,label\n1,FRI\n")
    (folder / "broken.parquet").write_bytes(b"PAR1")
    tables.write_rows(folder / "none.vot", [])
    for name, words in (
        ("own.csv", "lacks the column checkpoint"),
        ("broken.parquet", "cannot be read as a parquet table"),
        ("none.vot", "holds no rows"),
    ):
        with pytest.raises(TableError, match=words):
            classified.of(folder / name)


def test_many_rows_lie_there(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    tables.write_rows(tmp_path / "one.parquet", [answered("a.fits", 0.9, percentile=3.0)])
    row, count = parquet.read_table(tmp_path / "one.parquet"), 20_000
    large = row.take(pa.array(np.zeros(count, int)))
    ids = pa.array([f"{at:06}.fits" for at in range(count)])
    parquet.write_table(large.set_column(large.column_names.index("id"), "id", ids), tmp_path / "t.parquet")
    desk = classified.of(tmp_path / "t.parquet", [tmp_path])
    assert len({piece.key for piece in desk.pieces}) == count and desk.stored["1" * 64].scores.shape == (count, 2)
