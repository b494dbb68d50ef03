"""Run folders: create, read, list, ask to stop, delete. A run is what its folder says, checked against its process."""

from .curves import Curves, Points
from .folder import active_runs, create, delete, find, listing, locked, new_attempt, queue, read, request_stop, root
from .process import alive, identity
from .records import (
    append_metrics,
    heartbeat,
    log_tail,
    metrics,
    read_report,
    read_status,
    rewind,
    write_json,
    write_status,
)

__all__ = [
    "Curves",
    "Points",
    "alive",
    "append_metrics",
    "active_runs",
    "heartbeat",
    "create",
    "delete",
    "locked",
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
