"""How services are asked: politely, at most four requests at once, each answer kept before it is used.

429 and 503 with Retry-After wait as long as they say, other 5xx, time-outs and broken bodies a second, two, four; other
4xx are answers and never asked again. A host that cannot be reached three times over is taken for off: what is asked
of it afterwards fails at once, until one request gets through.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from pyvo.dal import DALAccessError

from .. import __version__
from ..schema import ArchiveError, ServiceError
from . import allowed, clean
from .store import Answer, Store

AT_ONCE = 4
TRIES = 4
FIRST_WAIT = 1.0  # seconds; doubled at every further try
LONGEST_WAIT = 120.0
TIMEOUT = (10.0, 90.0)  # to connect, and between two pieces of an answer
LARGEST = 512 * 2**20
GIVEN_UP = 3
ANSWERS = 30 * 86400.0  # seconds after which it is asked again what there is: surveys grow; images stay what they are
Check = Callable[[bytes], None]
"""Raises ServiceError where a whole answer is none, Broken where a part is missing."""
_SLOTS = threading.BoundedSemaphore(AT_ONCE)  # for the whole process, however many lists are fetched


class Broken(Exception):
    """An answer ended before it was whole."""


class Stopped(ArchiveError):
    """Somebody asked to stop; what was fetched is kept."""


class Client:
    """What all requests of one list share: the cache, the wish to stop, and which hosts are to be left alone."""

    def __init__(self, store: Store | None = None, *, refresh: bool = False, tiles: Path | None = None) -> None:
        self.store = store or Store()
        self.tiles = tiles
        self.index: dict[str, tuple[float, float, float] | None] | None = None
        self.refresh = refresh
        self.stop = threading.Event()
        self.adapter = requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=AT_ONCE)
        self.not_before: dict[str, float] = {}
        self.unreached: dict[str, int] = {}
        self._busy: dict[str, threading.Lock] = {}

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """What two threads want at the same moment is asked by one; the other one finds the answer."""
        lock = self._busy.setdefault(key, threading.Lock())
        try:
            with lock:
                yield
        finally:
            self._busy.pop(key, None)

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until somebody asks to stop."""
        if self.stop.wait(max(0.0, seconds)):
            raise Stopped("Stopped.")


class Ask(requests.Session):
    """One question to one service; pyvo speaks through it, too. ``last`` is the answer of the latest request.

    ``key`` names product and position; what is asked twice with the same key and parameters is asked once, or again
    when the answer is older than ``keep`` seconds and the service can be reached. What is kept on disk holds no signed
    links: ``last`` is the answer as it came only where it was asked for just now.
    """

    def __init__(self, client: Client, service: str, key: str, check: Check, *, keep: float = math.inf) -> None:
        super().__init__()
        self.keep = keep
        self.client, self.service, self.key, self.check = client, service, key, check
        self.last: Answer | None = None
        for scheme in ("http://", "https://"):
            self.mount(scheme, client.adapter)  # connections outlive one question
        self.headers["User-Agent"] = f"VLASS-Explorer/{__version__} {self.headers['User-Agent']}"

    def base(self, usual: str) -> str:
        """Address of the service: the usual one, or the one that the settings name."""
        return allowed.address(self.service) or usual

    def answer(self) -> Answer:
        """The answer of the latest request; ServiceError where none was made."""
        if self.last is None:
            raise ServiceError(self.service, "was not asked")
        return self.last

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """The whole answer, from the cache where it is known; raises ServiceError, ArchiveError or Stopped."""
        asked = [method.upper(), clean.url(str(url)), sorted(map(str, dict(options.get("params") or {}).items()))]
        asked.append(sorted(map(str, dict(options.get("data") or {}).items())))
        key = f"{self.key} {hashlib.sha256(repr(asked).encode()).hexdigest()[:16]}"
        with self.client.alone(f"{self.service} {key}"):
            known = None if self.client.refresh else self.client.store.get(self.service, key)
            if known is None or known.origin.age > self.keep:
                try:
                    data, address = self._whole(method, str(url), options)
                    kept = self.client.store.put(self.service, key, clean.url(address), clean.answer(data))
                    known = replace(kept, data=data)
                except ServiceError:
                    if known is None:
                        raise
        self.last = known
        return _response(known.data, known.origin.url)

    def _whole(self, method: str, url: str, options: dict[str, Any]) -> tuple[bytes, str]:
        """Content and address of an answer that is whole, asked for as often as is polite."""
        host, hidden = urlsplit(url).hostname or "", clean.secrets(url)
        off = self.client.unreached.get(host, 0) >= GIVEN_UP
        wait, why = FIRST_WAIT, ""
        for left in reversed(range(1 if off else TRIES)):
            self.client.wait(self.client.not_before.get(host, 0.0) - time.monotonic())
            try:
                with _SLOTS:
                    self.client.wait(0)
                    status, headers, data, address = self._once(method, url, options)
                self.client.unreached[host] = 0
                if status < 400:
                    self.check(data)
                    return data, address
                why = f"answered {status}: {_said(data, hidden)}"
                if status != 429 and status < 500:
                    raise ServiceError(self.service, why, status)
                pause = _retry_after(headers)
                if pause is not None and pause > LONGEST_WAIT:
                    raise ServiceError(self.service, f"{why}; it asks to come again in {pause:.0f} s", status)
                if pause is not None:
                    self.client.not_before[host] = time.monotonic() + pause
            except requests.Timeout:
                pause, status, why = None, None, f"did not answer within {TIMEOUT[1]:.0f} s"
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError, Broken):
                pause, status, why = None, None, "sent only a part of its answer"
            except requests.ConnectionError:
                pause, status, why = None, None, "cannot be reached: is this machine offline"
                self.client.unreached[host] = self.client.unreached.get(host, 0) + (left == 0)
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, UnicodeError) as error:
                raise ServiceError(self.service, f"cannot be asked ({type(error).__name__})") from None
            if left and pause is None:
                self.client.wait(wait)
                wait *= 2
        raise ServiceError(self.service, why, status)

    def _once(self, method: str, url: str, options: dict[str, Any]) -> tuple[int, Any, bytes, str]:
        response = super().request(method, url, **options | {"stream": True, "timeout": TIMEOUT})
        with response:
            parts, size = [], 0
            for part in response.iter_content(2**18):
                self.client.wait(0)
                parts.append(part)
                size += len(part)
                if size > LARGEST:
                    raise ServiceError(self.service, f"sends more than {LARGEST >> 20} MB: ask for a smaller part")
            # The address that was asked, not the one it led to: redirections carry signed tokens.
            first = (response.history or [response])[0].request.url or url
            return response.status_code, response.headers, b"".join(parts), first


@contextmanager
def spoken(service: str) -> Iterator[None]:
    """What pyvo makes of an answer that is no table becomes a ServiceError; ours pass, however it wraps them."""
    try:
        yield
    except DALAccessError as error:
        inner = error.__context__
        while inner is not None and not isinstance(inner, ArchiveError):
            inner = inner.__context__
        if inner is not None:
            raise inner from None
        raise ServiceError(service, f"answered with no table that can be read: {clean.words(str(error))}") from None


def _response(data: bytes, url: str) -> requests.Response:
    """An answer as requests gives it, so that pyvo reads what was kept."""
    response = requests.Response()
    response.status_code, response.url = 200, url
    response.raw = urllib3.HTTPResponse(io.BytesIO(data), status=200, preload_content=False)
    return response


def _said(data: bytes, hidden: frozenset[str]) -> str:
    return clean.words(data[:20000].decode("utf-8", "replace"), hidden) or "nothing more"


def _retry_after(headers: Any) -> float | None:
    """Seconds that a service asks to wait, None where it does not say."""
    text = str(headers.get("Retry-After", "")).strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
