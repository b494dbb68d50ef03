"""Positions of names, by Sesame of the CDS (SIMBAD, NED, VizieR) through astropy, each asked once."""

from __future__ import annotations

import json
import threading
from http.client import HTTPException

from astropy.coordinates import name_resolve

from ..schema import ArchiveError, ServiceError
from . import allowed
from .ask import Client
from .contract import Position, key

SERVICE = "sesame"
UNKNOWN = "Unable to find coordinates"
LONGEST = 100
_ASKING = threading.Lock()  # the address of Sesame is a state of the whole process


def resolve(name: str, client: Client) -> Position:
    """ICRS position of a name in degrees; raises ArchiveError for an unknown one, ServiceError where Sesame fails."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise ArchiveError("This is neither a position nor a name of a source.")
    known = client.store.get(SERVICE, key(name=name))
    if known is None:
        allowed.check(SERVICE)
        usual = name_resolve.sesame_url.get()
        with _ASKING, name_resolve.sesame_url.set([f"{url}/"] if (url := allowed.address(SERVICE)) else usual):
            position = _asked(name)
        known = client.store.put(SERVICE, key(name=name), usual[0], json.dumps(position).encode())
    ra, dec = json.loads(known.data)
    return float(ra), float(dec)


def _asked(name: str) -> Position:
    try:
        found = name_resolve.get_icrs_coordinates(name)
    except name_resolve.NameResolveError as error:
        if str(error).startswith(UNKNOWN):
            raise ArchiveError(f"No catalogue of Sesame knows the name {name}.") from None
        raise ServiceError(SERVICE, "cannot be reached: is this machine offline") from None
    except (OSError, HTTPException, ValueError) as error:  # of urllib and ssl, of http, of an answer that is no text
        raise ServiceError(SERVICE, f"cannot be asked ({type(error).__name__})") from None
    return float(found.ra.deg), float(found.dec.deg)
