"""Addresses and words without credentials: what goes to the cache, to manifests, tables, logs and sentences.

A part of an address is kept where it is known to be harmless, not dropped where it is known to be secret: a parameter
that is not listed here is replaced, and so are user names, long tokens in a path, and whatever repeats them in words.
"""

from __future__ import annotations

import html
import logging
import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

HARMLESS = re.compile(
    r"id|pos|circle|polygon|band|time|pol|sub|ra|dec|sr|size|radius|query|lang|request|format|maxrec|responseformat|hips"
    r"|width|height|fov|projection|coordsys|rotation_angle|min_cut|max_cut|stretch|equinox|imagesize|imagetype|maximsize"
    r"|expr|get|runid",
    re.IGNORECASE,
)
HIDDEN = "..."
TOKEN = re.compile(r"[A-Za-z0-9_\-+=~%]{40,}")
"""A part of a path of this length is a signed token, not a name; names of VLASS files hold dots."""
URL = re.compile(r"https?://[^\s\"'<>]+")
PAIR = re.compile(
    r"(?i)\b(authorization|api[_-]?key|access[_-]?token|token|password|passwd|secret|signature|cookie|bearer|basic)"
    r"(\s*[:=]\s*|\s+)(bearer\s+|basic\s+)?[^\s,;&\"']+"
)
PARAM = re.compile(
    r"(<PARAM\b(?=[^>]*\bname=[\"'][^\"']*(?:token|secret|signature|password|passwd|credential|authorization|api_?key))"
    r"[^>]*\bvalue=[\"'])([^\"']+)([\"'])",
    re.IGNORECASE,
)
"""A parameter of a service descriptor that is named as a secret, with its value."""
LONGEST = 160


def url(address: str) -> str:
    """The address without user, password, fragment, unlisted parameters and signed tokens."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    path = "/".join(HIDDEN if TOKEN.fullmatch(part) else part for part in parts.path.split("/"))
    path = re.sub(r"[^/]+:preauth", HIDDEN, path)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(
        f"{quote(key)}={quote(value, safe=':/+,.') if HARMLESS.fullmatch(key) else HIDDEN}" for key, value in pairs
    )
    return urlunsplit((parts.scheme, host, path, query, ""))


def secrets(address: str) -> frozenset[str]:
    """The parts of an address that ``url`` hides and that a service's words may repeat."""
    parts = urlsplit(address)
    found = {value for key, value in parse_qsl(parts.query) if not HARMLESS.fullmatch(key)}
    found |= {unquote(part) for part in parts.netloc.rpartition("@")[0].split(":")}
    found |= {part for part in parts.path.split("/") if TOKEN.fullmatch(part)}
    return frozenset(text for text in found if len(text) > 3)


def words(text: str, hidden: frozenset[str] = frozenset()) -> str:
    """What a service says, of plain text, HTML or JSON: one short line without tags, credentials and full stop."""
    text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", text) if "<title" not in text.lower() else text
    text = html.unescape(re.sub(r"(?s)<[^>]*>", " ", text))
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN).replace(quote(secret), HIDDEN)
    text = PAIR.sub(lambda match: f"{match[1]}{match[2]}{HIDDEN}", URL.sub(lambda match: url(match[0]), text))
    text = TOKEN.sub(HIDDEN, " ".join("".join(c if c.isprintable() else " " for c in text).split()))
    return (text if len(text) <= LONGEST else text[: LONGEST - 3] + HIDDEN).rstrip(". ")


def answer(data: bytes) -> bytes:
    """A table as it may be kept: each address in it as ``url`` writes it, secret parameters hidden; others unchanged.

    Links of DataLink are sometimes signed for the one who asked. The same bytes where nothing is hidden, so that an
    answer without such links stays what the service sent.
    """
    if b"VOTABLE" not in data[:4000]:
        return data
    text = data.decode("utf-8", "surrogateescape")
    text = URL.sub(lambda found: _link(found[0]), text)
    return PARAM.sub(lambda found: f"{found[1]}{HIDDEN}{found[3]}", text).encode("utf-8", "surrogateescape")


def _link(found: str) -> str:
    """An address inside a table, escaped as there; as it was where nothing in it is secret."""
    address = html.unescape(found)
    kept = url(address)
    if "@" in urlsplit(address).netloc:  # that somebody was named stays to be seen, so that the link is asked for again
        kept = kept.replace("://", f"://{HIDDEN}@", 1)
    return html.escape(kept, quote=False) if HIDDEN in kept else found


class Filter(logging.Filter):
    """Keeps credentials out of what urllib3 logs of each request when somebody listens to it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the path of a request in the record; every record passes."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                url(value) if isinstance(value, str) and value.startswith(("/", "http")) else value
                for value in record.args
            )
        return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry", "requests"):
    logging.getLogger(_name).addFilter(Filter())
