"""FIRST (VLA, 1.4 GHz, 5.4 arcsec) from its own cutout server at STScI.

Images: Becker, White & Helfand 1995 (doi:10.1086/176166); scholarly, educational and private non-commercial use. The
server tells where there is no image in words on a page; it has no noise images.
"""

from __future__ import annotations

import re

from ..schema import Product, ServiceError
from . import answers
from .ask import Ask, Client
from .contract import Outside, Position, key
from .store import Answer

SURVEY = "FIRST"
MODEL_INPUT = True
SERVICE = "first"
HOST = "https://sundog.stsci.edu"
MOST_PIXELS = 1024
NO_IMAGE = re.compile(
    r"outside|not covered|no (image|field|data|coverage)|not (in|within) the (survey|first)|does not (lie|fall)", re.I
)


def find(position: Position, radius: float, client: Client) -> list[Product]:
    """The one image that the server makes at any position, if it has one there; asks nothing yet."""
    ra, dec = position
    name = f"FIRST_J{ra:09.5f}{dec:+09.5f}.fits"
    return [Product(SERVICE, SURVEY, f"FIRST {ra:.5f} {dec:+.5f}", name, kind="archive cutout")]


def fetch(product: Product, position: Position, size: float, client: Client, *, noise: bool = False) -> Answer:
    """The cutout of ``size`` arcsec as FITS."""
    if noise:
        raise ServiceError(SERVICE, "has no noise images")
    ask = Ask(client, SERVICE, key(product="FIRST", position=position, size=size), answers.is_fits(SERVICE))
    ra, dec = position
    form = {
        "RA": f"{ra / 15:.8f} {dec:+.7f}",
        "Equinox": "J2000",
        "ImageSize": f"{size / 60:.4f}",
        "ImageType": "FITS File",
        "MaxImSize": str(MOST_PIXELS),
    }
    try:
        ask.post(f"{ask.base(HOST)}/cgi-bin/firstcutout", data=form)
    except ServiceError as error:
        if error.status is None and NO_IMAGE.search(error.words):
            raise Outside(SERVICE, error.words, error.status) from error
        raise
    return ask.answer()
