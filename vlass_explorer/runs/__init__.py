"""Run folders: create, read, list, ask to stop, delete. A run is what its folder says, checked against its process."""

from .curves import Curves, Points
from .folder import at_work, create, delete, exclusive, find, listing, new_attempt, queue, read, request_stop, root
from .process import alive, identity
from .records import append_metrics, beat, log_tail, metrics, read_report, read_status, rewind, write_json, write_status

__all__ = [
    "Curves",
    "Points",
    "alive",
    "append_metrics",
    "at_work",
    "beat",
    "create",
    "delete",
    "exclusive",
    "find",
    "identity",
    "listing",
    "log_tail",
    "metrics",
    "new_attempt",
    "queue",
    "read",
    "read_report",
    "read_status",
    "request_stop",
    "rewind",
    "root",
    "write_json",
    "write_status",
]
