"""How the answer forms: the logits that the tokens after each block would give, and what each head is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..schema import FloatArray, UnsupportedError
from .recording import Operation
from .words import part_of


def after_blocks(model: nn.Module, operations: Sequence[Operation]) -> FloatArray:
    """Logits (block, K) read out after every block as the model reads them out after its last.

    Tokens after a block go through the model's own last norm and head, which were trained for the last block alone
    ("logit lens", nostalgebraist 2020): the last row is the answer itself, bit for bit. Raises UnsupportedError where
    a model has no blocks of one width.
    """
    whole: Any = model
    blocks, head = getattr(model, "blocks", None), getattr(model, "forward_head", None)
    if not isinstance(blocks, nn.Sequential | nn.ModuleList) or head is None or not hasattr(model, "norm"):
        raise UnsupportedError(
            "Only a transformer whose blocks all have one width can be read out after each of them; this model is read "
            "out at its end alone."
        )
    rows = []
    with torch.no_grad():
        for number in range(len(blocks)):
            tokens = [each for each in operations if part_of(each.module) == f"blocks.{number}"]
            last = tokens[-1].output if tokens else None
            if last is None:
                raise UnsupportedError("The tensors of this pass are too large to be kept: nothing to read out.")
            rows.append(head(whole.norm(last))[0])
    return torch.stack(rows).numpy(force=True)


def without_heads(model: nn.Module, x: Tensor, target: int) -> FloatArray:
    """Change (layer, head) of the target's softmax score when one head at a time adds nothing; NaN where there is none.

    One image (1, C, H, W). A head is switched off by zeros in the columns of the projection that reads it, in a copy of
    that weight: the model is left as it was. Raises UnsupportedError for models without heads of this form.
    """
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(getattr(module, "proj", None), nn.Linear) and isinstance(getattr(module, "num_heads", None), int)
    ]
    if not layers:
        raise UnsupportedError("This model has no attention heads whose output one projection reads.")
    most = max(_heads(module) for _, module in layers)
    found = np.full((len(layers), most), np.nan, np.float32)
    with torch.no_grad():
        whole = torch.softmax(model(x)[0], dim=0)[target]
        for row, (name, module) in enumerate(layers):
            weight: Tensor = getattr(module, "proj").weight  # noqa: B009
            width = weight.shape[1] // _heads(module)
            for head in range(_heads(module)):
                less = weight.detach().clone()
                less[:, head * width : (head + 1) * width] = 0.0
                logits: Any = functional_call(model, {f"{name}.proj.weight": less}, (x,))
                found[row, head] = float(torch.softmax(logits[0], dim=0)[target] - whole)
    return found


def _heads(module: nn.Module) -> int:
    return int(module.num_heads)  # type: ignore[arg-type]
