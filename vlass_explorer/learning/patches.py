"""Train a vision transformer on the brightest patches only: most of a radio cutout is empty sky.

At prediction all patches are used. The patch_drop of FLIP (Li et al. 2023, arXiv:2212.00794), which drops patches at
random, would drop the source.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..front import backbone
from ..schema import ConfigError

JITTER = 0.3
"""Random share of the score, so that a patch of faint emission has its chance."""


class BrightPatches(nn.Module):
    """Stands where timm drops patches: in training, keeps the prefix tokens and ``count`` patches."""

    def __init__(self, count: int, prefix: int) -> None:
        super().__init__()
        self.count, self.prefix = count, prefix
        self.chosen = torch.empty(0)

    def look(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        """Choose the patches of a batch of images (B, C, S, S) before the model sees it."""
        if not module.training:
            return
        patch: Any = module.patch_embed
        score = F.max_pool2d(arguments[0].float().amax(dim=1, keepdim=True), patch.patch_size).flatten(1)
        score = score + JITTER * torch.rand_like(score)
        self.chosen = score.topk(min(self.count, score.shape[1]), dim=1).indices

    def forward(self, x: Tensor) -> Tensor:
        """(B, prefix + N, D) to (B, prefix + count, D) in training."""
        if not self.training:
            return x
        patches = x[:, self.prefix :]
        kept = patches.gather(1, self.chosen[..., None].expand(-1, -1, x.shape[2]))
        return torch.cat([x[:, : self.prefix], kept], dim=1)


class BrightPatchesOfConViT(BrightPatches):
    """The same for ConViT, whose first layers also need where the kept patches lie relative to one another."""

    def __init__(self, model: Any, count: int) -> None:
        super().__init__(count, prefix=0)
        # In a tuple, so that these layers are not registered a second time.
        self._gated = (tuple(block.attn for block in model.blocks if hasattr(block.attn, "get_rel_indices")),)
        rows, columns = model.patch_embed.grid_size
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        dx, dy = (axis.flatten()[None] - axis.flatten()[:, None] for axis in (x, y))
        self.relative = torch.stack([dx, dy, dx**2 + dy**2], dim=-1).float()

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, count, D) in training."""
        near = None
        if self.training:
            near = self.relative.to(x.device)[self.chosen[:, :, None], self.chosen[:, None, :]]
        for layer in self._gated[0]:
            layer.rel_indices = near
        return super().forward(x)


def keep_brightest(model: nn.Module, count: int) -> None:
    """Let a ViT or ConViT train on its ``count`` brightest patches; ConfigError for other architectures."""
    model = backbone(model)
    if type(model).__name__ == "ConVit":
        chooser: BrightPatches = BrightPatchesOfConViT(model, count)
        model.pos_drop = chooser
    elif hasattr(model, "patch_drop") and hasattr(model, "patch_embed"):
        chooser = BrightPatches(count, int(model.num_prefix_tokens))  # type: ignore[arg-type]
        model.patch_drop = chooser
    else:
        raise ConfigError("keep_patches works for plain vision transformers and ConViT; leave it at 0 here.")
    model.register_forward_pre_hook(chooser.look)
