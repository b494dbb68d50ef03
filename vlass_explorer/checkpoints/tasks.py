"""What a checkpoint answers: one class an image, or one a pixel; who needs the one refuses the other in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from ..schema import Checkpoint, CheckpointError, Task

INSTEAD = {
    "segmentation": "it labels pixels and gives no scores of a whole image; open it on Explore, or use `segment`",
    "classification": "it gives one class for a whole image and none for its pixels; take a segmentation checkpoint",
}
"""Task of a checkpoint -> why it cannot do the other."""


def require(card: Checkpoint, task: Task) -> Checkpoint:
    """The card itself where it is of a task; CheckpointError with what to do instead where it is not."""
    if card.task != task:
        raise CheckpointError(f"{card.name} is a {card.task} checkpoint: {INSTEAD[card.task]}.")
    return card


def of(cards: Sequence[Checkpoint], task: Task) -> list[Checkpoint]:
    """Those of the cards that are of a task."""
    return [card for card in cards if card.task == task]
