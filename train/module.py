"""The one LightningModule: any architecture, trained on batches of sample indices that the data set turns to images."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from timm.optim import create_optimizer_v2
from torch import Tensor, nn

from vlass_explorer.schema import RunConfig

from .data import Images
from .ema import MovingAverage
from .loss import cross_entropy, distillation, mix, targets, taught
from .network import settle
from .seeds import STEP, mixed


class Classifier(pl.LightningModule):
    """Trains ``model``; validates and keeps the moving average of its weights where the configuration asks for one."""

    def __init__(
        self,
        model: nn.Module,
        config: RunConfig,
        train: Images,
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

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_weights)

    def on_fit_start(self) -> None:
        for teacher in self._teachers:
            teacher.to(self.device)
        if self.average is not None:
            self.average.to(self.device)

    def on_train_epoch_start(self) -> None:
        self.loss_sum, self.loss_count = 0.0, 0

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        config, step = self.config, self.global_step
        if batch_idx == 0 or step == 0:
            settle(self.model)
        # Dropout then draws the same numbers in this step whether or not the run was interrupted before.
        torch.manual_seed(mixed(STEP, config.seed, step))
        x, labels = self.train_images.augmented(batch, self.current_epoch, self.device)
        x, target = mix(x, targets(labels, self.classes, config.label_smoothing), config, self.current_epoch, step)
        if config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        logits = self.model(x)
        loss = cross_entropy(logits, target, self.class_weights)
        if self._teachers:
            scores = taught(self._teachers, x, config.distill_temperature)
            soft = distillation(logits, scores, config.distill_temperature)
            loss = (1 - config.distill_weight) * loss + config.distill_weight * soft
        return loss

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        optimizer.step(closure=optimizer_closure)
        if self.average is not None:
            self.average.update(self.global_step - 1)

    def on_validation_start(self) -> None:
        if self.average is not None:
            self.average.swap()
        self.logits = []

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        x, _ = self.validation_images.plain(batch, self.device)
        if self.config.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        self.logits.append(self.model(x).float().cpu())

    def on_validation_end(self) -> None:
        if self.average is not None:
            self.average.swap()

    def configure_optimizers(self) -> Any:
        config = self.config
        extra: dict[str, Any] = {}
        if "adam" in config.optimiser or "lamb" in config.optimiser:
            extra["betas"] = (0.9, config.beta2)
        optimizer = create_optimizer_v2(
            self.model, opt=config.optimiser, lr=config.learning_rate, weight_decay=config.weight_decay, **extra
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scheduled(step, self.total_steps, config))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["losses"] = {"sum": float(self.loss_sum), "count": self.loss_count}
        if self.average is not None:
            checkpoint["average"] = self.average.state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.loss_sum, self.loss_count = checkpoint["losses"]["sum"], checkpoint["losses"]["count"]
        if self.average is not None:
            self.average.load(checkpoint["average"])


def scheduled(step: int, total: int, config: RunConfig) -> float:
    """Share of the peak learning rate at a step of a run, with the restart that the configuration may ask for."""
    an_epoch = total / config.epochs
    warmup, restart = round(config.warmup_epochs * an_epoch), round(config.restart_epoch * an_epoch)
    if restart and step >= restart:
        return config.restart_rate * rate(step - restart, warmup, total - restart)
    return rate(step, warmup, restart or total)


def rate(step: int, warmup: int, total: int) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then half a cosine to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
