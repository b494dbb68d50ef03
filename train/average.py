"""``average``: several checkpoints become one."""

from __future__ import annotations

import argparse

from vlass_explorer import devices
from vlass_explorer.learning.soup import average

from .cards import find_checkpoint


def run(options: argparse.Namespace) -> int:
    """Average, save and tell what came of it."""
    soup = average(
        [find_checkpoint(name) for name in options.checkpoints],
        options.name,
        data_dir=options.data_dir,
        dataset=options.dataset,
        split=options.split,
        fold=options.fold,
        greedy=options.greedy,
        device=devices.resolve(options.device),
    )
    reached = ""
    report = soup.result and soup.result.report
    if report and report.seen:
        reached = f", validation macro F1 {report.macro_f1:.4f}. {report.seen.sentence}"
    print(f"checkpoint {soup.card.path}: mean of {', '.join(parent.name for parent in soup.parents)}{reached}")
    return 0
