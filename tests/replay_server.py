"""A local server that answers as CADC, FIRST's cutout server, hips2fits, the MOC server and Sesame are documented to.

Its sky is made in ``replay_sky``. ``fail`` puts another answer in front of the next requests whose address or body
holds some words. No test opens any other connection.
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
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from replay_sky import NOISE, Tile

from vlass_explorer import archives
from vlass_explorer.archives import allowed, ask, store

HEAD = '<?xml version="1.0"?>\n<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'


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
        path = re.sub(r"^/[^/]+:preauth", "", path)  # a signed link leads where the plain one does
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
            if publisher(tile) not in names or not tile.has_cutout:
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
                    '<GROUP name="inputParams">'
                    f'<PARAM name="ID" datatype="char" arraysize="*" value="nrao:VLASS/{name}"/>'
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

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that was killed is no news."""

    server = Server(("127.0.0.1", 0), Handler)
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


def asking(replay: Replay, cache: Path, monkeypatch: pytest.MonkeyPatch) -> archives.Client:
    """A client with a cache of its own that asks this server, whose faults and counts begin anew."""
    monkeypatch.setenv(allowed.SETTING, replay.setting)
    monkeypatch.setattr(ask, "FIRST_WAIT", 0.01)
    replay.faults.clear()
    replay.counts.clear()
    return archives.Client(store.Store(cache))
