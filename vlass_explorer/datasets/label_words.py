"""Labels as people write them: those that may be missing, and those that may be one class, are asked about.

The answer is ``labels`` in dataset.yaml: label as written -> class, or null for images that are left out::

    labels: {nan: null, "fr i": FRI}
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from ..schema import DatasetError

MISSING = {"", "nan", "n/a", "na", "<na>", "none", "null", "nat"}
TOLD = 5


def normalise(text: str) -> str:
    """A name in the composed form of Unicode (NFC): as most systems write it, macOS folders do not."""
    return unicodedata.normalize("NFC", text)


def resolve_labels(
    table: Sequence[Mapping[str, str]], answers: Mapping[str, str | None], classes: Collection[str] = ()
) -> list[dict[str, str]]:
    """The rows with labels in composed Unicode, named as ``answers`` say, without those that have no label then.

    ``classes`` are label names that the set declares: they need no answer. Raises one DatasetError that names every
    label which is empty or says "missing", or differs from another by case, spaces, dashes, accents or as 1 and 1.0.
    """
    rows = [{**row, "label": normalise(row["label"])} for row in table]
    counts = Counter(row["label"] for row in rows)
    open_labels = [label for label in sorted(counts) if label not in answers and label not in classes]
    doubts = [f"{_shown(label)} ({counts[label]})" for label in open_labels if label.casefold() in MISSING]
    asked = [f"{', '.join(doubts[:TOLD])} may stand for no label"] if doubts else []
    alike = defaultdict(set)
    for label in {*counts, *classes} - answers.keys():
        if label.casefold() not in MISSING:
            alike[_essence(label)].add(label)
    for names in sorted(sorted(group) for group in alike.values() if len(group) > 1 and not group <= {*classes}):
        asked.append(f"{' and '.join(f'{_shown(name)} ({counts[name]})' for name in names)} may be one class")
    if asked:
        raise DatasetError(
            f"Labels are in doubt: {'; '.join(asked[:TOLD])}. Say in dataset.yaml what they are, as in "
            "labels: {fri: FRI, nan: null} (null leaves images out)."
        )
    named = ((row, answers.get(row["label"], row["label"])) for row in rows)
    return [{**row, "label": label} for row, label in named if label is not None]


def _shown(label: str) -> str:
    return repr(label) if label else "an empty label"


def _essence(label: str) -> str:
    """What is left of a label without case, spaces, dashes and accents; of a number its value."""
    try:
        return f"{float(label):.12g}"
    except ValueError:
        plain = unicodedata.normalize("NFKD", label).casefold()
        return re.sub(r"[\s_\u2010-\u2015-]", "", "".join(sign for sign in plain if not unicodedata.combining(sign)))
