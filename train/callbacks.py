"""What a run tells the outside while it trains: status, metrics, full state; and how it notices a request to stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from vlass_explorer import runs
from vlass_explorer.schema import RunConfig

from .module import Classifier
from .scores import quick
from .stopping import Diverged, StopRequested, StopSignal

STATUS_SECONDS = 1.0
STATE_SECONDS = 300.0


class Recorder(pl.Callback):
    """Writes status.json once a second, metrics.jsonl a few times an epoch, last.ckpt every epoch and when asked."""

    def __init__(self, folder: Path, config: RunConfig, stop: StopSignal) -> None:
        self._folder, self._config, self._stop = folder, config, stop
        self._written = self._saved = 0.0
        self._seconds, self._images = 0.0, 0
        self._tick = 0.0
        self.best_macro_f1, self.best_epoch = -1.0, -1
        self.best_state: dict[str, torch.Tensor] = {}
        self.latest: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """Plain values that a resumed run needs."""
        return {
            "best_macro_f1": self.best_macro_f1,
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
            "latest": self.latest,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.best_macro_f1, self.best_epoch = state_dict["best_macro_f1"], state_dict["best_epoch"]
        self.best_state, self.latest = state_dict["best_state"], state_dict["latest"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning has put its own handler before ours by now; it would leave without saving the state.
        self._stop.install()
        self._saved = self._tick = time.monotonic()
        self._begin = (time.monotonic(), trainer.global_step)
        self._status(trainer, phase="training")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Classifier)
        loss = float(outputs["loss"])
        if loss != loss or loss in (float("inf"), float("-inf")):
            raise Diverged(f"The loss is {loss} at step {trainer.global_step} (epoch {trainer.current_epoch + 1}).")
        pl_module.loss_sum += loss
        pl_module.loss_count += 1
        now = time.monotonic()
        self._seconds, self._images, self._tick = self._seconds + now - self._tick, self._images + len(batch), now
        interval = max(1, trainer.num_training_batches // 4)
        if (batch_idx + 1) % interval == 0 and batch_idx + 1 < trainer.num_training_batches:
            runs.append_metrics(self._folder, self._row(trainer, pl_module))
        if now - self._written > STATUS_SECONDS:
            self._status(trainer, phase="training")
        if batch_idx + 1 == trainer.num_training_batches:
            return  # The state is saved after the validation that follows.
        wanted = self._config.save_every and trainer.global_step % self._config.save_every == 0
        if wanted or now - self._saved > STATE_SECONDS:
            self._save(trainer)
        self._leave_if_asked(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._status(trainer, phase="validating")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        scores = quick(pl_module.validation_images.labels, torch.cat(pl_module.logits))
        self.latest = {**scores, "train_loss": pl_module.loss_sum / max(1, pl_module.loss_count)}
        if self._config.keep == "best" and scores["val_macro_f1"] > self.best_macro_f1:
            # The moving average is in place of the weights while this hook runs.
            state = pl_module.model.state_dict()
            self.best_state = {key: tensor.detach().cpu().clone() for key, tensor in state.items()}
        if scores["val_macro_f1"] > self.best_macro_f1:
            self.best_macro_f1, self.best_epoch = scores["val_macro_f1"], trainer.current_epoch
        runs.append_metrics(self._folder, {**self._row(trainer, pl_module), **scores})
        print(
            f"epoch {trainer.current_epoch + 1}/{self._config.epochs}  "
            + "  ".join(f"{key} {value:.4f}" for key, value in self.latest.items()),
            flush=True,
        )
        self._seconds, self._images = 0.0, 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)
        self._tick = time.monotonic()
        self._status(trainer, phase="training", epoch=trainer.current_epoch + 1)
        if trainer.current_epoch + 1 < self._config.epochs and (reason := self._stop.reason()):
            raise StopRequested(reason)

    def _leave_if_asked(self, trainer: pl.Trainer) -> None:
        if reason := self._stop.reason():
            self._status(trainer, phase="saving")
            self._save(trainer)
            raise StopRequested(reason)

    def _save(self, trainer: pl.Trainer) -> None:
        """The full state, under its name only when it is complete on disk."""
        temporary = self._folder / ".last.ckpt"
        trainer.save_checkpoint(temporary, False)  # False: optimiser, schedule and progress, too
        temporary.replace(self._folder / "last.ckpt")
        self._saved = time.monotonic()

    def _row(self, trainer: pl.Trainer, module: Classifier) -> dict[str, float | int]:
        return {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "train_loss": module.loss_sum / max(1, module.loss_count),
            "lr": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "images_per_second": self._images / max(self._seconds, 1e-9),
        }

    def _status(self, trainer: pl.Trainer, phase: str, epoch: int | None = None) -> None:
        assert isinstance(trainer.lightning_module, Classifier)
        step, total = trainer.global_step, trainer.lightning_module.total_steps
        began, first = self._begin
        eta = (time.monotonic() - began) / (step - first) * (total - step) if step > first else None
        best = {"best_macro_f1": self.best_macro_f1} if self.best_epoch >= 0 else {}
        runs.beat(
            self._folder,
            phase=phase,
            epoch=trainer.current_epoch if epoch is None else epoch,
            step=step,
            total_steps=total,
            eta_seconds=eta,
            metrics={**self.latest, **best},
        )
        self._written = time.monotonic()
