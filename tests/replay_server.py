"""A local server that answers as CADC, the FIRST cutout server, hips2fits, the MOC server and Sesame are documented to.

Its sky is made here: tiles of VLASS with one bright source at each position of ``SOURCES``. ``fail`` puts another answer
in front of the next requests whose address holds some words. No test opens any other connection.
"""

from __future__ import annotations

import io
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

NOISE = np.random.default_rng(3).normal(0.0, 1.5e-4, (512, 512)).astype(np.float32)
PEAK = 0.05
HEAD = '<?xml version="1.0"?>\n<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'


@dataclass(frozen=True)
class Tile:
    """One VLASS image: where it lies (degrees), half its side, and what its plane says of it."""

    epoch: str
    tile: str
    ra: float
    dec: float
    half: float = 0.5
    kind: str = "ql"
    flag: str = ""
    beam: tuple[float, float, float] = (2.9, 2.2, 20.0)
    blank: bool = False
    has_noise: bool = True

    @property
    def pixel(self) -> float:
        return 1.0 if self.kind == "ql" else 0.6

    @property
    def observation(self) -> str:
        place = SkyCoord(self.ra, self.dec, unit="deg")
        ra = place.ra.to_string("hourangle", sep="", pad=True, precision=0)
        dec = place.dec.to_string("deg", sep="", pad=True, precision=0, alwayssign=True)
        return f"VLASS{self.epoch}.{self.tile}.J{ra}{dec}"

    @property
    def name(self) -> str:
        place = self.observation.partition(".J")[2]
        return f"VLASS{self.epoch}.{self.kind}.{self.tile}.J{place}.10.2048.v1.I.iter1.image.pbcor.tt0.subim.fits"

    @property
    def noise_name(self) -> str:
        return self.name.replace(".tt0.", ".tt0.rms.")

    @property
    def plane(self) -> str:
        return f"{self.observation}.{'quicklook' if self.kind == 'ql' else 'continuum_imaging'}"

    def wcs(self) -> WCS:
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
        wcs.wcs.crval = [self.ra, self.dec]
        side = round(2 * self.half * 3600 / self.pixel)
        wcs.wcs.crpix = [(side + 1) / 2] * 2
        wcs.wcs.cdelt = [-self.pixel / 3600, self.pixel / 3600]
        wcs.array_shape = (side, side)
        return wcs

    def cut(self, ra: float, dec: float, radius: float, *, noise: bool = False, sources: tuple = ()) -> bytes | None:
        """The bounding box of a circle (degrees), cut off at the edge; None where they do not overlap."""
        wcs = self.wcs()
        x, y = (float(v) for v in wcs.world_to_pixel_values(ra, dec))
        half, side = radius * 3600 / self.pixel, wcs.array_shape[0]
        x0, x1 = (int(np.clip(round(v), 0, side)) for v in (x - half + 0.5, x + half + 0.5))
        y0, y1 = (int(np.clip(round(v), 0, side)) for v in (y - half + 0.5, y + half + 0.5))
        if x1 <= x0 or y1 <= y0:
            return None
        rows, columns = np.arange(y0, y1), np.arange(x0, x1)
        pixels = NOISE[np.ix_(rows % 512, columns % 512)].copy()
        for place in sources:
            sx, sy = wcs.world_to_pixel_values(*place)
            sigma = np.sqrt(self.beam[0] * self.beam[1]) / self.pixel / 2.3548
            pixels += PEAK * np.exp(-0.5 * ((columns - sx) ** 2 + (rows[:, None] - sy) ** 2) / sigma**2)
        if noise:
            pixels = 2.0e-4 + 0.01 * NOISE[np.ix_(rows % 512, columns % 512)]
        if self.blank:
            pixels[:] = np.nan
        wcs.wcs.crpix = wcs.wcs.crpix - [x0, y0]
        return packed(pixels[None, None], wcs, self.beam, self.noise_name if noise else self.name)


def packed(pixels: np.ndarray, wcs: WCS, beam: tuple[float, float, float], name: str) -> bytes:
    """FITS with four axes, as CASA writes VLASS images."""
    header = wcs.to_header()
    header.update({"CTYPE3": "FREQ", "CRVAL3": 2.987e9, "CDELT3": 2e9, "CRPIX3": 1.0, "CUNIT3": "Hz"})
    header.update({"CTYPE4": "STOKES", "CRVAL4": 1.0, "CDELT4": 1.0, "CRPIX4": 1.0, "BUNIT": "Jy/beam"})
    header.update({"BMAJ": beam[0] / 3600, "BMIN": beam[1] / 3600, "BPA": beam[2], "RADESYS": "ICRS"})
    header.update({f"FILNAM{n:02d}": part for n, part in enumerate(name.split(".")[:12], 1)})
    buffer = io.BytesIO()
    fits.PrimaryHDU(pixels.astype(np.float32), header).writeto(buffer)
    return buffer.getvalue()


@dataclass
class Fault:
    """An answer in place of the usual one: a status, a body and headers; ``half``: only half of the body is sent."""

    words: str
    status: int = 200
    body: bytes | str = b""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 10**9
    half: bool = False
    close: bool = False


class Replay:
    """The server: ``url``, what was asked (``asked``, ``counts``), and its faults."""

    def __init__(self, tiles: list[Tile], sources: tuple[tuple[float, float], ...] = ()) -> None:
        self.tiles, self.sources = tiles, sources
        self.faults: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.now = self.most = 0
        self.delay = 0.0
        self.lock = threading.Lock()
        self.names = {"m87": (187.70593, 12.39112)}

    def fail(self, words: str, status: int = 200, body: bytes | str = b"", **more: object) -> None:
        self.faults.append(Fault(words, status, body, **more))  # type: ignore[arg-type]

    @property
    def setting(self) -> str:
        """What VLASS_EXPLORER_ARCHIVES is set to, so that all services are asked here."""
        return f"vlass_cadc={self.url},first={self.url},hips={self.url},sesame={self.url}/sesame"

    def answer(self, address: str, body: str) -> tuple[int, dict[str, str], bytes, Fault | None]:
        parts, form = urlsplit(address), {key: value[-1] for key, value in parse_qs(body).items()}
        query = parse_qs(parts.query)
        with self.lock:
            self.counts[f"{address} {body}"] += 1
            for fault in self.faults:
                if fault.words in f"{unquote(address)} {unquote(body)}" and fault.times > 0:
                    fault.times -= 1
                    content = fault.body if isinstance(fault.body, bytes) else fault.body.encode()
                    if not content and fault.status == 200:
                        break
                    return fault.status, {"Content-Type": "text/plain"} | fault.headers, content, fault
            else:
                fault = None
        status, kind, content = self._usual(parts.path, query, form, parts.query)
        return status, {"Content-Type": kind}, content, fault

    def _usual(self, path: str, query: dict[str, list[str]], form: dict[str, str], raw: str) -> tuple[int, str, bytes]:
        if path == "/argus/sync":
            return 200, "application/x-votable+xml", self._planes(form["QUERY"])
        if path == "/caom2ops/datalink":
            return 200, "application/x-votable+xml", self._links(query["ID"])
        if path == "/caom2ops/sync":
            return self._soda(query["ID"][0], query["POS"][0])
        if path == "/cgi-bin/firstcutout":
            return self._first(form)
        if path == "/MocServer/query":
            return 200, "text/plain", b"CDS/P/DSS2/red\nCDS/P/NVSS\n"
        if path == "/hips-image-services/hips2fits":
            return self._hips({key: value[0] for key, value in query.items()})
        if path.startswith("/sesame/"):
            return 200, "text/plain", self._sesame(unquote(raw))
        return 404, "text/plain", b"Not Found"

    def _planes(self, adql: str) -> bytes:
        found = re.search(r"CIRCLE\('ICRS', ([\d.-]+), ([\d.-]+), ([\d.-]+)\)", adql)
        assert found is not None, adql
        ra, dec, radius = map(float, found.groups())
        rows = ""
        for tile in self.tiles:
            x, y = (ra - tile.ra) * np.cos(np.radians(dec)), dec - tile.dec
            if max(abs(x), abs(y)) < tile.half + radius:
                cells = (tile.plane, publisher(tile), tile.observation, tile.flag)
                rows += "<TR>" + "".join(f"<TD>{cell}</TD>" for cell in cells) + "</TR>"
        names = ("productID", "publisherID", "observationID", "requirements_flag")
        fields = "".join(f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in names)
        table = f"<TABLE>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE>"
        info = '<INFO name="QUERY_STATUS" value="OK"/>'
        return f'{HEAD}<RESOURCE type="results">{info}{table}</RESOURCE></VOTABLE>'.encode()

    def _links(self, names: list[str]) -> bytes:
        columns = ("ID", "access_url", "service_def", "error_message", "semantics", "description", "content_type")
        rows, services = "", ""
        for tile in self.tiles:
            if publisher(tile) not in names:
                continue
            files = [(tile.name, "#this"), *([(tile.noise_name, "#auxiliary")] if tile.has_noise else [])]
            for number, (name, semantics) in enumerate(files):
                service = f"s{len(services)}-{number}"
                cells = (publisher(tile), f"{self.url}/raven/files/nrao:VLASS/{name}", "", "", semantics, "", "")
                rows += "<TR>" + "".join(f"<TD>{cell}</TD>" for cell in cells) + "</TR>"
                cells = (publisher(tile), "", service, "", "#cutout", "", "")
                rows += "<TR>" + "".join(f"<TD>{cell}</TD>" for cell in cells) + "</TR>"
                services += (
                    f'<RESOURCE type="meta" utype="adhoc:service" ID="{service}">'
                    '<PARAM name="standardID" datatype="char" arraysize="*" value="ivo://ivoa.net/std/SODA#sync-1.0"/>'
                    f'<PARAM name="accessURL" datatype="char" arraysize="*" value="{self.url}/caom2ops/sync"/>'
                    f'<GROUP name="inputParams"><PARAM name="ID" datatype="char" arraysize="*" value="nrao:VLASS/{name}"/>'
                    '<PARAM name="POS" datatype="char" arraysize="*" value=""/></GROUP></RESOURCE>'
                )
        fields = "".join(f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in columns)
        table = f"<TABLE>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE>"
        return f'{HEAD}<RESOURCE type="results">{table}</RESOURCE>{services}</VOTABLE>'.encode()

    def _soda(self, identifier: str, shape: str) -> tuple[int, str, bytes]:
        ra, dec, radius = map(float, shape.split()[1:])
        name = identifier.rpartition("/")[2]
        for tile in self.tiles:
            if name in (tile.name, tile.noise_name):
                data = tile.cut(ra, dec, radius, noise=name == tile.noise_name, sources=self.sources)
                if data is None:
                    return 400, "text/plain", b"IllegalArgument: no overlap of cutout and image"
                return 200, "application/fits", data
        return 404, "text/plain", f"not found: {identifier}".encode()

    def _first(self, form: dict[str, str]) -> tuple[int, str, bytes]:
        hours, dec = map(float, form["RA"].split())
        if dec < -10:
            return 200, "text/html", b"<html><body>Position is outside the FIRST survey area.</body></html>"
        side = float(form["ImageSize"]) / 60
        tile = Tile("9.9", "T00t00", hours * 15, dec, side / 2, beam=(5.4, 5.4, 0.0))
        data = tile.cut(hours * 15, dec, side / 2, sources=self.sources)
        assert data is not None
        return 200, "application/fits", data

    def _hips(self, query: dict[str, str]) -> tuple[int, str, bytes]:
        side, wcs = int(query["width"]), WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [float(query["ra"]), float(query["dec"])]
        wcs.wcs.crpix, step = [(side + 1) / 2] * 2, float(query["fov"]) / side
        wcs.wcs.cdelt = [-step, step]
        header = wcs.to_header()
        header.add_history("Generated by CDS hips2fits service - See http://alasky.u-strasbg.fr/hips")
        header.add_history("-image-services/hips2fits for details")
        header.add_history(f"From HiPS {query['hips']} (a survey)")
        buffer = io.BytesIO()
        fits.PrimaryHDU(NOISE[:side, :side], header).writeto(buffer)
        return 200, "application/fits", buffer.getvalue()

    def _sesame(self, name: str) -> bytes:
        place = self.names.get(name.strip().lower())
        if place is None:
            return f"# {name}\t#Q1\n#! *** Nothing found ***\n".encode()
        return f"# {name}\t#Q1\n#=S=Simbad: 1\n%C.0 AGN\n%J {place[0]} {place[1]:+} = ...\n".encode()


def publisher(tile: Tile) -> str:
    return f"ivo://cadc.nrc.ca/VLASS?{tile.observation}/{tile.plane}"


@contextmanager
def serving(replay: Replay) -> Iterator[Replay]:
    """The server, on a free port of this machine, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say("")

        def do_POST(self) -> None:
            self._say(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

        def _say(self, body: str) -> None:
            with replay.lock:
                replay.now += 1
                replay.most = max(replay.most, replay.now)
            try:
                time.sleep(replay.delay)
                status, headers, content, fault = replay.answer(self.path, body)
                if fault is not None and fault.close:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                for key, value in (headers | {"Content-Length": str(len(content))}).items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if fault is not None and fault.half else content)
                if fault is not None and fault.half:
                    self.close_connection = True
            except OSError:
                self.close_connection = True  # the client was killed
            finally:
                with replay.lock:
                    replay.now -= 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    replay.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield replay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
