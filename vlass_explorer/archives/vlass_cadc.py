"""VLASS from the Canadian Astronomy Data Centre (CADC): every VLASS epoch, Single Epoch and Quick Look images.

TAP finds the planes that meet a circle, DataLink their cutout service and noise image, SODA cuts (IVOA, pyvo).
Images that failed NRAO's quality assurance are told, not fetched. Sky north of -40 deg, 2 to 4 GHz; cutouts of one tile
end at its edge. https://www.cadc-ccda.hia-iha.nrc-cnrc.gc.ca, images by NRAO, products described in Gordon et al. 2021
(doi:10.3847/1538-4365/ac05c0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

from pyvo.dal import TAPResults
from pyvo.dal.adhoc import DatalinkRecord, DatalinkResults
from pyvo.dal.tap import TAPQuery

from ..schema import Product, ServiceError
from . import answers, clean
from .ask import ANSWERS, Ask, Client, spoken
from .contract import Outside, Position, circle, key
from .store import Answer

SURVEY = "VLASS"
MODEL_INPUT = True
SERVICE = "vlass_cadc"
HOST = "https://ws.cadc-ccda.hia-iha.nrc-cnrc.gc.ca"
BATCH = 20  # publisher ids in one DataLink request
KINDS = {".continuum_imaging": "Single Epoch", ".quicklook": "Quick Look"}
NAME = re.compile(r"VLASS(\d\.\d)(v\d)?\.(?:\w\w\.)?(T\d\dt\d\d)\.J", re.IGNORECASE)
IMAGE, NOISE = re.compile(r"\.tt0(\.[a-z]+)?\.fits$"), re.compile(r"\.tt0\.rms(\.[a-z]+)?\.fits$")
OLD_POSITIONS = "Positions of VLASS1.1 are off by up to 1 arcsec."
NO_OVERLAP = re.compile(r"overlap|intersect|outside", re.IGNORECASE)
FILE = re.compile(r"[^/]+\.fits$")


def find(position: Position, radius: float, client: Client) -> list[Product]:
    """The images whose footprint meets a circle of ``radius`` arcsec, those that failed QA included."""
    ask = Ask(client, SERVICE, key(find=position, radius=radius), answers.is_votable(SERVICE), keep=ANSWERS)
    ra, dec = position
    adql = (
        "SELECT Plane.productID, Plane.publisherID, Observation.observationID, Observation.requirements_flag "
        "FROM caom2.Plane AS Plane JOIN caom2.Observation AS Observation ON Plane.obsID = Observation.obsID "
        f"WHERE Observation.collection = '{SURVEY}' AND INTERSECTS(CIRCLE('ICRS', {ra:.7f}, {dec:.7f}, "
        f"{radius / 3600:.7f}), Plane.position_bounds) = 1 "
        "AND (Plane.productID LIKE '%.quicklook' OR Plane.productID LIKE '%.continuum_imaging')"
    )
    base = ask.base(HOST)
    with spoken(SERVICE):
        data = TAPQuery(f"{base}/argus", adql, session=ask).submit().content
        rows = TAPResults(answers.table(SERVICE, data), url=f"{base}/argus/sync")
        planes = {str(row["publisherID"]): row for row in rows}
        failed = {name for name, row in planes.items() if str(row["requirements_flag"]).lower() == "fail"}
        links = dict(_links(client, base, [name for name in planes if name not in failed]))
    found = []
    for name, row in planes.items():
        product = str(row["productID"])
        kind = next((kind for suffix, kind in KINDS.items() if product.endswith(suffix)), "")
        image, noise = links.get(name, ("", ""))
        told = NAME.search(f"{_file(image)} {row['observationID']}")
        if not kind or told is None:
            continue
        found.append(
            Product(
                service=SERVICE,
                survey=SURVEY,
                id=product,
                name=_file(image) or f"{product}.fits",
                kind=kind,
                vlass_epoch=told[1],
                tile=told[3],
                failed_qa=name in failed,
                url=image,
                rms_name=_file(noise),
                rms_url=noise,
                cautions=(OLD_POSITIONS,) if told[1] == "1.1" and told[2] is None else (),
            )
        )
    return found


def fetch(product: Product, position: Position, size: float, client: Client, *, noise: bool = False) -> Answer:
    """The cutout of ``size`` arcsec as FITS, or that of the survey's noise image, cut off at the edge of the tile."""
    name, address = (product.rms_name, product.rms_url) if noise else (product.name, product.url)
    if not address:
        raise ServiceError(SERVICE, f"has {product.id} and offers no cutout of it")
    ask = Ask(client, SERVICE, key(product=name, position=position, size=size), answers.is_fits(SERVICE))
    try:
        ask.get(address, params={"POS": circle(position, size / 2)})
    except ServiceError as error:
        if error.status == 400 and NO_OVERLAP.search(error.words):
            raise Outside(SERVICE, error.words, error.status) from error
        raise
    return ask.answer()


def _links(client: Client, base: str, names: Sequence[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Publisher id, and the addresses of the cutouts of its image and of its noise image ("" for none)."""
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        found = _asked(client, base, batch, ANSWERS)
        if any(clean.HIDDEN in address for pair in found.values() for address in pair):
            found = _asked(client, base, batch, 0.0)  # signed links were not kept: they are asked for again
        yield from found.items()


def _asked(client: Client, base: str, names: Sequence[str], keep: float) -> dict[str, tuple[str, str]]:
    """Addresses of the cutouts of a batch of planes, from the cache where it is younger than ``keep`` seconds."""
    url = f"{base}/caom2ops/datalink"
    # The key holds no position: the answer is the same all over a tile.
    ask = Ask(client, SERVICE, key(links=names), answers.is_votable(SERVICE), keep=keep)
    data = ask.get(url, params={"ID": names}).content
    links = DatalinkResults(answers.table(SERVICE, data), url=url)
    rows = [links.getrecord(row) for row in range(len(links))]
    return {name: _addresses([row for row in rows if row.id == name]) for name in names}


def _addresses(rows: list[DatalinkRecord]) -> tuple[str, str]:
    """Cutout addresses of image and noise image among the DataLink rows of one plane."""
    cuts: dict[str, str] = {}
    service = ""
    for row in rows:
        # Not pyvo's bysemantics: it downloads a vocabulary first.
        if row.semantics != "#cutout" or "/sync" not in str(row.access_url):
            continue
        service = str(row.access_url)
        identifier = next((str(value.value) for value in row.input_params if value.name == "ID"), "")
        cuts[identifier.rpartition("/")[2]] = f"{service}?ID={_quoted(identifier)}"
    image = next((url for name, url in cuts.items() if IMAGE.search(name) and not NOISE.search(name)), "")
    noise = next((url for name, url in cuts.items() if NOISE.search(name)), "")
    if not noise and service:  # the noise image is an auxiliary file of the plane, which SODA cuts as well
        others = (
            urlsplit(str(row.access_url)).path.rpartition("/")[2] for row in rows if row.semantics == "#auxiliary"
        )
        noise = next((f"{service}?ID={_quoted(f'nrao:VLASS/{n}')}" for n in others if NOISE.search(n)), "")
    return image, noise


def _quoted(identifier: str) -> str:
    return identifier.replace(":", "%3A").replace("/", "%2F").replace("+", "%2B")


def _file(url: str) -> str:
    """File name in the ID of a cutout's address."""
    identifier = dict(parse_qsl(urlsplit(url).query)).get("ID", "")
    return identifier.rpartition("/")[2] if FILE.search(identifier) else ""
