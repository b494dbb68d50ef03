"""Answers that are whole: VOTables and FITS files are told apart from error pages before they are kept."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from astropy.io import fits, votable
from astropy.io.votable.tree import VOTableFile

from ..cutouts.astropy_notes import collected
from ..cutouts.notes import Notes
from ..foreign import mapped
from ..schema import ServiceError
from . import clean
from .ask import Broken

ERROR = re.compile(rb'<INFO[^>]*name="QUERY_STATUS"[^>]*value="ERROR"[^>]*>(.*?)</INFO>', re.DOTALL)
FITS = (b"SIMPLE  =", b"\x1f\x8b")


@contextmanager
def reading() -> Iterator[None]:
    """One thread at a time reads files and tables: what astropy warns of is caught for the whole process."""
    with collected(Notes()):
        yield


def is_votable(service: str) -> Callable[[bytes], None]:
    """Check of an answer that should be a VOTable without an error."""

    def check(data: bytes) -> None:
        if b"VOTABLE" not in data[:4000]:
            raise ServiceError(service, f"answered with no table: {_said(data)}")
        if error := ERROR.search(data):
            raise ServiceError(service, f"refused the question: {_said(error[1])}")
        if not data.rstrip().endswith(b"VOTABLE>"):
            raise Broken

    return check


def is_fits(service: str) -> Callable[[bytes], None]:
    """Check of an answer that should be a whole FITS file."""

    def check(data: bytes) -> None:
        if not data.startswith(FITS):
            raise ServiceError(service, f"answered with no FITS file: {_said(data)}")
        if data.startswith(FITS[0]) and not _is_whole(data):
            raise Broken

    return check


def is_text(service: str) -> Callable[[bytes], None]:
    """Check of an answer that should be plain text or JSON."""

    def check(data: bytes) -> None:
        if data.lstrip()[:1] == b"<":
            raise ServiceError(service, f"answered with a page: {_said(data)}")

    return check


def table(service: str, data: bytes) -> VOTableFile:
    """The VOTable of an answer; raises ServiceError."""
    with (
        reading(),
        mapped(lambda error: ServiceError(service, "answered with a broken table")),
    ):
        return votable.parse(io.BytesIO(data), verify="ignore")


def _is_whole(data: bytes) -> bool:
    """Does the file hold all the data that its headers promise?"""
    with reading():
        try:
            with fits.open(io.BytesIO(data), memmap=False, lazy_load_hdus=False) as hdus:
                last = hdus[-1].fileinfo()
                return bool(last["datLoc"] + last["datSpan"] <= len(data))
        except Exception:  # cut inside a header, whatever astropy makes of it
            return False


def _said(data: bytes) -> str:
    return clean.words(html.unescape(data[:20000].decode("utf-8", "replace"))) or "nothing"
