"""What passes between the browser and the app: each message with its time, and which part of the page it belongs to.

``WATCH`` goes into a browser context before its first page; ``parts`` reads what it kept since a file was dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

WATCH = """
window.kept = []
const keep = (kind, data) => window.kept.push([performance.now(), kind, data])
window.WebSocket = class extends window.WebSocket {
  constructor(...given) {
    super(...given)
    this.addEventListener('message', event => keep('in', event.data))
  }
  send(data) {
    keep('out', data)
    super.send(data)
  }
}
document.addEventListener('change', event => {
  if (event.target.type !== 'file') return
  window.kept.length = 0
  window.droppedAt = performance.now()
}, true)
"""
READ = """() => window.kept.map(([at, kind, data]) => {
  const bytes = new Uint8Array(data), pieces = []
  for (let i = 0; i < bytes.length; i += 32768) pieces.push(String.fromCharCode(...bytes.subarray(i, i + 32768)))
  return [at - window.droppedAt, kind, btoa(pieces.join(''))]
})"""


@dataclass(frozen=True)
class Parts:
    """Where the time went, in milliseconds from the drop, and what was sent until the panels were there."""

    waits: dict[str, float]
    """Part of the way, in its order: how long; they add up to the whole."""
    messages: int
    bytes: int
    panels_bytes: int
    ended: float
    """When the script was done, which may be later."""


def parts(page: Page, stamp: str, drawn: float) -> Parts:
    """The way of the file whose panels carry this stamp and were drawn so many milliseconds after the drop."""
    waits: dict[str, float] = {}
    last, size, count, ended = 0.0, 0, 0, 0.0
    panels = 0
    for at, name, length, text in _messages(page):
        if name == "finished":
            ended = max(ended, at)
        if panels:
            continue
        count, size = count + 1, size + length
        if name == "chart" and stamp in text:
            panels, name = length, "explanation and panels"
        waits[name] = waits.get(name, 0.0) + at - last
        last = at
    waits["drawing in the browser"] = drawn - last
    return Parts(waits, count, size, panels, ended)


def _messages(page: Page) -> Iterator[tuple[float, str, int, str]]:
    """When, what, how many bytes, and the figure of a chart."""
    has_begun = False
    for at, kind, data in page.evaluate(READ):
        raw = base64.b64decode(data)
        if kind == "out":
            is_run = BackMsg.FromString(raw).WhichOneof("type") == "rerun_script"
            if is_run and not has_begun:
                has_begun = True
                yield at, "upload", 0, ""
            continue
        if has_begun:
            yield at, *_named(ForwardMsg.FromString(raw), len(raw))


def _named(message: ForwardMsg, length: int) -> tuple[str, int, str]:
    kind = message.WhichOneof("type")
    if kind == "script_finished":
        return "finished", length, ""
    if kind != "delta":
        return "start of the run", length, ""
    element: Any = message.delta.new_element
    if element.WhichOneof("type") == "plotly_chart":
        return "chart", length, element.plotly_chart.spec
    return ("sidebar" if message.metadata.delta_path[0] == 1 else "page above the panels"), length, ""
