"""A row of sorted numbers: its median, its median deviation and its clipping are places in it, found by halving.

Distances from a median fall towards it and grow beyond it, so of each only a few dozen are looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf, nextafter
from typing import NamedTuple

FINEST_STEP, COARSEST_STEP = 1e-3, 0.22  # of a median deviation, between which numbers are counts


class Row(NamedTuple):
    """Part of sorted finite float64 numbers, a NumPy array seen as a memoryview, which gives them as Python's."""

    values: memoryview
    first: int
    last: int
    """Place behind the last one of the part."""

    @property
    def size(self) -> int:
        """How many numbers the part holds."""
        return self.last - self.first

    def median(self) -> float:
        """Median of a row that is not empty."""
        return float(self.values[(self.first + self.last - 1) // 2] + self.values[(self.first + self.last) // 2]) / 2.0

    def within(self, median: float, limit: float) -> Row:
        """The part whose distance from a median is at most ``limit``, which is not negative."""
        values, places = self.values, range(self.first, self.last)
        first = bisect_left(places, True, key=lambda at: median - values[at] <= limit)
        last = bisect_left(places, True, key=lambda at: values[at] - median > limit)
        return Row(values, self.first + first, self.first + last)

    def deviation(self, median: float) -> float:
        """Median of the distances from the median; of whole counts one within the count that half are rounded to.

        Otherwise the noise of 10 counts would jump by 7 to 14 % when a few pixels change. Where the median is less than
        five counts, it stays what it is: such noise is no more than counted.
        """
        middle = (self._farthest(median, (self.size + 1) // 2) + self._farthest(median, self.size // 2 + 1)) / 2.0
        if middle == 0.0:
            return middle
        values, below, upto = self.values, self.within(median, nextafter(middle, -inf)), self.within(median, middle)
        if upto.size - below.size < 2 or below.size == 0 or upto.size == self.size:
            return middle
        left = max(median - values[below.first], values[below.last - 1] - median)
        right = min(
            median - values[upto.first - 1] if upto.first > self.first else inf,
            values[upto.last] - median if upto.last < self.last else inf,
        )
        if not FINEST_STEP <= (right - left) / 2.0 / middle <= COARSEST_STEP:
            return middle
        start, width = (left + middle) / 2.0, (right - left) / 2.0
        return start + width * (self.size / 2.0 - below.size) / (upto.size - below.size)

    def _farthest(self, median: float, count: int) -> float:
        """Distance of the farthest of the ``count`` numbers that are nearest to the median."""
        # They stand side by side: of all such parts the one whose farther end is least far.
        values, behind = self.values, count - 1
        places = range(self.first, self.last - behind)
        turn = bisect_left(places, True, key=lambda at: values[at + behind] - median >= median - values[at])
        ends = (max(median - values[at], values[at + behind] - median) for at in places[max(turn - 1, 0) : turn + 1])
        return float(min(ends))
