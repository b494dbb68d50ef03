"""Which services may be asked: ``VLASS_EXPLORER_ARCHIVES``.

Without it all; ``off``: none, and no connection is opened; else names of services separated by commas, each of which
may be given another address (a mirror): ``vlass_cadc,first,sesame`` or ``vlass_cadc=https://mirror.example/cadc``.
``sesame`` finds positions of names.
"""

from __future__ import annotations

import os

from ..schema import ArchiveError

SETTING = "VLASS_EXPLORER_ARCHIVES"


def _named() -> dict[str, str] | None:
    """Name → address ("": the usual one) of the services that are allowed; None where all are."""
    text = os.environ.get(SETTING, "").strip()
    if not text or text == "all":
        return None
    pairs = (part.strip().partition("=") for part in text.split(",") if part.strip() not in ("", "off"))
    return {name.strip(): address.strip().rstrip("/") for name, _, address in pairs}


def is_allowed(service: str) -> bool:
    """May this service be asked?"""
    named = _named()
    return named is None or service in named


def check(service: str) -> None:
    """ArchiveError where a service may not be asked, whoever wants to."""
    if not is_allowed(service):
        raise ArchiveError(f"Asking {service} is switched off here ({SETTING}).")


def address(service: str) -> str:
    """Where to ask a service instead of its usual address; "" for the usual one."""
    return (_named() or {}).get(service, "")
