"""The one LightningModule: any architecture, trained on batches of sample indices that the data set turns to images."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from timm.scheduler.scheduler import Scheduler
from torch import Tensor, nn

from vlass_explorer.evaluation.images import Images
from vlass_explorer.learning.averages import MovingAverage
from vlass_explorer.learning.images import TrainingImages
from vlass_explorer.learning.loss import cross_entropy, distillation, mix, targets, teacher_scores
from vlass_explorer.learning.network import freeze_statistics
from vlass_explorer.learning.schedule import optimiser, schedule
from vlass_explorer.learning.seeds import STEP, seed_from
from vlass_explorer.schema import RunConfig

from . import ranks
from .batches import Batch
from .figures import validation_figures
from .state import check, of_this_version


class Classifier(pl.LightningModule):
    """Trains ``model``; validates and keeps the moving average of its weights where the configuration asks for one."""

    class_weights: Tensor

    def __init__(
        self,
        model: nn.Module,
        config: RunConfig,
        train: TrainingImages,
        validation: Images,
        weights: Tensor,
        total_steps: int,
        teachers: list[nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.config, self.total_steps = model, config, total_steps
        self.train_images, self.validation_images = train, validation
        self.register_buffer("class_weights", weights, persistent=False)
        self.average = MovingAverage(model, config.ema) if config.ema else None
        # A tuple, so that teachers are no part of this module's weights.
        self._teachers = tuple(teachers or ())
        self.loss_sum, self.loss_count = 0.0, 0
        self.logits: list[Tensor] = []
        """Of the batches validated so far."""
        self._frozen_epoch = -1

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_weights)

    def on_fit_start(self) -> None:
        """Take teachers and averages to the device."""
        for teacher in self._teachers:
            teacher.to(self.device)
        if self.average is not None:
            self.average.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Begin the mean loss of an epoch."""
        self.loss_sum, self.loss_count = 0.0, 0

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move what loader processes augmented; positions stay where the images are looked up."""
        if isinstance(batch, Tensor):
            return batch
        positions, x, labels = batch
        return positions, x.to(device, non_blocking=True), labels.to(device, non_blocking=True)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, with the random numbers of this step of this run."""
        config, epoch = self.config, self.current_epoch
        if self._frozen_epoch != epoch:
            freeze_statistics(self.model)
            self._frozen_epoch = epoch
        # Dropout then draws the same numbers for this batch whether or not the run was interrupted before.
        number = epoch * int(self.trainer.num_training_batches) + batch_idx
        # Several processes draw differently: each has its own part of the batch.
        number = number * self.trainer.world_size + self.trainer.global_rank
        torch.manual_seed(seed_from(STEP, config.seed, number))
        if isinstance(batch, Tensor):
            x, labels = self.train_images.augmented(batch, epoch, self.device)
        else:
            _, x, labels = batch
        return self.loss(x, labels, epoch, number)

    def loss(self, x: Tensor, labels: Tensor, epoch: int, number: int) -> Tensor:
        """Loss of augmented inputs (B, C, S, S) and labels (B,) at a step of this number."""
        config = self.config
        x, target = mix(x, targets(labels, self.classes, config.label_smoothing), config, epoch, number)
        if config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        logits = self.model(x)
        loss = cross_entropy(logits, target, self.class_weights)
        if self._teachers:
            scores = teacher_scores(self._teachers, x, config.distill_temperature)
            soft = distillation(logits, scores, config.distill_temperature)
            loss = (1 - config.distill_weight) * loss + config.distill_weight * soft
        return loss

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Change the weights, then their moving average."""
        optimizer.step(closure=optimizer_closure)
        if self.average is not None:
            self.average.update(self.global_step - 1)

    def on_validation_start(self) -> None:
        """Put the moving average in place of the weights."""
        if self.average is not None:
            self.average.swap()
        self.begin_validation()

    def begin_validation(self) -> None:
        """Forget the last validation."""
        self.logits = []

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Keep the logits of one batch; they are scored together at the end."""
        x, _ = self.validation_images.plain(batch, self.device)
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        self.logits.append(self.model(x).float().cpu())

    def figures(self, label_names: tuple[str, ...]) -> dict[str, float] | None:
        """Figures of the validation, the same in all processes; None where the logits are no numbers."""
        labels = self.validation_images.labels
        logits = ranks.gather(self.trainer, torch.cat(self.logits), len(labels))
        if not logits.isfinite().all():
            return None
        return validation_figures(labels, logits, label_names)

    def on_validation_end(self) -> None:
        """Put the weights back."""
        if self.average is not None:
            self.average.swap()

    def configure_optimizers(self) -> Any:
        """timm's optimiser, and the learning rate by step."""
        made = optimiser(self.model, self.config)
        rates = schedule(made, self.config, self.total_steps)
        self._cycles = getattr(rates, "cycle_limit", None)
        return {"optimizer": made, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    def on_train_start(self) -> None:
        """A saved schedule keeps the number of its cycles; a run that goes on for more epochs needs more of them."""
        rates = self.lr_schedulers()
        if self._cycles is not None and isinstance(rates, Scheduler):
            rates.cycle_limit = self._cycles

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Set the learning rate of the next step; timm's schedules want its number."""
        if isinstance(scheduler, Scheduler):
            scheduler.step_update(self.global_step)
        else:
            scheduler.step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the moving average and the epoch's loss so far to a saved state."""
        checkpoint["losses"] = {"sum": float(self.loss_sum), "count": self.loss_count}
        if self.average is not None:
            checkpoint["average"] = self.average.state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue with them; RunError where another version saved the state, or another model."""
        check(self, checkpoint)
        with of_this_version():
            self.loss_sum, self.loss_count = checkpoint["losses"]["sum"], checkpoint["losses"]["count"]
            if self.average is not None:
                self.average.load(checkpoint["average"])
