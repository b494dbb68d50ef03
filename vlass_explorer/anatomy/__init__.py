"""A model opened up: every step of its real pass over one image, how its answer forms, what each head is worth."""

from .readout import after_blocks, without_heads
from .recording import Operation, record
from .words import FORMULAS, Step, part_of, steps

__all__ = ["FORMULAS", "Operation", "Step", "after_blocks", "part_of", "record", "steps", "without_heads"]
