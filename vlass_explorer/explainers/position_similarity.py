"""Position similarity: cosine between the position embeddings of patches; it belongs to the model, not the cutout.

Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ..attention.positions import is_rotary, mosaic, similarity, supports
from ..schema import Explanation, UnsupportedError

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Position similarity"


def explain(
    model: nn.Module,
    x: Tensor,
    target: int,
    *,
    view: Literal["patch", "grid"] = "patch",
    query: int | None = None,
    resize: int | None = None,
) -> Explanation:
    """One signed map of cosines in [-1, 1]: (gy, gx) for a patch, (gy * gy, gx * gx) for the grid of all tiles.

    view: One patch against all, or one tile for every patch.
    query: Patch that is compared (row * columns + column, row 0 at the bottom); none is the central one.
    resize: Rows and columns of a grid that the embedding is interpolated to, as for another image size; none leaves it.

    Raises UnsupportedError for a model without a position embedding a patch, or a patch that does not exist.
    """
    grid, matrix = similarity(model, None if resize is None else (resize, resize))
    gy, gx = grid
    if query is not None and not 0 <= query < gy * gx:
        raise UnsupportedError(f"There is no patch {query}: patches are row * {gx} + column, below {gy * gx}.")
    patch = gy // 2 * gx + gx // 2 if query is None else query
    if view == "grid":
        maps, title = mosaic(grid, matrix), "Every patch against all"
    else:
        maps, title = matrix[patch].reshape(grid), "Patch row {}, column {} against all".format(*divmod(patch, gx))
    return Explanation(
        maps=maps[None],
        titles=(title,),
        signed=True,
        unit="cosine",
        on_sky=view == "patch",
        caption=_caption(model, resize),
        numbers={"grid_rows": gy, "grid_columns": gx, "patch": patch},
    )


def _caption(model: nn.Module, resize: int | None) -> str:
    if is_rotary(model):
        return "What is left of an equal query and key at their distance (rotary embedding), the same for every cutout."
    words = "" if resize is None else f" Interpolated to {resize} x {resize} patches."
    return f"Cosine of position embeddings: learned by the model, the same for every cutout.{words}"
