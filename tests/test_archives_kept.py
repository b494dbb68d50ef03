"""What archives sent and is kept on disk: no signed link, no secret, no more than fits."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from replay_server import Replay, asking, serving
from replay_sky import Tile

from vlass_explorer import archives
from vlass_explorer.archives import clean, fetching, room, seek, store
from vlass_explorer.schema import ArchiveError, Found, Target

PLACE = (3.3, -9.3)
SIGNED = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9abcdefgh"


@pytest.fixture(scope="module")
def sky() -> Iterator[Replay]:
    with serving(Replay([Tile("2.1", "T09t01", *PLACE)], (PLACE,))) as replay:
        yield replay


@pytest.fixture
def client(sky: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archives.Client:
    return asking(sky, tmp_path / "cache", monkeypatch)


def only(client: archives.Client, size: float) -> Found:
    (piece,) = seek.seek(archives.service("vlass"), Target("a", *PLACE), size, size, client)
    return piece.found


def times(sky: Replay, words: str) -> int:
    return sum(count for address, count in sky.counts.items() if words in address)


def test_a_signed_link_is_followed_and_never_kept(
    sky: Replay,
    client: archives.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """DataLink may answer with links that are signed for whoever asked: on disk they are without the signature."""
    caplog.set_level(logging.DEBUG)
    signed = f"{sky.url}/{SIGNED}:preauth"
    monkeypatch.setattr(sky, "url", signed)
    journal = fetching.run(
        [Target("a", *PLACE)], fetching.Order((archives.service("vlass"),), 20.0, 20.0), tmp_path / "out", client
    )
    rows = list(journal.rows([Target("a", *PLACE)], ["vlass_cadc"]))
    journal.manifest(rows)
    assert rows[0].verdict == "found" and times(sky, f"{SIGNED}:preauth/caom2ops/sync") == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"<VOTABLE" in path.read_bytes()[:99] and b"/.../caom2ops/sync" in path.read_bytes() for path in files)
    assert not any(SIGNED.encode() in content for content in (caplog.text.encode(), *(f.read_bytes() for f in files)))
    # What is known needs no network; what is not is asked for with a new link.
    sky.counts.clear()
    again = only(client, 20.0)
    assert again.verdict == "found" and times(sky, "/caom2ops/sync") == 0 and times(sky, "/caom2ops/datalink") == 1
    assert only(client, 50.0).verdict == "found" and times(sky, ":preauth/caom2ops/sync") == 2


def test_parameters_that_are_secret_are_not_kept() -> None:
    said = b'<VOTABLE><PARAM name="authToken" datatype="char" value="abc"/><PARAM name="ID" value="nrao:x"/></VOTABLE>'
    assert clean.answer(said) == said.replace(b'"abc"', b'"..."')
    link = b"<VOTABLE><TD>https://me:pw@h.org/x?ID=a&amp;sig=b</TD></VOTABLE>"
    assert clean.answer(link) == b"<VOTABLE><TD>https://...@h.org/x?ID=a&amp;sig=...</TD></VOTABLE>"
    for other in (b"<VOTABLE><TD>https://h.org/x?ID=a%2Fb&amp;POS=c</TD></VOTABLE>", b"SIMPLE  =  http://u:p@h"):
        assert clean.answer(other) == other


def test_the_cache_keeps_within_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those used longest ago go; a file that a page's folder shares counts once and goes with the last of its names."""
    monkeypatch.setenv(room.SIZE, "5e-6")
    kept = store.Store(tmp_path)
    for number in range(4):
        path = kept.put("s", f"k{number}", "http://h/", bytes(1000)).path
        os.utime(path.with_name(f"{path.name}.json"), (number, number))
        if number == 1:
            (tmp_path / "pages" / "p").mkdir(parents=True)
            os.link(path, tmp_path / "pages" / "p" / "a.fits")
            os.utime(tmp_path / "pages" / "p", (1.5, 1.5))
    assert all(kept.get("s", f"k{number}") for number in (2, 3, 0)) and (tmp_path / "other").write_bytes(bytes(9000))
    for number in range(2, 5):
        kept.put("s", f"new{number}", "http://h/", bytes(400))
    assert kept.get("s", "k1") is None and not (tmp_path / "pages" / "p").exists() and (tmp_path / "other").is_file()
    assert kept.get("s", "k0") and kept.get("s", "new4")
    assert sum(f.stat().st_size for f in (tmp_path / "s").rglob("*") if f.is_file()) <= 5000
    monkeypatch.setenv(room.SIZE, "much")
    with pytest.raises(ArchiveError, match="not a number of gigabytes"):
        room.limit()
