"""Tables of many cutouts: what is known of one becomes a row."""

from . import rows

__all__ = ["rows"]
