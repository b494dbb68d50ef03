"""One evaluator: what a checkpoint says of labelled cutouts, the report of it, and checkpoints side by side.

``parts`` says which cutouts, ``images`` how a model sees them, ``scores`` asks it, ``metrics`` turns labels and scores
into a ``Report``, ``unseen`` says how much of it the checkpoint had seen; ``leaderboard`` and ``cost`` compare
checkpoints, ``averaging`` makes one of several. Pages, the command line and the end of a run call the same functions::

    part = parts.select(card, parts.config_of(card, data_dir="DIR"), "test")
    report = evaluate(checkpoints.load(card), card, part).report

``masks`` does the same for images whose pixels have classes.
"""

from .images import Images
from .masks import MaskResult, evaluate_mask_images, evaluate_masks
from .parts import Part
from .scores import EvaluationResult, evaluate, evaluate_images

__all__ = [
    "EvaluationResult",
    "Images",
    "MaskResult",
    "Part",
    "evaluate",
    "evaluate_images",
    "evaluate_mask_images",
    "evaluate_masks",
]
