"""What a run tells the outside while it trains: status, metrics, full state; and how it notices a request to stop."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import psutil
import torch
from torch import Tensor

from vlass_explorer import runs
from vlass_explorer.learning.best import Best
from vlass_explorer.schema import RunConfig

from . import loggers, ranks
from .figures import OF_A_CLASS
from .module import Classifier
from .state import is_finite, of_this_version
from .stopping import Diverged, StopRequested, StopSignal

STATUS_SECONDS = 1.0
STATE_SECONDS = 300.0
ELSEWHERE = "Stopped with the other processes of the run."
AGREE_STEPS = 8
"""Several processes ask one another this often whether to save or to stop: a question costs a round trip."""
PARTIAL = ".last.ckpt"


class Recorder(pl.Callback):
    """Writes status.json once a second, metrics.jsonl a few times an epoch, last.ckpt every epoch and when asked."""

    def __init__(self, folder: Path, config: RunConfig, stop: StopSignal, label_names: tuple[str, ...] = ()) -> None:
        self._folder, self._config, self._stop, self._names = folder, config, stop, label_names
        self._written = self._saved = 0.0
        self._kept = 0
        self._seconds, self._images = 0.0, 0
        self._tick = 0.0
        self._unread: tuple[str, Tensor] | None = None
        self.best = Best(config)
        self.latest: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """Plain values that a resumed run needs."""
        return {"best": self.best.state_dict(), "latest": self.latest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a saved state; RunError where another version wrote it."""
        with of_this_version():
            self.best.load_state_dict(state_dict["best"])
            self.latest = state_dict["latest"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen to signals, and begin to count time and steps."""
        # Lightning has put its own handler before ours by now; it would leave without saving the state.
        self._stop.install()
        self._saved = self._tick = time.monotonic()
        self._kept = trainer.global_step
        self._begin = (time.monotonic(), trainer.global_step)
        self._status(trainer, phase="training")
        # A run that had waited long enough was stopped after that state was saved.
        trainer.should_stop = trainer.should_stop or self.best.is_stale(trainer.current_epoch - 1)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss, write what is due, save the state and leave where somebody asked for it."""
        assert isinstance(pl_module, Classifier)
        self._read_loss(pl_module)
        # Lightning has divided the loss by the batches whose gradients it adds up.
        loss = outputs["loss"].detach() * self._config.accumulate
        self._unread = (self._where(trainer), loss)
        if pl_module.device.type == "cpu":
            self._read_loss(pl_module)
        now = time.monotonic()
        size = len(batch) if isinstance(batch, Tensor) else len(batch[0])
        self._seconds, self._images, self._tick = self._seconds + now - self._tick, self._images + size, now
        interval = max(1, int(trainer.num_training_batches) // 4)
        is_last = batch_idx + 1 == trainer.num_training_batches
        if (batch_idx + 1) % interval == 0 and not is_last:
            self._read_loss(pl_module)
            self._write(trainer, self._row(trainer, pl_module))
        if now - self._written > STATUS_SECONDS:
            self._status(trainer, phase="training")
        # The state is saved after the validation that follows the last batch, and never with half added up gradients.
        if is_last or (batch_idx + 1) % self._config.accumulate:
            return
        reason = self._stop.reason()
        is_due = now - self._saved > STATE_SECONDS
        wish = 2 if reason else 1 if is_due else 0
        if trainer.world_size > 1:
            # A clock, a file and a signal are not seen by all processes in the same step.
            asks = (batch_idx + 1) % (AGREE_STEPS * self._config.accumulate) == 0
            wish = ranks.reduce_max(trainer, wish) if asks else 0
        if wish == 2:
            self._status(trainer, phase="saving")
            self._save(trainer)
            raise StopRequested(reason or ELSEWHERE)
        if wish or self._config.save_every and trainer.global_step % self._config.save_every == 0:
            self._save(trainer)

    def _read_loss(self, module: Classifier) -> None:
        """Look at the last loss. On a GPU this is done one step late, so that it never waits for the device."""
        if self._unread is None:
            return
        where, loss = self._unread[0], float(self._unread[1])
        self._unread = None
        if not math.isfinite(loss):
            raise Diverged(f"The loss is {loss} at {where}", self._kept)
        module.loss_sum += loss
        module.loss_count += 1

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say that the run validates."""
        assert isinstance(pl_module, Classifier)
        self._read_loss(pl_module)
        self._status(trainer, phase="validating")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score the epoch, keep its weights where they are the best, and write its row."""
        assert isinstance(pl_module, Classifier)
        scores = pl_module.figures(self._names)
        if scores is None:
            raise Diverged(f"The logits are not finite in the validation after {self._where(trainer)}", self._kept)
        shown = {key: value for key, value in scores.items() if not key.startswith(OF_A_CLASS)}
        shown = {key: value for key, value in shown.items() if math.isfinite(value)}
        row = self._row(trainer, pl_module)
        self.latest = {**shown, "train_loss": float(row["train_loss"])}
        # The moving average is in place of the weights while this hook runs.
        self.best.take(trainer.current_epoch, scores[self.best.monitor], pl_module.model)
        self._write(trainer, {**row, **scores})
        print(
            f"epoch {trainer.current_epoch + 1}/{self._config.epochs}  "
            + "  ".join(f"{key} {value:.4f}" for key, value in self.latest.items()),
            flush=True,
        )
        self._seconds, self._images = 0.0, 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the state; end the run early or leave where it is time."""
        self._save(trainer)
        self._tick = time.monotonic()
        self._status(trainer, phase="training", epoch=trainer.current_epoch + 1)
        if self.best.is_stale(trainer.current_epoch):
            waited = f"no better {self.best.monitor} for {self._config.patience} epochs"
            print(f"ended early after epoch {trainer.current_epoch + 1}: {waited}", flush=True)
            trainer.should_stop = True
            return
        reason = self._stop.reason()
        if ranks.reduce_max(trainer, int(bool(reason))) and trainer.current_epoch + 1 < self._config.epochs:
            raise StopRequested(reason or ELSEWHERE)

    def _write(self, trainer: pl.Trainer, row: dict[str, float | int]) -> None:
        runs.append_metrics(self._folder, row)
        loggers.write(trainer.loggers, row)

    def _save(self, trainer: pl.Trainer) -> None:
        """The full state, under its name only when it is complete on disk; never one that is not finite."""
        module = trainer.lightning_module
        assert isinstance(module, Classifier)
        self._read_loss(module)
        if not is_finite(module.model):
            raise Diverged(f"The weights are not finite after {self._where(trainer)}", self._kept)
        temporary = self._folder / PARTIAL
        trainer.save_checkpoint(temporary, False)  # False: optimiser, schedule and progress, too
        if trainer.is_global_zero:  # the others took part, but wrote nothing
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(self._folder / "last.ckpt")
        self._saved, self._kept = time.monotonic(), trainer.global_step

    @staticmethod
    def _where(trainer: pl.Trainer) -> str:
        return f"step {trainer.global_step} (epoch {trainer.current_epoch + 1})"

    def _row(self, trainer: pl.Trainer, module: Classifier) -> dict[str, float | int]:
        return {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "train_loss": ranks.reduce_mean(trainer, module.loss_sum / max(1, module.loss_count)),
            "lr": max(float(group["lr"]) for group in trainer.optimizers[0].param_groups),
            "images_per_second": trainer.world_size * self._images / max(self._seconds, 1e-9),
            "memory_mib": memory(module.device),
        }

    def _status(self, trainer: pl.Trainer, phase: str, epoch: int | None = None) -> None:
        assert isinstance(trainer.lightning_module, Classifier)
        step, total = trainer.global_step, trainer.lightning_module.total_steps
        began, first = self._begin
        eta = (time.monotonic() - began) / (step - first) * (total - step) if step > first else None
        runs.heartbeat(
            self._folder,
            phase=phase,
            epoch=trainer.current_epoch if epoch is None else epoch,
            step=step,
            total_steps=total,
            eta_seconds=eta,
            metrics={**self.latest, **self.best.shown()},
        )
        self._written = time.monotonic()


def memory(device: torch.device) -> float:
    """Peak memory of a GPU, or what this process holds on the CPU, in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return psutil.Process().memory_info().rss / 2**20
