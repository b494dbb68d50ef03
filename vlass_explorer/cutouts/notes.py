"""What is odd about a file, for people: the important first, at most five, the rest kept apart."""

from __future__ import annotations

MOST = 5


class Notes(list[str]):
    """Sentences in the order in which they were met; those appended by ``minor`` change nothing that is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._minor: list[str] = []

    def minor(self, sentence: str) -> None:
        """Note what a reader of the file may skip: old spellings that were read as meant, axes of one pixel."""
        self._minor.append(sentence)

    def split(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The first five, important ones before minor ones, and the rest; each sentence once."""
        ordered = tuple(dict.fromkeys([*self, *self._minor]))
        return ordered[:MOST], ordered[MOST:]


def counted(count: int, one: str, many: str) -> str:
    """The sentence for one thing, or the one for several with their number in place of ``{}``."""
    return one if count == 1 else many.format(count)
