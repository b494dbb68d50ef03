"""What a spatial transformer does to an image, in words that an astronomer reads: a shift, a scale, a turn.

Jaderberg et al. 2015, "Spatial Transformer Networks" (arXiv:1506.02025): each pixel of the result is sampled at a place
of the input that an affine matrix θ gives. Places are (x, y) in units of the half side of the model's field, y upwards
as row 0 lies at the bottom. What is sampled is a parallelogram; the picture made of it shows that as its square.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .backbones.stn_cnn import StnCnn
from .front import Fronted, SpatialTransformer
from .quantities import angle
from .schema import Cutout, FloatArray, UnsupportedError, Window, sky_steps

NONE = "This model has no spatial transformer; stn_cnn has one, and any architecture that was trained with front=stn."
ALIKE = 0.02
"""Relative difference of the two axes up to which θ is a similarity: shift, scale and turn say all."""


@dataclass(frozen=True)
class Warp:
    """An affine map from the places of a result to those of its input, taken apart; ``shift`` is where the middle is.

    ``turn`` in degrees is that of the nearest rotation, from the first axis to the second; ``scale`` the square root of
    the area that is sampled over that of the field, 2 for one of twice the width; ``longest`` and ``shortest`` the
    scales along the two axes in which the map stretches, alike for a similarity.
    """

    shift: tuple[float, float]
    scale: float
    turn: float
    longest: float
    shortest: float
    is_mirrored: bool

    @property
    def is_similar(self) -> bool:
        """True where shift, scale and turn say all; else it shears or stretches one way."""
        return not self.is_mirrored and self.longest <= (1 + ALIKE) * self.shortest


def of_matrix(matrix: NDArray[np.floating], shift: NDArray[np.floating]) -> Warp:
    """Take a map (2, 2) with its shift (2,) apart by its polar decomposition."""
    (a, b), (c, d) = np.asarray(matrix, np.float64)
    longest, shortest = (float(value) for value in np.linalg.svd(np.array([[a, b], [c, d]]), compute_uv=False))
    determinant = float(a * d - b * c)
    is_mirrored = determinant < 0
    turn = math.degrees(math.atan2(c + b, a - d) if is_mirrored else math.atan2(c - b, a + d))
    x, y = (float(value) for value in shift)
    return Warp((x, y), math.sqrt(abs(determinant)), turn, longest, shortest, is_mirrored)


def sampler(model: nn.Module) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Functions from images (B, C, S, S) to θ (B, 2, 3), and to the images made with it; UnsupportedError without."""
    if isinstance(model, Fronted) and isinstance(model.front, SpatialTransformer):
        return model.front.theta, model.front
    if isinstance(model, StnCnn):
        return model.theta, model.transform
    raise UnsupportedError(NONE)


@torch.no_grad()
def theta(model: nn.Module, x: Tensor) -> NDArray[np.float64]:
    """Matrices (B, 2, 3) of images (B, C, S, S); UnsupportedError for a model without a spatial transformer."""
    return sampler(model)[0](x).detach().cpu().numpy().astype(np.float64)


@torch.no_grad()
def made(model: nn.Module, x: Tensor) -> Tensor:
    """Images (B, C, S, S) as the model's backbone sees them."""
    return sampler(model)[1](x).detach()


def density(matrices: NDArray[np.float64], side: int) -> FloatArray:
    """How many pixels of the result each input pixel (B, side, side) gives, by the weights of the bilinear sampling."""
    flat = torch.ones(len(matrices), 1, side, side, dtype=torch.float64, requires_grad=True)
    grid = F.affine_grid(torch.from_numpy(matrices), list(flat.shape), align_corners=False)
    (found,) = torch.autograd.grad(F.grid_sample(flat, grid, align_corners=False).sum(), flat)
    return found[:, 0].numpy().astype(np.float32)


def corners(matrix: NDArray[np.float64]) -> FloatArray:
    """Closed outline (5, 2) of what θ (2, 3) samples: y and x from 0 to 1 over the field, beyond it where it goes."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], np.float64)
    places = square @ matrix[:, :2].T + matrix[:, 2]
    return np.ascontiguousarray((places[:, ::-1] + 1) / 2, np.float32)


def on_sky(matrix: NDArray[np.float64], cutout: Cutout, window: Window) -> Warp | None:
    """θ (2, 3) over a window of a cutout as east and north in arcsec, turned from north through east; None without sky.

    ``shift`` is (east, north).
    """
    if cutout.wcs is None:
        return None
    middle = (window.y0 + window.y1 - 1) / 2, (window.x0 + window.x1 - 1) / 2
    steps = sky_steps(cutout.wcs, *middle)
    if steps is None or abs(np.linalg.det(steps)) < 1e-12:
        return None
    half = np.diag([window.shape[1] / 2, window.shape[0] / 2])
    to_sky = steps @ half
    north_first = np.array([[0.0, 1.0], [1.0, 0.0]])  # a turn counts from north through east
    turned = north_first @ to_sky @ matrix[:, :2] @ np.linalg.inv(to_sky) @ north_first
    found = of_matrix(turned, np.zeros(2))
    east, north = to_sky @ matrix[:, 2]
    return Warp((float(east), float(north)), found.scale, found.turn, found.longest, found.shortest, found.is_mirrored)


def record(found: Warp | None) -> dict[str, float | bool | None]:
    """Plain values of a warp on the sky, None where there is no sky; shifts in arcsec, the turn in degrees."""
    names = ("shift_east_arcsec", "shift_north_arcsec", "scale", "turn_degrees", "longest", "shortest", "mirrored")
    if found is None:
        return dict.fromkeys(names)
    values = (*found.shift, found.scale, found.turn, found.longest, found.shortest, found.is_mirrored)
    return dict(zip(names, values, strict=True))


def in_words(matrix: NDArray[np.float64], cutout: Cutout, window: Window) -> str:
    """θ (2, 3) as a sentence: shift on the sky or in pixels of the cutout, scale, turn, and what is no similarity."""
    sky = on_sky(matrix, cutout, window)
    if sky is not None:
        east, north = sky.shift
        moved = f"{angle(abs(east))} {'east' if east >= 0 else 'west'}, {angle(abs(north))} "
        moved += "north" if north >= 0 else "south"
        found, way = sky, "from north through east"
    else:
        half = np.diag([window.shape[1] / 2, window.shape[0] / 2])
        found = of_matrix(half @ matrix[:, :2] @ np.linalg.inv(half), half @ matrix[:, 2])
        moved, way = f"{found.shift[0]:+.1f} px along x, {found.shift[1]:+.1f} px along y", "from x to y"
    said = f"Sampled around a place {moved} of the centre, {found.scale:.2f} times as wide as the field"
    said += f", turned by {found.turn:.1f}° {way}" + (" and mirrored." if found.is_mirrored else ".")
    if not found.is_similar:
        said += f" Not a similarity: {found.longest:.2f} times as wide one way and {found.shortest:.2f} across."
    return said
