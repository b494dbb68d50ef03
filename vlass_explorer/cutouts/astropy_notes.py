"""Warnings of astropy and Pillow as plain notes: Python's machinery is process-wide, Streamlit serves in threads."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from astropy.utils.exceptions import AstropyWarning

# warnings.catch_warnings changes the whole process; one reader at a time may hold it.
_LOCK = threading.RLock()

PLAIN = (
    (r"obsfix|OBSGEO", "The observatory position in the header was completed by astropy."),
    (
        r"(?s)datfix.*(Invalid|[Cc]hanged|Set DATE)",
        "Dates in the header were written in an old form and were read as meant.",
    ),
    (r"datfix", "Modified Julian dates were added by astropy from the dates in the header."),
    (r"unitfix", "Units in the header were spelt in an old way and were read as meant."),
    (r"cdfix|spcfix|celfix|cylfix", "The coordinates in the header were repaired by astropy."),
    (r"BLANK", "The header has a BLANK value that does not apply to floating-point pixels and is ignored."),
    (r"RADECSYS", "The header uses the old keyword RADECSYS, read as RADESYS."),
    (
        r"Unprintable|non-ASCII|newline|whitespace|printable ASCII",
        "The header has characters that FITS does not allow; they are ignored.",
    ),
    (
        r"more axes \(\d+\) than the image",
        "The header describes more axes than the image has; the left-over ones are ignored.",
    ),
    (r"deprecated, use PCi_ja", "The header writes its rotation matrix in an old form, read as meant."),
    (r"truncated", "The file is shorter than its header says."),
    (r"^(Tag|Truncated|Corrupt|Possibly corrupt|Metadata)|Skipping tag|EXIF", "Some tags of the picture are damaged."),
    (r"Invalid keyword|not follow|non-standard|Verification|Card ", "A header card breaks the FITS standard."),
)

# Lines that only frame the warning that follows them.
FRAME = ("Verification reported errors", "Note: astropy.io.fits", "HDU ", "Card ", "    HDU", "\n")


def plain(message: str) -> str:
    """One plain sentence for a warning."""
    for pattern, sentence in PLAIN:
        if re.search(pattern, message):
            return sentence
    first = " ".join(message.split())
    return f"Warning on reading: {first[:160].rstrip('.')}{'…' if len(first) > 160 else '.'}"


@contextmanager
def collected(notes: list[str], category: type[Warning] = AstropyWarning) -> Iterator[None]:
    """Collect this thread's warnings of a category as plain notes, each once; all other warnings pass on."""
    owner = threading.get_ident()
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("always", category)
        shown = warnings.showwarning

        def show(message: Warning | str, raised: type[Warning], *args: Any, **more: Any) -> None:
            if threading.get_ident() == owner and issubclass(raised, category):
                text = str(message)
                if not text.startswith(FRAME) and (note := plain(text)) not in notes:
                    notes.append(note)
            else:
                shown(message, raised, *args, **more)

        warnings.showwarning = show  # type: ignore[assignment]
        yield
