"""The confusion matrix as it is drawn."""

from __future__ import annotations

import numpy as np

from vlass_explorer.figures.confusion import matrix


def test_shares_colour_the_counts_that_are_written() -> None:
    figure = matrix([[3, 1], [0, 0]], ["FR<I>", "Bent"])
    [trace] = figure.data
    np.testing.assert_allclose(trace.z, [[0.75, 0.25], [0.0, 0.0]])
    assert tuple(trace.y) == ("FR&lt;I&gt;", "Bent") and figure.layout.yaxis.autorange == "reversed"
    written = {(text.y, text.x): text.text for text in figure.layout.annotations}
    assert written["FR&lt;I&gt;", "Bent"] == "1" and written["Bent", "Bent"] == "0"
