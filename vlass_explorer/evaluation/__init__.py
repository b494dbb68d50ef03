"""One evaluator: what a checkpoint says of labelled cutouts, the report of it, and checkpoints side by side.

``scores`` asks a model, ``metrics`` turns labels and scores into a ``Report``, ``leaderboard`` and ``cost`` compare
checkpoints, ``averaging`` makes one of several.
"""

from .scores import Evaluation, evaluate, matched

__all__ = ["Evaluation", "evaluate", "matched"]
