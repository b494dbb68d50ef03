"""Services and disks that fail: one sentence each, nothing lost, the rest is done, no credential anywhere."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from replay_server import Replay, asking, serving
from replay_sky import Tile

from vlass_explorer import archives
from vlass_explorer.archives import allowed, ask, clean, fetching, seek, store
from vlass_explorer.progress import Cancelled, watch
from vlass_explorer.schema import Found, Target

PLACE = (3.3, -9.3)
TILE = Tile("2.1", "T09t01", *PLACE)
IMAGE = "T09t01.J001312-091800.10.2048.v1.I.iter1.image.pbcor.tt0.subim.fits&POS"
PAGE = "<html><head><title>502</title></head><body><h1>Down for maintenance</h1>until noon</body></html>"


@pytest.fixture(scope="module")
def sky() -> Iterator[Replay]:
    with serving(Replay([TILE], (PLACE,))) as replay:
        yield replay


@pytest.fixture
def client(sky: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archives.Client:
    return asking(sky, tmp_path / "cache", monkeypatch)


def only(client: archives.Client, survey: str = "vlass", size: float = 60.0) -> Found:
    (piece,) = seek.seek(archives.service(survey), Target("one", *PLACE), size, 2 * size, client)
    assert piece.found.verdict is not None or piece.found.error is not None
    return piece.found


def times(sky: Replay, words: str) -> int:
    return sum(count for address, count in sky.counts.items() if words in address)


@pytest.mark.parametrize("where", ["/argus/sync", "/caom2ops/datalink", IMAGE])
@pytest.mark.parametrize(
    ("status", "body", "tries", "words"),
    [
        (400, "IllegalArgument: bad POS", 1, "answered 400: IllegalArgument: bad POS"),
        (403, "permission denied", 1, "answered 403: permission denied"),
        (404, "", 1, "answered 404: nothing more"),
        (409, "conflict", 1, "answered 409: conflict"),
        (429, "slow down", 4, "answered 429: slow down"),
        (500, PAGE, 4, "answered 500: 502 Down for maintenance until noon"),
    ],
)
def test_a_status_is_told_in_the_words_of_the_service_and_asked_again_where_that_helps(
    client: archives.Client, sky: Replay, where: str, status: int, body: str, tries: int, words: str
) -> None:
    sky.fail(where, status, body or " ", headers={"Retry-After": "0"} if status == 429 else {})
    found = only(client)
    assert (found.verdict, found.reason) == ("service failed", f"vlass_cadc {words}.")
    assert times(sky, where.removesuffix("&POS").removeprefix("T09t01")) >= tries
    assert sky.counts.most_common(1)[0][1] == tries


def test_what_fails_twice_and_then_works_is_found(client: archives.Client, sky: Replay) -> None:
    sky.fail("/argus/sync", 503, "busy", times=2)
    sky.fail("/caom2ops/datalink", close=True, status=500, body="x", times=1)
    sky.fail(IMAGE, half=True, times=2)
    assert only(client).verdict == "found"


def test_retry_after_is_waited_for_and_a_long_one_told(client: archives.Client, sky: Replay) -> None:
    sky.fail(IMAGE, 429, "later", headers={"Retry-After": "1"}, times=1)
    began = time.monotonic()
    assert only(client).verdict == "found" and time.monotonic() - began >= 1.0
    client.store = store.Store(client.store.folder / "new")
    sky.fail(IMAGE, 429, "later", headers={"Retry-After": "7200"})
    assert only(client).reason == "vlass_cadc answered 429: later; it asks to come again in 7200 s."


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"body": PAGE}, "answered with no FITS file: 502 Down for maintenance until noon"),
        ({"half": True}, "sent only a part of its answer"),
        ({"body": Tile("2.1", "T09t01", 3.3, -9.3).cut(3.3, -9.3, 0.01)[:9000]}, "sent only a part of its answer"),  # type: ignore[index]
        (
            {"body": Tile("2.1", "T09t01", 93.3, -9.3).cut(93.3, -9.3, 0.01)},
            "sent an image that lies elsewhere, 89 deg away",
        ),
        ({"close": True, "status": 500, "body": "x"}, "cannot be reached: is this machine offline"),
        ({"body": b"SIMPLE  =                    T" + b" " * 2850}, "sent only a part of its answer"),
    ],
)
def test_what_is_no_whole_image_of_this_place_is_a_failure_and_not_kept(
    client: archives.Client, sky: Replay, fault: dict[str, object], words: str
) -> None:
    sky.fail(IMAGE, **fault)  # type: ignore[arg-type]
    found = only(client)
    assert (found.verdict, found.file) == ("service failed", None) and words in str(found.reason)
    sky.faults.clear()
    if "elsewhere" not in words:
        assert only(client).verdict == "found"


def test_a_table_that_is_an_error_or_a_page_is_no_empty_sky(client: archives.Client, sky: Replay) -> None:
    bad = '<VOTABLE><RESOURCE><INFO name="QUERY_STATUS" value="ERROR">no such column</INFO></RESOURCE></VOTABLE>'
    for body, words in ((bad, "refused the question: no such column"), (PAGE, "answered with no table")):
        sky.faults.clear()
        sky.fail("/argus/sync", body=body)
        found = only(client)
        assert found.verdict == "service failed" and words in str(found.reason)


def test_a_noise_image_that_cannot_be_had_costs_no_cutout(client: archives.Client, sky: Replay) -> None:
    sky.fail(".rms.", 404, "gone")
    found = only(client)
    assert found.verdict == "found" and found.rms_survey is None
    assert found.notes == ("The survey's noise image cannot be had: vlass_cadc answered 404: gone.",)


def test_offline_is_told_soon_for_a_long_list(
    client: archives.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(allowed.SETTING, "vlass_cadc=http://127.0.0.1:9")
    targets = [Target(str(n), 3.0 + n / 100, -9.3) for n in range(60)]
    waits: list[float] = []
    monkeypatch.setattr(client, "wait", waits.append)
    journal = fetching.run(targets, order(), tmp_path / "out", client)
    rows = list(journal.rows(targets, ["vlass_cadc"]))
    assert {row.reason for row in rows} == {"vlass_cadc cannot be reached: is this machine offline."}
    assert len(rows) == 60
    assert 0 < len([wait for wait in waits if wait > 0]) < len(rows)  # three each, if none learnt from another


def order(size: float = 20.0) -> fetching.Order:
    return fetching.Order((archives.service("vlass_cadc"),), size, size)


def test_a_full_disk_fails_rows_and_the_next_run_does_the_rest(
    client: archives.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [Target(str(n), 3.2 + n / 100, -9.3) for n in range(4)]
    whole = store.write

    def full(path: Path, data: bytes) -> None:
        if data.startswith(b"SIMPLE"):
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, data)

    monkeypatch.setattr(store, "write", full)
    rows = list(fetching.run(targets, order(), tmp_path / "out", client).rows(targets, ["vlass_cadc"]))
    assert [row.verdict for row in rows] == [None] * 4
    assert all("cannot be written (No space left on device): make room" in str(row.error) for row in rows)
    monkeypatch.setattr(store, "write", whole)
    rows = list(fetching.run(targets, order(), tmp_path / "out", client).rows(targets, ["vlass_cadc"]))
    assert [row.verdict for row in rows] == ["found"] * 4


def test_a_changed_file_of_the_cache_is_fetched_again(client: archives.Client, sky: Replay) -> None:
    first = only(client)
    for path in client.store.folder.rglob("*"):
        if path.is_file() and path.read_bytes().startswith(b"SIMPLE"):
            path.write_bytes(path.read_bytes()[:-1] + b"x")
    sky.counts.clear()
    assert only(client).sha256 == first.sha256 and sky.counts.total() == 2


SECRETS = ("hunter2", "s3cr3t-value", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9abcdefgh")


def test_credentials_are_nowhere(
    sky: Replay,
    client: archives.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = sky.url.removeprefix("http://")
    monkeypatch.setenv(allowed.SETTING, f"vlass_cadc=http://astronomer:{SECRETS[0]}@{host}")
    monkeypatch.setattr(sky, "url", f"http://u:{SECRETS[0]}@{host}")
    caplog.set_level(logging.DEBUG)
    targets = [Target("good", *PLACE), Target("bad", 3.4, -9.3)]
    said = f"token={SECRETS[1]} at http://u:{SECRETS[0]}@{host}/x?key={SECRETS[1]} Authorization: Bearer {SECRETS[2]}"
    sky.fail("CIRCLE+3.4", 403, said)
    journal = fetching.run(targets, order(), tmp_path / "out", client)
    rows = list(journal.rows(targets, ["vlass_cadc"]))
    journal.manifest(rows)
    assert [row.verdict for row in rows] == ["found", "service failed"] and "403" in str(rows[1].reason)
    told = [caplog.text.encode(), repr(rows).encode(), json.dumps([row.values() for row in rows]).encode()]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for content in (*told, *(path.read_bytes() for path in files)):
        assert not any(secret.encode() in content for secret in SECRETS)
    assert "GET /caom2ops/sync" in caplog.text and any(path.name == "manifest.json" for path in files)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:pw1234@h.org:8080/a/b?ID=x&token=abcd", "https://h.org:8080/a/b?ID=x&token=..."),
        (
            "https://h.org/minoc/files/c2lnbmVkLXRva2VuLXdpdGgtbG90cy1vZi1ieXRlcy1pbi1pdA/cadc:V/x.fits",
            "https://h.org/minoc/files/.../cadc:V/x.fits",
        ),
        ("https://h.org/files/abc:preauth/x.fits#part", "https://h.org/files/.../x.fits"),
    ],
)
def test_addresses_are_shown_without_credentials(address: str, shown: str) -> None:
    assert clean.url(address) == shown


def test_stopping_keeps_what_is_done(client: archives.Client, sky: Replay, tmp_path: Path) -> None:
    targets = [Target(str(n), 3.0 + n / 100, -9.3) for n in range(30)]

    def stop(share: float) -> None:
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled), watch(stop):
        fetching.run(targets, order(), tmp_path / "out", client)
    asked = sky.counts.copy()
    client.stop.clear()
    journal = fetching.run(targets, order(), tmp_path / "out", client)
    assert {row.verdict for row in journal.rows(targets, ["vlass_cadc"])} == {"found"}
    assert all(sky.counts[key] - count <= 1 for key, count in asked.items())
    assert sum(sky.counts[key] - count for key, count in asked.items()) <= ask.AT_ONCE


def test_a_killed_run_goes_on_with_at_most_the_requests_in_flight_repeated(sky: Replay, tmp_path: Path) -> None:
    sky.faults.clear()
    sky.counts.clear()
    table = tmp_path / "t.csv"
    table.write_text("name,ra,dec\n" + "".join(f"s{n},{3.0 + n / 1000},-9.3\n" for n in range(24)))
    command = [sys.executable, "-m", "vlass_explorer", "cutouts", str(table), "--size", "10arcsec", "--table", ".csv"]
    environment = {**os.environ, allowed.SETTING: sky.setting, "VLASS_EXPLORER_CACHE": str(tmp_path / "c")}
    sky.delay = 0.02
    process = subprocess.Popen([*command, "--out", str(tmp_path / "out")], env=environment)
    deadline = time.monotonic() + 120
    while sky.counts.total() < 40 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sky.delay = 0.0
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "24 found" in done.stdout
    assert len(list((tmp_path / "out" / "cutouts").glob("*.fits"))) == 24
    assert sum(count - 1 for count in sky.counts.values()) <= ask.AT_ONCE
