"""Why a run ended, in one sentence: what its status says when something outside the program went wrong."""

from __future__ import annotations

import errno
from typing import Any

import torch

from vlass_explorer.schema import ExplorerError, RunConfig

from .stopping import Diverged

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
SHORT = ("not enough memory", "can't allocate memory", "out of memory", "killed by signal", "bus error")


def explain(error: BaseException, config: RunConfig) -> dict[str, Any] | None:
    """Values for the status, ``reason`` among them; None for a bug, which has to stay loud."""
    if isinstance(error, ExplorerError | Diverged):
        return {"reason": str(error)}
    if isinstance(error, OSError) and error.errno in FULL:
        return {"reason": f"The disk is full ({error.strerror}): free some space and resume from the last saved state."}
    is_short = isinstance(error, RuntimeError) and any(text in str(error).lower() for text in SHORT)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or is_short:
        half = max(1, config.batch_size // 2)
        advice = f"batch_size={half} accumulate={2 * config.accumulate} (the same gradient from half the memory)"
        if config.batch_size == 1:
            advice = "a smaller img_size or architecture"
        reason = f"Out of memory on {config.device} with batch_size {config.batch_size}; try {advice}."
        return {"reason": reason, "suggested_batch_size": half}
    return None
