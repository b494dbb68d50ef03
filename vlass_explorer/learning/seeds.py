"""Random numbers that depend on what they are for, not on what was drawn before: nothing to save, same after resume."""

from __future__ import annotations

import numpy as np
import torch

ORDER, STEP, MIX, AUGMENT = range(4)


def seed_from(*numbers: int) -> int:
    """One 63-bit seed from several numbers, such as (purpose, seed, epoch, step)."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator(*numbers: int) -> torch.Generator:
    """A CPU generator seeded by several numbers."""
    return torch.Generator().manual_seed(seed_from(*numbers))
