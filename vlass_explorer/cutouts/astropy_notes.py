"""Warnings of astropy and Pillow as plain notes: Python's machinery is process-wide, Streamlit serves in threads."""

from __future__ import annotations

import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from astropy.utils.exceptions import AstropyWarning

from .notes import Notes, counted

# warnings.catch_warnings changes the whole process; one reader at a time may hold it.
_LOCK = threading.RLock()

# What a warning means, for one and for several of its kind; None: it concerns nobody.
PLAIN: tuple[tuple[str, tuple[str, str] | None], ...] = (
    (r"obsfix|OBSGEO|datfix", None),
    (r"celfix|cylfix|cdfix", ("An old projection is read as its modern form.",) * 2),
    (r"unitfix|UnitsWarning|unit", ("Units in the header are spelt in an old way and were read as meant.",) * 2),
    (r"BLANK", ("The header has a BLANK value that does not apply to floating-point pixels and is ignored.",) * 2),
    (r"RADECSYS", None),
    (
        r"Unprintable|non-ASCII|newline|whitespace|printable ASCII",
        ("The header has characters that FITS does not allow; they are ignored.",) * 2,
    ),
    (r"truncated", ("The file is shorter than its header says.",) * 2),
    (
        r"^(Tag|Truncated|Corrupt|Possibly corrupt|Metadata)|Skipping tag|EXIF",
        ("Some tags of the picture are damaged.",) * 2,
    ),
    (
        r"Invalid keyword|not follow|non-standard|Verification|Card |parameterized",
        ("A header card breaks the FITS standard.", "{} header cards break the FITS standard."),
    ),
)
OTHER = ("The reader met one more oddity of the file.", "The reader met {} more oddities of the file.")

# Lines that only frame the warning that follows them.
FRAME = ("Verification reported errors", "Note: astropy.io.fits", "HDU ", "Card ", "    HDU", "\n")


def plain(message: str) -> tuple[str, str] | None:
    """The sentences for one warning of this kind and for several; None where it need not be told."""
    for pattern, sentences in PLAIN:
        if re.search(pattern, message):
            return sentences
    return OTHER


@contextmanager
def collected(notes: Notes, category: type[Warning] = AstropyWarning) -> Iterator[None]:
    """Note this thread's warnings of a category as plain sentences, alike ones counted; all other warnings pass on."""
    owner = threading.get_ident()
    found: Counter[tuple[str, str]] = Counter()
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("always", category)
        shown = warnings.showwarning

        def show(message: Warning | str, raised: type[Warning], *args: Any, **more: Any) -> None:
            if threading.get_ident() == owner and issubclass(raised, category):
                text = str(message)
                if not text.startswith(FRAME) and (sentences := plain(text)) is not None:
                    found[sentences] += 1
            else:
                shown(message, raised, *args, **more)

        warnings.showwarning = show  # type: ignore[assignment]
        yield
    for sentences, count in found.items():
        notes.minor(counted(count, *sentences))
