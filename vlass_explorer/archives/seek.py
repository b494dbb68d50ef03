"""One target through one service: its products, one verdict a product, and the bytes of what was found.

Of each VLASS epoch Single Epoch images are taken where they cover the position as well as the Quick Look ones do; the
two are never mixed. Tiles are fetched nearest first, and put together where none holds the whole square.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from .. import cutouts
from ..measure import TO_JY_BEAM
from ..schema import ArchiveError, Cutout, CutoutError, Found, Product, ServiceError, Target
from . import judge, mosaic, survey_noise
from .ask import Client, Stopped
from .contract import Outside, Position
from .judge import Judged
from .store import Answer

PREFERRED = ("Single Epoch", "Quick Look")
CENTRE = re.compile(r"J(\d\d)(\d\d)(\d\d(?:\.\d+)?)([+-]\d\d)(\d\d)(\d\d)")


@dataclass(frozen=True)
class Piece:
    """A row, with the files that belong to it: name, content and where it lies in the cache (None: nowhere)."""

    found: Found
    image: tuple[str, Answer | bytes] | None = None
    noise: tuple[str, Answer] | None = None


def seek(service: ModuleType, target: Target, size: float, fetched: float, client: Client) -> Iterator[Piece]:
    """One piece a product, or one that says why there is none; ``size`` and ``fetched`` are sides in arcsec.

    Raises Stopped, and nothing else that is no bug.
    """
    known: dict[str, Any] = {"id": target.id, "size": size, "fetched": fetched, "label": target.label}
    known |= {"service": service.SERVICE, "survey": service.SURVEY}
    if target.error:
        yield Piece(Found.of(known | {"error": target.error}))
        return
    known |= {"ra": target.ra, "dec": target.dec}
    try:
        products = service.find(target.position, size / np.sqrt(2), client)
    except Stopped:
        raise
    except ServiceError as error:
        yield Piece(Found.of(known | {"verdict": "service failed", "reason": str(error)}))
        return
    except ArchiveError as error:
        yield Piece(Found.of(known | {"error": str(error)}))
        return
    if not products:
        yield Piece(Found.of(known | {"verdict": "outside", "reason": f"{service.SURVEY} has no image here."}))
    for group in dict.fromkeys(product.group for product in sorted(products, key=lambda one: one.group)):
        yield _group(service, [one for one in products if one.group == group], known, target.position, client)


def _group(
    service: ModuleType, products: Sequence[Product], known: dict[str, Any], position: Position, client: Client
) -> Piece:
    """The best of the products that stand for one another."""
    usable = [product for product in products if not product.failed_qa]
    if not usable:
        told = known | _named(products) | {"verdict": "failed QA"}
        return Piece(Found.of(told | {"reason": "NRAO rejected this image in its quality assurance."}))
    kinds = sorted({product.kind for product in usable}, key=lambda kind: (*PREFERRED, kind).index(kind))
    pieces: list[Piece] = []
    for kind in kinds:
        tiles = [product for product in usable if product.kind == kind]
        try:
            pieces.append(_Tiles(service, tiles, known | _named(tiles), position, client).piece())
        except Stopped:
            raise
        except ArchiveError as error:
            pieces.append(Piece(Found.of(known | _named(tiles) | {"error": str(error)})))
        if pieces[-1].found.verdict == "found":
            break
    best = max(pieces, key=lambda piece: (piece.found.verdict == "found", piece.found.covered or 0.0))
    # What failed may have been better: it is not passed over in silence.
    return next((piece for piece in pieces if piece.found.failed), best) if best.found.verdict != "found" else best


class _Tiles:
    """Tiles of one VLASS epoch and one kind at a position."""

    def __init__(
        self,
        service: ModuleType,
        tiles: Sequence[Product],
        known: dict[str, Any],
        position: Position,
        client: Client,
    ) -> None:
        self.service, self.known, self.position, self.client = service, known, position, client
        # Of two versions of one image, as VLASS1.2 and VLASS1.2v2, the later one goes first.
        self.tiles = sorted(sorted(tiles, key=lambda tile: tile.name, reverse=True), key=self._distance)
        self.size, self.fetched = float(known["size"]), float(known["fetched"])

    def piece(self) -> Piece:
        """The first tile that holds the square, else what all together hold of it."""
        seen: list[tuple[Product, Answer, Judged]] = []
        failures: list[ServiceError] = []
        verdicts: list[str] = []
        for product in self.tiles:
            try:
                answer = self.service.fetch(product, self.position, self.fetched, self.client)
                judged = judge.judge(product.service, answer.data, product.name, self.position, self.size)
            except Outside:
                verdicts.append("outside")
                continue
            except ServiceError as error:
                failures.append(error)
                continue
            verdicts.append(judged.verdict)
            if judged.verdict == "found":
                return self._of_one(product, answer, judged)
            if judged.cutout is not None:
                seen.append((product, answer, judged))
        if failures:
            return Piece(Found.of(self.known | {"verdict": "service failed", "reason": str(failures[0])}))
        if len(seen) > 1:
            return self._of_many(seen)
        if seen:
            return self._of_one(*seen[0])
        verdict = "blank" if "blank" in verdicts else "outside"
        why = {"blank": "The image holds no data here.", "outside": f"{self.known['survey']} has no image here."}
        return Piece(Found.of(self.known | {"verdict": verdict, "reason": why[verdict]}))

    def _of_one(self, product: Product, answer: Answer, judged: Judged) -> Piece:
        assert judged.cutout is not None
        origin = answer.origin
        values = self.known | _named([product]) | _measured(judged)
        values |= {"url": origin.url, "time": origin.time, "bytes": origin.size, "sha256": origin.sha256}
        noise, notes = self._noise(product, judged.cutout)
        values["rms_survey"] = None if noise is None else noise[0]
        values["notes"] = (*product.cautions, *notes)
        return Piece(Found.of(values), (product.name, answer), None if noise is None else (product.rms_name, noise[1]))

    def _noise(self, product: Product, cutout: Cutout) -> tuple[tuple[float, Answer] | None, tuple[str, ...]]:
        """The survey's own noise at the position in Jy/beam with its image; a sentence where it cannot be had."""
        if not product.rms_url:
            return None, ()
        try:
            answer = self.service.fetch(product, self.position, self.fetched, self.client, noise=True)
            image = cutouts.read(answer.data, product.rms_name)
        except (ServiceError, CutoutError) as error:
            return None, (f"The survey's noise image cannot be had: {error}",)
        local = survey_noise.local(image, self.position)
        factor = TO_JY_BEAM.get(image.unit or "")
        return (None, ()) if local is None or factor is None else ((local.rms * factor, answer), ())

    def _of_many(self, seen: list[tuple[Product, Answer, Judged]]) -> Piece:
        parts = [judged.cutout for _, _, judged in seen if judged.cutout is not None]
        data, notes = mosaic.join(parts, self.position, self.fetched)
        products = [product for product, _, _ in seen]
        name = products[0].name.removesuffix(".gz").removesuffix(".fits") + ".mosaic.fits"
        judged = judge.judge(products[0].service, data, name, self.position, self.size)
        origins = [answer.origin for _, answer, _ in seen]
        values = self.known | _named(products) | _measured(judged)
        values |= {"url": " | ".join(one.url for one in origins), "time": max(one.time for one in origins)}
        values["notes"] = (*products[0].cautions, *notes)
        return Piece(Found.of(values), (name, data))

    def _distance(self, product: Product) -> float:
        """Degrees from the position to the centre that a tile's name tells; 0 for other names."""
        told = CENTRE.search(product.name)
        if told is None:
            return 0.0
        hours, minutes, seconds, degrees, arcmin, arcsec = told.groups()
        text = f"{hours}h{minutes}m{seconds}s {degrees}d{arcmin}m{arcsec}s"
        return float(SkyCoord(text).separation(SkyCoord(*self.position, unit="deg")).deg)


def _named(products: Sequence[Product]) -> dict[str, Any]:
    first = products[0]
    return {
        "survey": first.survey,
        "product": " | ".join(product.id for product in products),
        "kind": first.kind,
        "vlass_epoch": first.vlass_epoch,
        "tile": " | ".join(dict.fromkeys(product.tile for product in products)),
    }


def _measured(judged: Judged) -> dict[str, Any]:
    found: dict[str, Any] = {"verdict": judged.verdict, "covered": judged.covered}
    if judged.verdict == "partly outside":
        found["reason"] = f"{100 * judged.covered:.0f} % of the square lies inside the survey's images."
    cutout = judged.cutout
    if cutout is None:
        return found
    factor = TO_JY_BEAM.get(cutout.unit or "")
    if cutout.noise is not None and factor is not None:
        found["rms"] = factor * cutout.noise.rms
    if cutout.beam is not None:
        found |= {"beam_major": cutout.beam.major, "beam_minor": cutout.beam.minor, "beam_pa": cutout.beam.pa}
    return found
