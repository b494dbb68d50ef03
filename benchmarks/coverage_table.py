"""The table of ``attention_coverage`` as Markdown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

Row = dict[str, Any]
SIZES = ("own", "square", "rectangle")


def write(path: Path | None, rows: list[Row]) -> str:
    """The counts; with a path the table goes under its mark in that Markdown file, below what is written there."""
    rows = sorted({row["name"]: row for row in rows}.values(), key=lambda row: row["name"])
    counts = summary(rows)
    if path is not None:
        head = path.read_text().partition("<!-- table -->")[0] if path.exists() else ""
        path.write_text(f"{head}<!-- table -->\n\n{counts}\n\n{table(rows)}\n")
    return counts


def summary(rows: list[Row]) -> str:
    """One paragraph of counts."""
    cells = [cell for row in rows for cell in row["cells"].values()]
    verdicts = Counter(cell["verdict"] for cell in cells)
    drawn = [row for row in rows if row["cells"]["own"]["verdict"] != "refused"]
    rectangles = sum("rectangle" in row["cells"] for row in drawn)
    impulses = sum(cell.get("impulse") == "right" for cell in cells)
    return (
        f"{len(rows)} architectures, {len(drawn)} drawn and {len(rows) - len(drawn)} refused for what they are; "
        f"{len(cells)} pairs of architecture and size, rectangles for {rectangles}. Exact against dense matrices: "
        f"{verdicts['exact']}; by the impulse test alone: {verdicts['impulse']}; refused with a reason: "
        f"{verdicts['refused']}; wrong: {verdicts['WRONG']}. The impulse test was run on {impulses} of the exact and "
        "other pairs and passed."
    )


def table(rows: list[Row]) -> str:
    """The rows."""
    lines = [
        "| architecture | what it is, or why not | own size | another square | rectangle | largest difference |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = row["cells"]
        own = cells["own"]
        what = f"{own['what']}, {own['grid']} patches" if "what" in own else own["reason"]
        found = [_cell(cells.get(which)) for which in SIZES]
        differences = [cell["difference"] for cell in cells.values() if "difference" in cell]
        largest = f"{max(differences):.0e}" if differences else ""
        lines.append(f"| {row['name']} | {what} | {' | '.join(found)} | {largest} |")
    return "\n".join(lines)


def _cell(cell: Row | None) -> str:
    if cell is None:
        return ""
    ny, nx = cell["size"]
    reason = (
        f" ({cell['reason']})" if cell["verdict"] == "refused" and "what" not in cell and cell.get("said_yes") else ""
    )
    also = "+impulse" if cell["verdict"] == "exact" and cell.get("impulse") == "right" else ""
    return f"{ny}×{nx} {cell['verdict']}{also}{reason}"
