"""Verdicts: every service and each kind of answer, against a server on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from replay_server import Replay, asking, serving
from replay_sky import PEAK, Tile

from vlass_explorer import archives, cutouts, validity
from vlass_explorer.archives import allowed, ask, fetching, seek, store, vlass_cadc
from vlass_explorer.schema import ArchiveError, Cutout, Found, InputSpec, Target

SOURCE = (3.264, -9.33)
TILES = [
    Tile("1.1", "T09t01", 3.3, -9.3),
    Tile("2.1", "T09t01", 3.3, -9.3),
    Tile("2.1", "T09t01", 3.3, -9.3, kind="se"),
    Tile("3.1", "T09t01", 3.3, -9.3, flag="fail"),
    Tile("1.2", "T20t01", 40.0, 10.0),
    Tile("1.2", "T20t02", 41.0, 10.0, beam=(3.4, 2.4, 70.0)),
    Tile("1.2", "T21t09", 80.0, 20.0, blank=True),
    Tile("1.1", "T30t01", 120.0, 20.0),
    Tile("1.1v2", "T30t01", 120.0, 20.0),
    Tile("2.2", "T31t01", 140.0, 20.0, has_cutout=False),
]


@pytest.fixture(scope="module")
def sky() -> Iterator[Replay]:
    with serving(Replay(TILES, (SOURCE, (40.508, 10.0)))) as replay:
        yield replay


@pytest.fixture
def client(sky: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archives.Client:
    return asking(sky, tmp_path / "cache", monkeypatch)


def rows(client: archives.Client, place: tuple[float, float], survey: str = "vlass", size: float = 180) -> list[Found]:
    target = Target("one", *place)
    return [piece.found for piece in seek.seek(archives.service(survey), target, size, 2 * size, client)]


def flux(cutout: Cutout) -> float:
    """Flux density around the centre in Jy."""
    y, x = (side // 2 for side in cutout.shape)
    assert cutout.beam is not None and cutout.pixel_shape is not None
    total = float(cutout.pixels[y - 12 : y + 12, x - 12 : x + 12].sum())
    return total * cutout.pixel_shape.area / cutout.beam.solid_angle


def test_each_vlass_epoch_has_a_verdict_and_single_epoch_goes_before_quick_look(client: archives.Client) -> None:
    found = {row.vlass_epoch: row for row in rows(client, SOURCE)}
    assert {epoch: (row.verdict, row.kind) for epoch, row in found.items()} == {
        "1.1": ("found", "Quick Look"),
        "2.1": ("found", "Single Epoch"),
        "3.1": ("failed QA", "Quick Look"),
    }
    assert found["1.1"].notes == ("Positions of VLASS1.1 are off by up to 1 arcsec.",)
    assert found["1.1"].rms == pytest.approx(1.5e-4, rel=0.03)
    assert found["1.1"].rms_survey == pytest.approx(2e-4, rel=0.01)
    assert (found["2.1"].beam_major, found["2.1"].beam_minor) == pytest.approx((2.9, 2.2))


def test_the_cutout_holds_the_source_at_its_centre_and_is_vlass_by_name_and_header(client: archives.Client) -> None:
    target = Target("one", *SOURCE)
    piece = next(iter(seek.seek(archives.service("vlass"), target, 180, 360, client)))
    assert piece.image is not None and isinstance(piece.image[1], store.Answer)
    cutout = cutouts.read(piece.image[1].data, piece.image[0])
    assert cutout.shape == (360, 360) and cutout.origin.quick_look and cutout.origin.vlass_epoch == "1.1"
    assert np.unravel_index(np.nanargmax(cutout.pixels), cutout.shape) == pytest.approx((179.5, 179.5), abs=1)
    assert flux(cutout) == pytest.approx(PEAK, rel=0.05)


@pytest.mark.parametrize(
    ("place", "verdict", "words"),
    [
        ((200.0, 30.0), "outside", "VLASS has no image here."),
        ((80.0, 20.0), "blank", "The image holds no data here."),
        ((3.3, -8.801), "partly outside", "% of the square lies inside"),
        ((3.3, -8.79), "partly outside", "% of the square lies inside"),
    ],
)
def test_where_there_is_no_whole_image(
    client: archives.Client, place: tuple[float, float], verdict: str, words: str
) -> None:
    found = rows(client, place)[0]
    assert found.verdict == verdict and words in str(found.reason)
    assert (0.0 < (found.covered or 0.0) < 0.6) == (verdict == "partly outside")


def test_the_corrected_version_of_an_image_goes_before_the_old_one(client: archives.Client) -> None:
    (row,) = rows(client, (120.0, 20.0))
    assert (row.verdict, row.vlass_epoch, row.notes) == ("found", "1.1", ()) and "VLASS1.1v2" in str(row.product)


def test_an_image_that_the_service_does_not_cut_is_a_failure(client: archives.Client) -> None:
    (row,) = rows(client, (140.0, 20.0))
    assert row.verdict == "service failed" and "offers no cutout of it" in str(row.reason)


def test_what_there_is_is_asked_again_after_a_month_where_the_service_answers(
    client: archives.Client, sky: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rows(client, (40.0, 10.0), size=20)
    asked = sky.counts.total()
    monkeypatch.setattr(vlass_cadc, "ANSWERS", -1.0)
    assert rows(client, (40.0, 10.0), size=20) == first
    assert sky.counts.total() == asked + 2  # TAP and DataLink, no image
    sky.fail("/argus/sync", 403, "closed")
    assert rows(client, (40.0, 10.0), size=20) == first


def test_tiles_that_meet_at_a_source_become_one_image_with_one_beam(client: archives.Client) -> None:
    target = Target("between", 40.508, 10.0)
    piece = next(iter(seek.seek(archives.service("vlass"), target, 180, 360, client)))
    row = piece.found
    assert row.verdict == "found" and row.tile == "T20t02 | T20t01" and row.covered == 1.0
    assert "smoothed to" in " ".join(row.notes) and row.vlass_epoch == "1.2"
    assert piece.image is not None and isinstance(piece.image[1], bytes)
    cutout = cutouts.read(piece.image[1], piece.image[0])
    assert cutout.beam is not None and row.beam_major == pytest.approx(cutout.beam.major)
    assert (
        cutout.origin.survey == "VLASS"
        and cutout.unit == "Jy/beam"
        and np.isfinite(cutout.pixels[90:270, 90:270]).all()
    )
    assert flux(cutout) == pytest.approx(PEAK, rel=0.05)
    assert np.unravel_index(np.nanargmax(cutout.pixels), cutout.shape) == pytest.approx((179.5, 179.5), abs=1)


def test_first_and_what_its_server_says_of_places_it_does_not_cover(client: archives.Client) -> None:
    assert [row.verdict for row in rows(client, SOURCE, "first")] == ["found"]
    outside = rows(client, (3.0, -30.0), "first")
    assert [row.verdict for row in outside] == ["outside"] and outside[0].survey == "FIRST"


def test_hips_are_for_looking_only(client: archives.Client) -> None:
    pieces = list(seek.seek(archives.service("hips"), Target("one", *SOURCE), 180, 360, client))
    assert [piece.found.survey for piece in pieces] == ["DSS2 red", "NVSS"]
    assert archives.service("hips").MODEL_INPUT is False
    for piece in pieces:
        assert piece.image is not None and isinstance(piece.image[1], store.Answer)
        cutout = cutouts.read(piece.image[1].data, piece.image[0])
        verdict = validity.check(cutout, InputSpec(survey="FIRST", unit="Jy/beam"))
        assert verdict.level == "outside" and "HiPS" in verdict.reasons[0]
        assert cutout.beam is None and piece.found.beam_major is None


def test_a_blank_hips_is_blank(client: archives.Client, sky: Replay) -> None:
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 3.264, "CRVAL2": -9.33})
    path = client.store.folder / "blank.fits"
    path.parent.mkdir()
    fits.PrimaryHDU(np.full((30, 30), np.nan, np.float32), header).writeto(path)
    sky.fail("hips=CDS/P/NVSS", body=path.read_bytes())
    assert {row.survey: row.verdict for row in rows(client, SOURCE, "hips")} == {"DSS2 red": "found", "NVSS": "blank"}


def test_tiles_on_disk_are_found_by_their_place_and_cut_without_being_read_whole(
    client: archives.Client, tmp_path: Path
) -> None:
    folder = tmp_path / "tiles" / "T20"
    folder.mkdir(parents=True)
    for tile in (TILES[4], TILES[5], Tile("1.2", "T22t01", 120.0, 10.0, half=0.05)):
        small = Tile(tile.epoch, tile.tile, tile.ra, tile.dec, 0.05, beam=tile.beam)
        (folder / small.name).write_bytes(small.cut(small.ra, small.dec, 0.05) or b"")
        (folder / small.noise_name).write_bytes(small.cut(small.ra, small.dec, 0.05, noise=True) or b"")
    (folder / "notes.fits").write_text("no FITS")
    client.tiles = tmp_path / "tiles"
    found = rows(client, (40.01, 10.0), "tiles", 60)
    assert [(row.verdict, row.tile, row.kind) for row in found] == [("found", "T20t01", "Quick Look")]
    assert found[0].rms_survey == pytest.approx(2e-4, rel=0.01)
    (index,) = (client.store.folder / "local_tiles").glob("*.json")
    index.write_text("[]")  # damaged: the folder is read again
    client.index = None
    (partly,) = rows(client, (40.0505, 10.0), "local_tiles", 60)
    assert partly.verdict == "partly outside"
    assert [row.verdict for row in rows(client, (60.0, 10.0), "tiles", 60)] == ["outside"]
    piece = next(iter(seek.seek(archives.service("tiles"), Target("one", 40.01, 10.0), 60, 120, client)))
    assert piece.image is not None and isinstance(piece.image[1], store.Answer)
    assert cutouts.read(piece.image[1].data, piece.image[0]).shape == (120, 120)


def test_a_second_run_needs_no_network_and_files_are_as_the_manifest_says(
    client: archives.Client, sky: Replay, tmp_path: Path
) -> None:
    order = fetching.Order((archives.service("vlass"),), 60.0, 120.0)
    targets = [Target("a", *SOURCE), Target("b", 40.0, 10.0)]
    journal = fetching.run(targets, order, tmp_path / "out", client)
    asked = sky.counts.total()
    found = list(journal.rows(targets, ["vlass_cadc"]))
    assert [(row.id, row.verdict) for row in found] == [
        ("a", "found"),
        ("a", "found"),
        ("a", "failed QA"),
        ("b", "found"),
    ]
    again = fetching.run(targets, order, tmp_path / "out", client)
    assert list(again.rows(targets, ["vlass_cadc"])) == found and sky.counts.total() == asked
    elsewhere = fetching.run(targets, order, tmp_path / "other", client)
    assert sky.counts.total() == asked and list(elsewhere.rows(targets, ["vlass_cadc"])) == found
    journal.manifest(found)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["verdicts"] == {"found": 3, "failed QA": 1} and manifest["settings"]["fetched_arcsec"] == 120.0
    for entry in manifest["files"]:
        content = (tmp_path / "out" / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"] and len(content) == entry["bytes"]
        assert entry["url"].startswith(sky.url) and entry["time"].endswith("Z")


def test_at_most_four_requests_at_once(client: archives.Client, sky: Replay, tmp_path: Path) -> None:
    sky.delay, sky.most = 0.02, 0
    targets = [Target(str(n), 3.1 + 0.01 * n, -9.3) for n in range(12)]
    fetching.run(targets, fetching.Order((archives.service("vlass"),), 20.0, 20.0), tmp_path / "out", client)
    sky.delay = 0.0
    assert 2 <= sky.most <= ask.AT_ONCE == 4


def test_services_that_are_off_are_not_asked(
    client: archives.Client, sky: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, allowed_ones in (("off", set()), (f"first={sky.url}", {"first"})):
        monkeypatch.setenv(allowed.SETTING, setting)
        for name in ("vlass_cadc", "first", "hips"):
            if name in allowed_ones:
                archives.service(name)
            else:
                with pytest.raises(ArchiveError, match="switched off"):
                    archives.service(name)
    assert sky.counts.total() == 0
