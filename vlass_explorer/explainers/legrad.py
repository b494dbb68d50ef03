"""LeGrad: how much each layer's attention to a patch would raise a label's logit, were the head to read that layer.

Bousselham et al. 2024, arXiv:2404.03214. It needs no class token, which makes it a good start for average pooling.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import relevance
from ..schema import Explanation

TITLE = "LeGrad"
ZERO = "No attention raises the label's logit; what lowers it is cut at zero."

supports = relevance.supports_legrad


def explain(model: nn.Module, x: Tensor, target: int) -> Explanation:
    """One map (gy, gx) for label ``target``, raw, unsigned: the mean over layers of positive gradients.

    Raises UnsupportedError for an architecture whose head cannot read every layer.
    """
    values, layers = relevance.legrad(model, x, target)
    return Explanation(
        maps=values[None],
        titles=(TITLE,),
        signed=False,
        unit="logit for one unit of attention",
        caption=f"Mean over {layers} layers of the positive gradient of the label's logit by attention to each patch.",
        numbers={"layers": layers, "sum": float(values.sum())},
    )
