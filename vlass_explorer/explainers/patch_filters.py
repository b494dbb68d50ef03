"""Patch filters: the first principal components of the filters that turn a patch into a token.

Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7 left. It belongs to the model, not the cutout.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention.positions import filter_components
from ..schema import Explanation, UnsupportedError
from ..schema.bounds import Count

TITLE = "Patch filters"
ON_SKY = False


def supports(model: nn.Module) -> tuple[bool, str]:
    """Are patches cut by one convolution, and if not, why."""
    try:
        filter_components(model, 1)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def explain(model: nn.Module, x: Tensor, target: int, *, components: Count = 28) -> Explanation:
    """Signed maps (component, ky, kx) in pixels of a patch, channels averaged; ``target`` does not matter.

    components: How many components, strongest first.

    Raises UnsupportedError for a model whose patches are not cut by one convolution, or less than one component.
    """
    if components < 1:
        raise UnsupportedError("At least one component is shown.")
    pictures, shares = filter_components(model, components)
    return Explanation(
        on_sky=False,
        maps=pictures,
        titles=tuple(f"{number + 1}: {share:.1%}" for number, share in enumerate(shares)),
        signed=True,
        unit="filter weight, arbitrary unit",
        caption=f"Principal components of the patch embedding; together {shares.sum():.0%} of its variance.",
        numbers={"components": len(shares), "variance_share": float(shares.sum())},
    )
