"""A catalogue in shards: every input answered once, whatever is killed, damaged, replaced or asked twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from astropy.io import votable
from astropy.table import Table
from cli_call import HOSTILE, Run
from small_catalogue import GROUP, QUICK, inputs, made, written
from tiny_checkpoint import build, save

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import merge, parts, plan, pool, shard
from vlass_explorer.catalogue.plan import How
from vlass_explorer.export import tables
from vlass_explorer.schema import CatalogueError, CheckpointError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return written(tmp_path_factory.mktemp("catalogue"))


def answered(folder: Path, files: list[Path], how: How = QUICK) -> bytes:
    """The merged table of an uninterrupted run."""
    one = made(folder, files, how)
    for number in range(one.shards):
        shard.run(folder, number)
    merge.merge(one, folder / "table.parquet")
    return (folder / "table.parquet").read_bytes()


@pytest.fixture(scope="module")
def whole(shelf: Path, files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
        folder = tmp_path_factory.mktemp("whole") / "out"
        answered(folder, files)
    return folder


def test_every_input_is_a_row_in_its_place_with_what_predict_says(whole: Path, files: list[Path], run: Run) -> None:
    rows = tables.read_rows(whole / "table.parquet")
    assert [row.id for row in rows] == [path.name for path in files]
    assert {row.id: row.error for row in rows if row.error} == {
        "07.fits": "This is no FITS (.fits, .fit, .fts), PNG, JPEG, TIFF or NPY file: choose one of these.",
        "absent.fits": "There is no such file.",
    }
    code, told, _ = run("predict", *files, "--checkpoint", "tiny", "--json")
    assert code == 2
    said = {Path(record["file"]).name: record for record in map(json.loads, told.splitlines())}
    for row in rows:
        if row.error:
            continue
        assert row.label == said[row.id]["label"] and row.validity == said[row.id]["validity"]
        np.testing.assert_allclose(list(row.scores.values()), list(said[row.id]["probabilities"].values()), atol=1e-6)
        assert row.flux is None and row.snr is not None and "not asked for" in " ".join(row.not_measured)


def test_a_shard_that_is_killed_goes_on_behind_its_last_row_group(own: Path, tmp_path: Path, files: list[Path]) -> None:
    one = made(tmp_path / "out", files)
    number = max(range(one.shards), key=lambda index: len(one.inputs(index)))
    given = one.inputs(number)
    groups = parts.groups(one, given)
    assert len(groups) > 1
    shard.run(one.folder, number)
    rows = parquet.read_table(parts.path(one, number))

    # As a process leaves it that was killed in its second row group: the first one, and half of a file.
    parts.path(one, number).unlink()
    ids = [item.id for _, item in groups[0]]
    columns = one.columns
    kept = [row for row in tables.read_rows(_saved(rows, tmp_path)) if row.id in ids]
    parts.write_group(one, number, 0, ids, kept)
    stamp = parts.path(one, number, 0).stat().st_mtime_ns
    half = parts.path(one, number, 0).read_bytes()[:-20]
    parts.path(one, number, 1).write_bytes(half)
    parts.path(one, number, 1).with_name(f".{number:05}.0001.parquet.99").write_bytes(half)
    assert parts.is_done(one, number, ids, 0) and not parts.is_done(one, number, ids, 1)
    assert parts.answered(one) == len(ids)

    seen: list[int] = []
    original = parts.write_group
    try:
        parts.write_group = lambda *args: (seen.append(args[2]), original(*args))[1]  # type: ignore[assignment]
        assert shard.run(one.folder, number) == len(given)
    finally:
        parts.write_group = original
    assert seen == list(range(1, len(groups))) and stamp
    assert parquet.read_table(parts.path(one, number)).equals(rows) and len(columns) == rows.num_columns
    assert [path.name for path in sorted((one.folder / "parts").glob("*.parquet"))] == [f"{number:05}.parquet"]


def _saved(table: object, folder: Path) -> Path:
    parquet.write_table(table, folder / "kept.parquet")
    return folder / "kept.parquet"


def test_what_merely_exists_is_not_done(own: Path, tmp_path: Path, files: list[Path], whole: Path) -> None:
    one = made(tmp_path / "out", files)
    other = made(tmp_path / "other", files, How(flux=True))
    for number in range(one.shards):
        assert not parts.is_whole(one, number)
        target = parts.path(one, number)
        for content in (b"", b"PAR1", parts.path(plan.read(whole), number).read_bytes()[:-1]):
            target.write_bytes(content)
            assert not parts.is_whole(one, number)
        target.write_bytes(parts.path(plan.read(whole), number).read_bytes())
        assert parts.is_whole(one, number)
        # Of another plan, with the same inputs.
        parts.path(other, number).write_bytes(target.read_bytes())
        assert not parts.is_whole(other, number)
    # Whole again by what was copied.
    assert merge.merge(one, tmp_path / "table.parquet").rows == len(files)
    assert (tmp_path / "table.parquet").read_bytes() == (whole / "table.parquet").read_bytes()


def test_a_table_is_not_made_of_less_or_other_than_was_asked(own: Path, tmp_path: Path, whole: Path) -> None:
    one = replace(plan.read(whole), folder=tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / plan.INPUTS).write_bytes((whole / plan.INPUTS).read_bytes())
    (tmp_path / plan.MANIFEST).write_bytes((whole / plan.MANIFEST).read_bytes())
    for number in range(1, one.shards):
        parts.path(one, number).write_bytes(parts.path(plan.read(whole), number).read_bytes())
    with pytest.raises(CatalogueError, match=r"1 of 4 shards are not done \(the first: 0\): run classify again"):
        merge.merge(one, tmp_path / "t.parquet")
    # Rows of a part that were edited, with a footer that still says what it should.
    ids = [item.id for _, item in one.inputs(0)]
    rows = tables.read_rows(parts.path(plan.read(whole), 0))
    for wrong in (
        [*rows[1:], rows[0]],
        [replace(rows[0], checkpoint_sha256="0" * 64), *rows[1:]],
        [replace(row, id=ids[0]) for row in rows],
    ):
        for group, start in enumerate(range(0, len(ids), GROUP)):
            parts.write_group(one, 0, group, ids[start : start + GROUP], wrong[start : start + GROUP])
        parts.join(one, 0, one.inputs(0))
        assert parts.is_whole(one, 0)
        with pytest.raises(CatalogueError, match="do not hold what its manifest asks for"):
            merge.merge(one, tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists() and not list(tmp_path.glob(".t*"))


@pytest.mark.parametrize("suffix", [".vot", ".csv", ".fits"])
def test_every_format_holds_the_same_rows(
    own: Path, whole: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "WINDOW", 4)
    merge.merge(plan.read(whole), tmp_path / f"table{suffix}")
    assert tables.read_rows(tmp_path / f"table{suffix}") == tables.read_rows(whole / "table.parquet")
    if suffix == ".vot":
        assert len(votable.parse(tmp_path / "table.vot", verify="exception").get_first_table().array) == 21
    else:
        assert len(Table.read(tmp_path / f"table{suffix}")) == 21


def test_windows_of_any_size_make_the_same_table(
    own: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for window in (1, 5, 21):
        monkeypatch.setattr(merge, "WINDOW", window)
        merge.merge(plan.read(whole), tmp_path / "table.parquet")
        assert parquet.read_table(tmp_path / "table.parquet").equals(parquet.read_table(whole / "table.parquet"))


def test_a_folder_goes_on_with_its_own_plan_alone(own: Path, files: list[Path], tmp_path: Path) -> None:
    one = made(tmp_path, files)
    assert made(tmp_path, files) == one == plan.read(tmp_path)
    card = checkpoints.find("tiny")
    for change, words in (
        (lambda: made(tmp_path, files[:-1]), "of another list .21 inputs, not these 20."),
        (lambda: made(tmp_path, files, How()), "begun with other options"),
        (lambda: plan.make(tmp_path, inputs(files), [card, card], QUICK), "asks tiny"),
        (lambda: plan.make(tmp_path / "new", [], [card], QUICK), "nothing to classify"),
        (lambda: plan.read(tmp_path / "new"), "holds no classification"),
    ):
        with pytest.raises(CatalogueError, match=words):
            change()
    manifest = json.loads((tmp_path / plan.MANIFEST).read_text())
    (tmp_path / plan.MANIFEST).write_text(json.dumps(manifest | {"version": "0.0.9"}))
    with pytest.raises(CatalogueError, match=r"begun by version 0\.0\.9, this is"):
        made(tmp_path, files)


def test_weights_that_were_replaced_are_refused(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "own"))
    save(tmp_path / "own" / "tiny")
    one = made(tmp_path / "out", files)
    shard.run(one.folder, 0)
    model = build()
    next(model.parameters()).data += 1.0
    (tmp_path / "own" / "tiny").rename(tmp_path / "own" / "older")
    save(tmp_path / "own" / "tiny", model)
    for again in (lambda: made(tmp_path / "out", files), lambda: plan.cards(one)):
        with pytest.raises(CatalogueError, match="tiny was replaced since .* was begun"):
            again()
    (tmp_path / "own" / "tiny" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError):
        plan.cards(one)


def test_the_shard_of_an_id_does_not_depend_on_the_list() -> None:
    # SHA-256 of "abc" begins with ba7816bf8f01cfea (FIPS 180-2).
    assert (plan.shard_of("abc", 256), plan.shard_of("abc", 1 << 64)) == (0xEA, 0xBA7816BF8F01CFEA)
    counts = np.bincount([plan.shard_of(f"source {index}", 20) for index in range(20_000)])
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_one_command_says_what_came_in_and_what_went_out(
    run: Run, sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process: the pool has its own test.
    monkeypatch.setattr(pool, "run", lambda folder, *_: [shard.run(folder, n) for n in range(plan.read(folder).shards)])
    out = tmp_path / "out"
    (tmp_path / "list.txt").write_text(f"{sky / 'c.png'}\n{sky / 'absent.png'}\n")
    words = ("classify", sky, sky / "a.fits", "--list", tmp_path / "list.txt", "--checkpoint", "tiny", "--out", out)
    code, told, err = run(*words)
    assert code == 2 and told.startswith(f"{out}/table.parquet: 8 inputs in, 8 rows out, none twice, 2 of them without")
    assert "2 inputs are given more than once: each is a row of its own" in err
    rows = tables.read_rows(out / "table.parquet")
    assert [Path(row.id).name for row in rows] == [
        HOSTILE, "a.fits", "b.fits", "c.png", "text.fits", "a.fits#2", "c.png#2", "absent.png",
    ]  # fmt: skip
    assert rows[0].flux is not None and all(row.checkpoint == "tiny" for row in rows)
    code, told, err = run(*words, "--table", ".vot")
    assert code == 2 and "8 of 8 inputs were answered before: going on." in err
    assert tables.read_rows(out / "table.vot") == rows
    code, _, err = run("classify", "--positions", "1 2", "--checkpoint", "tiny", "--out", out)
    assert code == 2 and "name their folder (--tiles)" in err


def test_positions_are_cut_from_tiles(run: Run, sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "run", lambda folder, *_: [shard.run(folder, n) for n in range(plan.read(folder).shards)])
    from vlass_explorer import cutouts

    cutout = cutouts.read(sky / "a.fits")
    assert cutout.wcs is not None
    ra, dec = (float(value) for value in cutout.wcs.wcs_pix2world([[90.0, 90.0]], 0)[0])
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "a.fits").write_bytes((sky / "a.fits").read_bytes())
    table = tmp_path / "t.csv"
    table.write_text(f"name,ra,dec\nhere,{ra},{dec}\nfar,{(ra + 90) % 360},{dec}\nnonsense,x,y\n")
    words = ("--positions", table, "--tiles", tmp_path / "tiles", "--checkpoint", "tiny", "--out", tmp_path / "out")
    code, told, _ = run("classify", *words)
    rows = {row.id: row for row in tables.read_rows(tmp_path / "out" / "table.parquet")}
    assert code == 2 and "3 inputs in, 3 rows out" in told
    assert rows["here"].label and (rows["here"].ra, rows["here"].dec) == pytest.approx((ra, dec))
    assert rows["far"].error == "Outside: tiles has no image here." and rows["nonsense"].error
