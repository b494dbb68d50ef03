"""What the services of the shelf have in common: positions, keys of the cache and circles as SODA writes them."""

from __future__ import annotations

from ..schema import ServiceError
from . import store

Position = tuple[float, float]
"""(RA, Dec) in degrees, ICRS."""


class Outside(ServiceError):
    """The service has nothing at this position, which is an answer and no failure."""


def key(**parts: object) -> str:
    """A key of the cache; positions count to a hundredth of an arcsec, as text that is always the same."""
    return store.key({name: _text(value) for name, value in parts.items()})


def circle(position: Position, radius: float) -> str:
    """``CIRCLE ra dec radius`` in degrees, the radius given in arcsec."""
    return f"CIRCLE {position[0]:.7f} {position[1]:.7f} {radius / 3600:.7f}"


def _text(value: object) -> object:
    if isinstance(value, tuple):
        return [f"{float(part):.6f}" for part in value]
    return f"{value:g}" if isinstance(value, float) else value
