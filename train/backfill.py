"""``provenance``: list on a checkpoint's card which cutouts it has seen."""

from __future__ import annotations

import argparse

from vlass_explorer.learning.backfill import list_seen

from .cards import find_checkpoint


def run(options: argparse.Namespace) -> int:
    """Write the list, and tell what it holds."""
    card, seen = list_seen(
        find_checkpoint(options.checkpoint),
        data_dir=options.data_dir,
        dataset=options.dataset,
        nothing_else=options.nothing_else,
    )
    told = f"{seen.train:,} cutouts trained on, {seen.selected:,} validated on, {seen.calibrated:,} calibrated on"
    print(f"{card.name}: {told}")
    if seen.unlisted:
        print(f"not listed is what these saw: {', '.join(seen.unlisted)}")
    return 0
