"""Skies of other surveys for looking only, cut by hips2fits of the CDS: optical, infrared, NVSS, RACS, LoTSS.

HiPS are resampled, without unit and beam, and do not keep flux: never valid input of a model (``MODEL_INPUT``), and
``cutouts`` tells such a file by its HISTORY. Which surveys have data here is asked of the MOC server first, since a
blank image is how hips2fits says that there is none. https://alasky.cds.unistra.fr/hips-image-services/hips2fits
"""

from __future__ import annotations

from ..schema import Product, ServiceError
from . import allowed, answers
from .ask import ANSWERS, Ask, Client
from .contract import Position, key
from .store import Answer

SURVEY = "HiPS"
MODEL_INPUT = False
SERVICE = "hips"
HOST, MIRROR = "https://alasky.cds.unistra.fr", "https://alaskybis.cds.unistra.fr"
IDS = {
    "CDS/P/DSS2/red": "DSS2 red",
    "CDS/P/unWISE/W1": "unWISE W1",
    "CDS/P/NVSS": "NVSS",
    "CSIRO/P/RACS/low/I": "RACS-low",
    "CSIRO/P/RACS/mid/I": "RACS-mid",
    "astron.nl/P/lotss_dr3_high": "LoTSS DR3 6 arcsec",
}
PIXELS = 300
LOOKING = "Resampled, without unit and beam: for looking only."


def find(position: Position, radius: float, client: Client) -> list[Product]:
    """The surveys of the list whose coverage meets a circle of ``radius`` arcsec."""
    ask = Ask(client, SERVICE, key(find=position, radius=radius), answers.is_text(SERVICE), keep=ANSWERS)
    wanted = "||".join(f"ID={name}" for name in IDS)
    question = {"RA": f"{position[0]:.7f}", "DEC": f"{position[1]:.7f}", "SR": f"{radius / 3600:.7f}"}
    text = ask.get(f"{ask.base(HOST)}/MocServer/query", params=question | {"expr": wanted, "get": "id"}).text
    covered = {line.strip().removeprefix("ivo://") for line in text.splitlines()}
    return [
        Product(SERVICE, survey, name, f"{name.replace('/', '_')}.hips.fits", kind="HiPS", cautions=(LOOKING,))
        for name, survey in IDS.items()
        if name in covered
    ]


def fetch(product: Product, position: Position, size: float, client: Client, *, noise: bool = False) -> Answer:
    """The picture of ``size`` arcsec as FITS; asks the mirror where the first host fails."""
    if noise:
        raise ServiceError(SERVICE, "has no noise images")
    ask = Ask(client, SERVICE, key(product=product.id, position=position, size=size), answers.is_fits(SERVICE))
    question = {
        "hips": product.id,
        "width": str(PIXELS),
        "height": str(PIXELS),
        "fov": f"{size / 3600:.7f}",
        "ra": f"{position[0]:.7f}",
        "dec": f"{position[1]:.7f}",
        "projection": "TAN",
        "format": "fits",
    }
    path = "/hips-image-services/hips2fits"
    try:
        ask.get(f"{ask.base(HOST)}{path}", params=question)
    except ServiceError as error:
        if allowed.address(SERVICE) or (error.status is not None and error.status < 500):
            raise
        ask.get(f"{MIRROR}{path}", params=question)
    return ask.answer()
