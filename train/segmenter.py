"""The classifier's training loop with a class for each pixel: another loss, and figures added up over the set."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vlass_explorer.evaluation.masks import Tally, beam_pixels
from vlass_explorer.learning.data import Data
from vlass_explorer.learning.loss import class_weights, mask_loss, pixel_weights
from vlass_explorer.learning.start import teachers
from vlass_explorer.schema import CheckpointError, RunConfig

from . import ranks
from .figures import mask_figures
from .module import Classifier


class Segmenter(Classifier):
    """Trains a model whose logits are (B, K, S, S); ``tolerance`` is one beam in native pixels, for boundaries."""

    def __init__(self, *given: object, tolerance: float | None = None) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._tolerance = tolerance
        self.begin_validation()

    def loss(self, x: Tensor, labels: Tensor, epoch: int, number: int) -> Tensor:
        """Loss of augmented inputs (B, C, S, S) and the classes of their pixels (B, S, S)."""
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        return mask_loss(self.model(x), labels, self.class_weights, self.config.mask_loss)

    def begin_validation(self) -> None:
        """Forget the last validation."""
        self._tally, self._validated, self._is_finite = Tally(self.classes, self._tolerance), 0, True

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Add one batch to the figures, each image once although processes may be given one twice."""
        x, _ = self.validation_images.plain(batch, self.device)
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        size, rank = ranks.world_size(self.config), ranks.rank(self.config)
        places = rank + size * torch.arange(self._validated, self._validated + len(batch))
        kept = places < len(self.validation_images)
        self._validated += len(batch)
        try:
            self._tally.add(self.model(x)[kept.to(x.device)], self.validation_images.truths(batch[kept]))
        except CheckpointError:
            self._is_finite = False

    def figures(self, label_names: tuple[str, ...]) -> dict[str, float] | None:
        """Figures of the validation, the same in all processes; None where the logits are no numbers."""
        if ranks.reduce_max(self.trainer, int(not self._is_finite)):
            return None
        return mask_figures(self.trainer, self._tally, label_names)


def module(model: nn.Module, config: RunConfig, data: Data, total_steps: int) -> Classifier:
    """What trains a model on data, by the task of the run."""
    classes = len(data.label_names)
    if config.task == "segmentation":
        weights = pixel_weights(data.train.pixel_counts(classes), config)
        own = (model, config, data.train, data.validation, weights, total_steps)
        return Segmenter(*own, tolerance=beam_pixels(data.data_set))
    weights = class_weights(data.train.labels, classes, config)
    return Classifier(model, config, data.train, data.validation, weights, total_steps, teachers(config, data))
