"""Files that people drop by mistake or on purpose; each ends in one sentence, or works."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from astropy.io import fits


@dataclass(frozen=True)
class Dropped:
    """One file as the browser sends it, and words of the sentence it must end in (None: it works)."""

    name: str
    content: bytes
    sentence: str | None

    @property
    def payload(self) -> dict[str, object]:
        return {"name": self.name, "mimeType": "application/octet-stream", "buffer": self.content}


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("a pickle was executed",))


def image(pixels: np.ndarray, **cards: object) -> bytes:
    hdu = fits.PrimaryHDU(pixels.astype(np.float32))
    hdu.header.update({"BUNIT": "Jy/beam"} | cards)
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    return buffer.getvalue()


def sky(seed: int = 0, side: int = 120) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    noise = np.random.default_rng(seed).normal(0, 1e-4, (side, side))
    return np.asarray(noise + 5e-3 * np.exp(-0.5 * (x**2 + y**2) / 9.0), np.float32)


def wcs_cards(**changes: object) -> dict[str, object]:
    return {
        "CTYPE1": "RA---SIN",
        "CTYPE2": "DEC--SIN",
        "CRVAL1": 180.0,
        "CRVAL2": 30.0,
        "CRPIX1": 60.5,
        "CRPIX2": 60.5,
        "CDELT1": -1.8 / 3600,
        "CDELT2": 1.8 / 3600,
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        **changes,
    }


def bomb(side: int = 30_000) -> bytes:
    """A PNG of side × side black pixels in about a hundred kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes((side + 7) // 8 + 1)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def table() -> bytes:
    columns = [fits.Column("flux", "E", array=np.ones(4))]
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(buffer)
    return buffer.getvalue()


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[Harmful()]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def everything() -> list[Dropped]:
    good = image(sky(), **wcs_cards())
    garbage = image(sky(1), **wcs_cards(CTYPE1="NONSENSE", CRVAL1=1e300, CDELT1=0.0, CUNIT2="parsnips"))
    return [
        Dropped("truncated.fits", good[: len(good) // 2], "cut short"),
        Dropped("text.fits", b"This is a letter, not an image.\n" * 90, "This is no FITS"),
        Dropped("bomb.png", bomb(), "far too many pixels"),
        Dropped("empty.png", b"", "The file is empty"),
        Dropped("nan.fits", image(np.full((60, 60), np.nan)), "Every pixel is empty"),
        Dropped("constant.fits", image(np.full((60, 60), 1.0)), "Every pixel has the value 1"),
        Dropped("one.fits", image(np.ones((1, 1))), "1 × 1 pixels"),
        Dropped("table.fits", table(), "only a table"),
        Dropped("garbage_wcs.fits", garbage, None),
        Dropped("beam_inf.fits", image(sky(2), **wcs_cards(BMAJ="INF", BMIN="INF")), None),
        Dropped("<img src=x onerror=alert(1)>.fits", image(sky(3), **wcs_cards()), None),
        Dropped(
            "<script>alert(2)</script>.fits",
            b"no image at all" * 300,
            "<script>alert(2)</script>.fits: This is no FITS",
        ),
        Dropped("../../etc/passwd.png", b"root:x:0:0:root:/root:/bin/sh\n", "This is no FITS"),
        Dropped("pickled.npy", pickled(), "pickled Python objects"),
        Dropped("pickle.npy", pickle.dumps(Harmful()), "a Python pickle"),
    ]
