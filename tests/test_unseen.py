"""What a checkpoint has seen of some cutouts: by content, by place, unknown where nobody listed it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from vlass_explorer import checkpoints, cutouts, datasets
from vlass_explorer.datasets import identity
from vlass_explorer.evaluation import unseen
from vlass_explorer.schema import CheckpointError, Cutout, Cutouts, Overlap, Seen

ARCSEC = 1 / 3600


def told(content: str, *places: tuple[float, float]) -> Cutouts:
    """Cutouts a, b, ... by one letter each."""
    where = list(places) or [(np.nan, np.nan)] * len(content)
    return Cutouts(np.array([letter * 16 if letter != "-" else "" for letter in content], "U16"), np.array(where))


def test_content_is_told_whatever_the_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30)).astype(np.uint8)
    (tmp_path / "copy").mkdir()
    for name in ("a.png", "copy/b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    Image.fromarray(pixels).save(tmp_path / "c.png", compress_level=0)
    np.save(tmp_path / "d.npy", pixels.astype(np.float64))
    fits.PrimaryHDU(pixels.astype(np.float32)).writeto(tmp_path / "e.fits")
    fits.PrimaryHDU(pixels[::-1].astype(">f8"), fits.Header([("OBJECT", "x")])).writeto(tmp_path / "f.fits.gz")
    names = ["a.png", "copy/b.png", "c.png", "d.npy", "e.fits", "f.fits.gz"]
    found = {name: identity.content(cutouts.read(tmp_path / name)) for name in names}
    found["south"] = identity.content(cutouts.read(tmp_path / "a.png", row0="south"))
    assert len(set(found.values())) == 1, found
    assert all(len(text) == 16 and int(text, 16) for text in found.values())

    Image.fromarray(pixels).save(tmp_path / "lossy.jpg")
    np.save(tmp_path / "turned.npy", pixels.T)
    np.save(tmp_path / "scaled.npy", pixels * 2.0)
    others = {identity.content(cutouts.read(tmp_path / name)) for name in ("lossy.jpg", "turned.npy", "scaled.npy")}
    assert len(others) == 3 and not others & set(found.values())


def test_blanks_and_zeros_are_one_value_each() -> None:
    plane = np.array([[0.0, 1.0, np.nan], [2.0, 3.0, 4.0]], np.float32)
    other = plane.copy()
    other[0, 0] = -0.0
    other.view(np.uint32)[0, 2] = 0x7FC00001  # a not-a-number of another payload
    assert identity.content(Cutout("a", plane)) == identity.content(Cutout("b", other))


def test_the_centre_is_a_place_where_there_are_coordinates() -> None:
    (item,) = datasets.load("simulated", None, count=1).items[:1]
    cutout = item.read()
    assert identity.centre(cutout) == pytest.approx((item.ra, item.dec), abs=1e-9)
    assert identity.centre(replace(cutout, wcs=None)) is None
    galactic = WCS(naxis=2)
    galactic.wcs.ctype, galactic.wcs.crval, galactic.wcs.cdelt = ["GLON-TAN", "GLAT-TAN"], [0.0, 0.0], [-ARCSEC, ARCSEC]
    galactic.wcs.crpix = [(cutout.shape[1] + 1) / 2, (cutout.shape[0] + 1) / 2]
    # IAU 1958: the galactic centre in ICRS.
    assert identity.centre(replace(cutout, wcs=galactic)) == pytest.approx((266.40499, -28.93617), abs=1e-5)


def test_each_cutout_is_counted_once_and_the_worst_counts() -> None:
    seen = Seen(train=told("ab"), selected=told("bc"), calibrated=told("d"))
    found = unseen.count(seen, told("abcde"))
    assert (found.trained, found.selected, found.calibrated, found.unknown) == (2, 1, 1, 0)
    assert found.status == "trained" and found.by_place == 0 and found.placed == 0
    assert unseen.count(seen, told("e")).status == "unseen"


def test_a_picture_saved_again_is_told_by_its_place() -> None:
    seen = Seen(train=told("ab", (10.0, 80.0), (0.0, 5.0)))
    # Right ascension runs slowly at declination 80; across 0 h; 11 arcsec away; content and place both agree.
    near = (10.0 + 9 * ARCSEC / np.cos(np.radians(80)), 80.0)
    places = [near, (360.0 - 9 * ARCSEC, 5.0), (10.0, 80.0 + 11 * ARCSEC), (10.0, 80.0)]
    found = unseen.count(seen, told("xyza", *places))
    assert (found.trained, found.by_place, found.placed) == (3, 2, 4)
    rounded = [(round(ra, 3), round(dec, 3)) for ra, dec in ((150.0004999, 2.0005001), (150.0005001, 2.0004999))]
    one, other = (told("p", place) for place in rounded)
    assert unseen.count(Seen(train=one), replace(other, content=told("q").content)).trained == 1


def test_what_nobody_listed_is_unknown_never_unseen() -> None:
    part = told("abc")
    assert unseen.count(None, part) == Overlap(3, unknown=3, reason=unseen.NOT_LISTED, part=unseen.fingerprint(part))
    found = unseen.count(Seen(train=told("a"), unlisted=("teacher t",)), part)
    assert (found.trained, found.unknown, found.reason) == (1, 2, "what these saw is not listed: teacher t")
    bare = unseen.count(Seen(train=told("a", (1.0, 1.0))), told("-b"))
    assert (bare.unknown, bare.reason, bare.part) == (1, "nothing is known of their content and place", "")
    # An empty hash is no content that two cutouts share.
    assert unseen.count(Seen(train=told("-")), told("-")).trained == 0


def test_many_cutouts_are_told_as_each_alone() -> None:
    part = told("abcde-f", *[(float(n), 5.0) if n % 2 else (np.nan, np.nan) for n in range(7)])
    whole = Seen(train=told("a", (3.0, 5.0)), selected=told("bc"), calibrated=told("e"))
    for seen in (None, Seen(), whole, replace(whole, unlisted=("teacher t",)), Seen(train=told("-"))):
        alone = [
            unseen.count(seen, Cutouts(part.content[n : n + 1], part.places[n : n + 1])).status
            for n in range(len(part))
        ]
        assert unseen.each(seen, part) == alone
    assert unseen.each(whole, part) == ["trained", "selected", "selected", "trained", "selected", "unseen", "unseen"]
    assert unseen.each(Seen(), part)[0] == "unseen" and unseen.each(Seen(), told("-")) == ["unknown"]


def test_a_part_is_the_same_in_any_order() -> None:
    assert unseen.fingerprint(told("abc")) == unseen.fingerprint(told("cab")) != unseen.fingerprint(told("ab"))


def test_the_list_of_a_checkpoint_travels_and_is_checked(tmp_path: Path) -> None:
    seen = Seen(told("ab-", (10.0, -5.25), (np.nan, np.nan), (1.0, 2.0)), told("c"), unlisted=("weights file w",))
    card = tiny_checkpoint.save(tmp_path / "tiny", seen=seen)
    weights = (card.path / "model.safetensors").read_bytes()
    assert card.provenance.seen.train == 3 and card.provenance.seen.selected == 1
    assert (card.path / "seen.csv").read_text().splitlines()[:3] == [
        "split,sha256,ra,dec",
        f"train,{'a' * 16},10.000000,-5.250000",
        f"train,{'b' * 16},,",
    ]
    moved = checkpoints.rename(checkpoints.unpack(checkpoints.pack(card), "copy", tmp_path), "other")
    for each in (card, moved):
        found = checkpoints.seen(each)
        assert found.unlisted == seen.unlisted and found.train.content.tolist() == seen.train.content.tolist()
        assert np.array_equal(found.train.places, seen.train.places, equal_nan=True) and len(found.calibrated) == 0
    assert (moved.path / "model.safetensors").read_bytes() == weights
    assert unseen.overlap(card, told("ax")).trained == 1

    (card.path / "seen.csv").write_text("split,sha256,ra,dec\n")
    with pytest.raises(CheckpointError, match="is not the one of its card; copy the folder again"):
        checkpoints.seen(card)
    # An evaluation goes on, and does not claim that nothing was seen.
    broken = unseen.overlap(card, told("ax"))
    assert broken.unknown == 2 and "is not the one of its card" in broken.reason
    with pytest.raises(CheckpointError, match="is not the one of its card"):
        checkpoints.unpack(checkpoints.pack(card), "never", tmp_path)
    (card.path / "seen.csv").unlink()
    with pytest.raises(CheckpointError, match="lacks seen.csv"):
        checkpoints.seen(card)
    assert not (tmp_path / "never").exists() and checkpoints.load(checkpoints.find("tiny", tmp_path))


def test_a_card_without_a_list_says_so(tmp_path: Path) -> None:
    card = tiny_checkpoint.save(tmp_path / "tiny")
    assert checkpoints.seen(card) is None and not (card.path / "seen.csv").exists()
    assert "unknown, not none" in (card.path / "README.md").read_text()
    listed = checkpoints.update(card, seen=Seen(told("abc"), told("d")))
    text = (card.path / "README.md").read_text()
    assert "| Trained on | 3 |" in text and "| Validated on | 1 |" in text and "unknown, not none" not in text
    assert len(checkpoints.seen(checkpoints.update(listed, reports=listed.reports)).train) == 3


def test_merging_lists_keeps_each_cutout_once() -> None:
    one = Seen(told("ab", (1.0, 1.0), (2.0, 2.0)), told("c"), unlisted=("x",))
    other = Seen(told("bd", (2.0, 2.0), (3.0, 3.0)), unlisted=("x", "y"))
    both = checkpoints.merged([one, other])
    assert "".join(text[0] for text in both.train.content.tolist()) == "abd"
    assert both.unlisted == ("x", "y") and len(both.selected) == 1 and len(checkpoints.merged([]).train) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n", "its columns are not"),
        ("split,sha256,ra,dec\ntest,,1,2\n", "line 2 is no cutout"),
        ("split,sha256,ra,dec\ntrain,../x,1,2\n", "line 2 is no cutout"),
        ("split,sha256,ra,dec\ntrain,,east,2\n", "could not convert"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, content: str, words: str) -> None:
    card = tiny_checkpoint.save(tmp_path / "tiny", seen=Seen(told("a")))
    (card.path / "seen.csv").write_text(content)
    record = replace(card.provenance.seen, sha256=hashlib.sha256(content.encode()).hexdigest())
    with pytest.raises(CheckpointError, match=words):
        checkpoints.seen(replace(card, provenance=replace(card.provenance, seen=record)))
