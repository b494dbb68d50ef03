"""Progress reaches whoever watches, in shares of the whole, and stops the work on request."""

from __future__ import annotations

import threading

import pytest

from vlass_explorer.progress import Cancelled, part, report, watch


def test_without_a_watcher_nothing_happens() -> None:
    report(1, 2)
    with part(0, 2):
        report(1, 2)


def test_shares_of_parts_within_parts_add_up_to_the_whole() -> None:
    seen: list[float] = []
    with watch(seen.append):
        for outer in range(2):
            with part(outer, 2):
                for inner in range(2):
                    with part(inner, 2):
                        report(1, 2)
                        report(2, 2)
        report(0, 0)
    report(1, 4)
    assert seen == [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.0]


def test_a_watcher_cancels_and_leaves_no_trace() -> None:
    def refuse(share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled), watch(refuse), part(0, 3):
        report(0, 1)
    report(1, 2)


def test_threads_do_not_watch_each_other() -> None:
    seen: list[float] = []
    with watch(seen.append):
        other = threading.Thread(target=report, args=(1, 2))
        other.start()
        other.join()
        report(1, 4)
    assert seen == [0.25]
