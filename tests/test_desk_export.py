"""What lies on the desk, pictures of it, the model's answers, and what becomes of labels: tables and a data set."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tiny_set
import torch
from astropy.io import fits, votable
from astropy.io.votable.ucd import check_ucd
from PIL import Image
from test_calibration_asked import make

from vlass_explorer import checkpoints, cutouts, datasets
from vlass_explorer.datasets import identity, simulated
from vlass_explorer.desk import answers, drawing, export, pieces, records, training_set
from vlass_explorer.desk.labels import Labels
from vlass_explorer.desk.pieces import Desk, Piece
from vlass_explorer.figures import colours
from vlass_explorer.schema import DatasetError, Seen, Window


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_set.make(tmp_path_factory.mktemp("data") / "blobs", count=40)


@pytest.fixture(scope="module")
def desk(folder: Path) -> Desk:
    return pieces.of_folder(folder)


def give(labels: Labels, desk: Desk, by: str, first: int, last: int, *, shown: str = "") -> None:
    for piece in desk.pieces[first:last]:
        word = piece.name.split("/")[0]
        labels.append(records.label(by, piece.key, word, shown=shown, name=piece.name, content="0" * 16))


def test_a_folder_on_the_desk(folder: Path, desk: Desk, tmp_path: Path) -> None:
    assert len(desk.pieces) == 40 and all(piece.telling for piece in desk.pieces)
    assert desk.data_set is not None and desk.data_set.label_names == tiny_set.CLASSES
    moved = tmp_path / "elsewhere"
    tiny_set.make(moved, count=40)
    assert [p.key for p in pieces.of_folder(moved).pieces] == [p.key for p in desk.pieces]
    plain = tmp_path / "plain" / "deeper"
    plain.mkdir(parents=True)
    np.save(plain / "one.npy", np.ones((8, 8), np.float32) + np.eye(8, dtype=np.float32))
    (plain / "notes.txt").write_text("no cutout")
    found = pieces.of_folder(tmp_path / "plain")
    assert [piece.name for piece in found.pieces] == ["deeper/one.npy"]
    assert found.pieces[0].file == plain / "one.npy" and not found.pieces[0].telling
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no"):
        pieces.of_folder(tmp_path / "empty")


def test_a_picture_shows_the_sky_row_0_below_and_what_has_no_data(desk: Desk) -> None:
    pixels = np.full((30, 40), 0.0, np.float32)
    pixels[2:6, 30:35] = 1.0  # below, on the right
    pixels[20:, :5] = np.nan
    pixels += np.random.default_rng(0).normal(0, 0.01, pixels.shape).astype(np.float32)
    cutout = cutouts.read(npy(pixels), name="x.npy")
    drawn = np.asarray(Image.open(io.BytesIO(drawing.sky(cutout))).convert("RGB"))
    assert drawn.shape == (30, 40, 3)
    bright = np.unravel_index(drawn.sum(axis=2).argmax(), (30, 40))
    assert 24 <= bright[0] < 28 and 30 <= bright[1] < 35
    assert "#{:02x}{:02x}{:02x}".format(*drawn[0, 0]) == colours.NO_DATA
    assert drawing.box(cutout, Window(10, 20, 0, 40)) == drawing.Box(
        0.0, pytest.approx(1 / 3), 1.0, pytest.approx(1 / 3)
    )
    map_ = np.asarray(
        Image.open(io.BytesIO(drawing.relevance(np.array([[-1.0, 0.0], [0.5, 1.0]]), signed=True))).convert("RGB")
    )
    assert map_[1, 0].argmax() == 2 and map_[0, 1].argmax() == 0  # blue below left, red above right
    assert drawing.url(b"x") == "data:image/png;base64,eA=="


def npy(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    return buffer.getvalue()


def test_answers_equal_those_of_a_page_and_a_broken_file_is_a_sentence(
    desk: Desk, tmp_path: Path, one_thread_inside_torch: None
) -> None:
    card = make(tmp_path, "tiny", 1, Seen())
    model = checkpoints.load(card)
    bad = Piece("bad", "bad.npy", partial(cutouts.read, tmp_path / "missing.npy"))
    found = answers.ask(model, card, [*desk.pieces[:3], bad, desk.pieces[3]], turned=True)
    from vlass_explorer import predict

    for index, piece in ((0, desk.pieces[0]), (4, desk.pieces[3])):
        (said,) = predict.predict(model, card, [piece.source()])
        assert found.scores[index] == pytest.approx(said.probabilities, abs=1e-6)
        assert found.views is not None and found.views[0, index] == pytest.approx(said.probabilities, abs=1e-6)
        assert found.label(index) in (said.label, None)
    assert list(found.failed) == [3] and "no such file" in found.failed[3] and found.label(3) is None
    assert (
        np.isnan(found.scores[3]).all() and np.isnan(found.features[3]).all() and np.isfinite(found.features[4]).all()
    )

    class Overflown(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full((len(x), 2), float("nan"))

    nothing = answers.ask(Overflown(), card, desk.pieces[:2])
    assert nothing.features.shape == (2, 0) and sorted(nothing.failed) == [0, 1]


def test_tables_of_labels_open_in_astropy_with_ucds(desk: Desk, tmp_path: Path) -> None:
    labels = Labels(tmp_path / "set.jsonl")
    labels.append(records.classes("ann", tiny_set.CLASSES))
    give(labels, desk, "ann", 0, 4)
    give(labels, desk, "bob <b>", 2, 4, shown="round 0.71 (tiny)")
    one = desk.pieces[1]
    labels.append(records.label("bob <b>", one.key, "round", name=one.name, place=(10.0, -5.0)))
    labels.append(records.label("ann", desk.pieces[9].key, "", kind="unsure"), records.note("ann", one.key, "a | b\nc"))
    given = votable.parse(io.BytesIO(export.as_given(labels, ".vot"))).get_first_table()
    assert all(check_ucd(field.ucd, check_controlled_vocabulary=True) for field in given.fields)
    table = given.to_table()
    assert len(table) == 8 and list(table["labeller"]).count("bob <b>") == 3
    assert str(given.get_field_by_id("ra").unit) == "deg" and table["ra"].mask.sum() == 7
    assert not table["blind"][4] and table["shown"][4] == "round 0.71 (tiny)" and "a | b" in table["notes"][1]
    both = votable.parse(io.BytesIO(export.by_cutout(labels, ".vot"))).get_first_table()
    assert all(check_ucd(field.ucd, check_controlled_vocabulary=True) for field in both.fields)
    table = both.to_table()
    shares = {row["name"]: (row["label"], row["labellers"], row["share_1"]) for row in table}
    assert shares[one.name] == ("", 2, 0.5) and shares[desk.pieces[0].name] == ("long", 1, 1.0)
    rows = list(csv.DictReader(io.StringIO(export.by_cutout(labels, ".csv").decode())))
    assert rows[-1]["unsure"] == "1" and rows[-1]["share_1"] == "" and rows[-1]["label"] == ""
    assert len(export.as_given(Labels(tmp_path / "none.jsonl"), ".vot")) > 500


def test_a_data_set_is_written_that_training_takes_with_the_blind_as_its_test(desk: Desk, tmp_path: Path) -> None:
    labels = Labels(tmp_path / "set.jsonl")
    give(labels, desk, "ann", 0, 30, shown="long 0.9 (tiny)")
    give(labels, desk, "ann", 30, 36)
    labels.append(
        records.label("bob", desk.pieces[0].key, "round"),
        records.label("ann", desk.pieces[38].key, "", kind="artefact"),
    )
    found = training_set.write(tmp_path, "mine", desk.pieces, labels.given, data_set=desk.data_set)
    assert found.notes == ("2 are left out: unsure, an artefact, or labellers differ.",)
    data = datasets.load("class_folders", found.folder)
    assert len(data) == 35 == sum(found.counts.values()) and data.label_names == tiny_set.CLASSES
    test = {identity.content(item.read()) for item in data.items if item.split == "test"}
    assert test == {identity.content(piece.source()) for piece in desk.pieces[30:36]}
    assert found.counts["validation"] > 3 and found.counts["train"] > 15
    again = training_set.write(tmp_path, "mine", desk.pieces, labels.given)
    assert again.folder.name == "mine-2" and not list(tmp_path.glob(".*.part"))
    only_blind = [one for one in labels.given if one.blind and one.by == "ann"]
    with pytest.raises(DatasetError):
        training_set.write(tmp_path, "few", desk.pieces, only_blind[:2])
    with pytest.raises(DatasetError, match="two labelled classes"):
        training_set.write(tmp_path, "none", desk.pieces, [])


def test_all_blind_leaves_a_fifth_for_the_test(desk: Desk, tmp_path: Path) -> None:
    labels = Labels(tmp_path / "set.jsonl")
    give(labels, desk, "ann", 0, 40)
    found = training_set.write(tmp_path, "blind", desk.pieces, labels.given)
    assert found.counts["test"] == 8 and "a fifth of it is the test part" in found.notes[0]


def test_a_part_of_an_image_is_written_as_fits_with_its_sky(tmp_path: Path) -> None:
    path = tmp_path / "one.fits"
    simulated.write_fits(path, "Double Lobes", 0, 1)
    whole = cutouts.read(path)
    middle = identity.centre(whole)
    assert middle is not None
    source = partial(cutouts.read, path, position=middle, size_arcsec=60.0)
    piece = Piece("a", "line 2", source, *middle)
    assert piece.file is None and Piece("b", "x.fits", partial(cutouts.read, path)).file == path
    suffix, content = training_set._file(piece)
    assert suffix == ".fits" and isinstance(content, bytes)
    header = fits.getheader(io.BytesIO(content))
    back, part = cutouts.read(content, name="x.fits"), source()
    assert identity.content(back) == identity.content(part) and back.unit == part.unit
    assert header["BMAJ"] == pytest.approx(part.beam.major / 3600)
    assert identity.centre(back) == pytest.approx(identity.centre(part), abs=1e-9)
