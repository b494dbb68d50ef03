"""Run folders: create, read, list, ask to stop. A run is what its folder says, checked against its process."""

from .folder import create, find, listing, new_attempt, queue, read, request_stop, root
from .process import alive, identity
from .records import append_metrics, beat, log_tail, metrics, read_status, rewind, write_json, write_status

__all__ = [
    "alive", "append_metrics", "beat", "create", "find", "identity", "listing", "log_tail", "metrics",
    "new_attempt", "queue", "read", "read_status", "request_stop", "rewind", "root", "write_json", "write_status",
]  # fmt: skip
