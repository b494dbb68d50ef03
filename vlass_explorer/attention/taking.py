"""Tell a model that does not take an input from a fault of this program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ..foreign import mapped, reason
from ..schema import ExplorerError, UnsupportedError


@contextmanager
def taking(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Around a pass that this program watches: UnsupportedError where the model by itself does not take ``x``.

    Whatever else goes wrong in it passes as it is.
    """
    try:
        yield
    except ExplorerError:
        raise
    except Exception:
        with mapped(partial(_refusal, model, x)), torch.no_grad():
            model(x)
        raise


def _refusal(model: nn.Module, x: Tensor, error: Exception) -> UnsupportedError:
    ny, nx = x.shape[-2:]
    return UnsupportedError(f"{type(model).__name__} as it was built takes no {ny} x {nx} inputs ({reason(error)}).")
