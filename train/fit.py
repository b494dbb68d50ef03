"""One training run from its folder to a checkpoint: queue, data, training, report."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException

from vlass_explorer import checkpoints, devices, runs
from vlass_explorer.datasets.items import unreadable
from vlass_explorer.learning.data import load
from vlass_explorer.learning.network import build
from vlass_explorer.learning.patches import keep_brightest
from vlass_explorer.learning.schedule import check_optimiser
from vlass_explorer.learning.start import origin
from vlass_explorer.runs import locks
from vlass_explorer.schema import Checkpoint, RunConfig

from . import cluster, loggers, ranks
from .batches import Batches, Ordered
from .callbacks import PARTIAL, Recorder
from .keep import keep
from .reasons import explain
from .segmenter import module as training_module
from .state import saved_steps
from .stopping import StopRequested, StopSignal


def run(folder: Path, *, resume: bool = False) -> int:
    """Train the run of a folder and write how it ended to its status; 0 when it finished or stopped as asked."""
    stop = StopSignal(folder)
    stop.install()
    config = runs.read(folder).config
    others: ranks.Processes = []
    try:
        ranks.check(config)
        ranks.join_group(config)
        folder = ranks.own_folder(folder, config)
        runs.heartbeat(folder, process=runs.identity(), reason="")
        taken = devices.of_run(config)
        device = taken[0]
        runs.heartbeat(folder, device=device)
        turn = locks.acquire(folder, taken, lambda: _waiting(stop))
        try:
            others = ranks.spawn(folder, config, resume=resume)
            card = _train(folder, config, device, stop, others, resume=resume)
        finally:
            turn.close()
    except (StopRequested, SIGTERMException) as request:
        # Lightning's own exception: its handler stands between the start of fit and the first step.
        ranks.join(others)
        end = cluster.ending(folder, str(request) or stop.reason(), stop.received)
        runs.heartbeat(folder, **end)
        print(f"{folder.name}: {end['reason']}", file=sys.stderr, flush=True)
        if end["phase"] == "queued":
            cluster.requeue(folder)
        return 0
    except BaseException as error:
        # What was half saved goes first: on a full disk the status needs its room.
        (folder / PARTIAL).unlink(missing_ok=True)
        elsewhere = ranks.failure(folder, others)
        values = {"reason": elsewhere} if elsewhere else explain(error, config)
        if values is None:
            # Told in the status, and still raised: a bug stays loud in the log.
            runs.heartbeat(folder, phase="failed", reason=f"{type(error).__name__}: {error}")
            raise
        runs.heartbeat(folder, phase="failed", **values)
        print(f"{folder.name}: {values['reason']}", file=sys.stderr)
        return 2
    made = card.name if card is not None else ""
    runs.heartbeat(folder, phase="finished", checkpoint=made, eta_seconds=0.0)
    print(f"{folder.name}: finished, checkpoint {made}", flush=True)
    return 0


def _waiting(stop: StopSignal) -> None:
    if reason := stop.reason():
        raise StopRequested(reason)


def _train(
    folder: Path, config: RunConfig, device: str, stop: StopSignal, others: ranks.Processes, *, resume: bool
) -> Checkpoint | None:
    """The checkpoint that the run became; None in all its processes but the first one."""
    runs.heartbeat(folder, phase="starting")
    # Resolved before hours of training: the name must be possible now and is made unique at the end.
    checkpoints.check_name(config.name)
    check_optimiser(config.optimiser)
    # A run that was stopped before its first save begins again.
    state = folder / "last.ckpt" if resume and (folder / "last.ckpt").exists() else None
    done = saved_steps(state) if state is not None else 0
    runs.heartbeat(folder, phase="loading data")
    data = load(config, lambda: _waiting(stop))
    runs.write_json(folder / "splits.json", data.splits())
    if data.unreadable:
        print(unreadable(list(data.unreadable.values())), file=sys.stderr)
    model, model_args = build(config, data.label_names)
    if config.keep_patches:
        keep_brightest(model, config.keep_patches)
    if config.compile:
        model.compile()
    start = origin(config, data)
    if start.saw_validation:
        print(start.saw_validation, file=sys.stderr)
    batches = Batches(data.train.labels, config, data.train)
    module = training_module(model, config, data, -(-len(batches) // config.accumulate) * config.epochs)
    recorder = Recorder(folder, config, stop, data.label_names)
    logs = loggers.make(folder, config) if ranks.rank(config) == 0 else []
    is_enough = state is not None and (folder / "keep").exists()
    engine = trainer(config, device, recorder, logs, last_step=done if is_enough else -1)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{folder.name}: {parameters:,} parameters, {len(batches)} steps an epoch on {device}", flush=True)
    print(f"{len(data.train)} training and {len(data.validation)} validation cutouts", flush=True)
    if resume:
        # What the run wrote after that state happens again.
        runs.rewind(folder, done)
    with warnings.catch_warnings():
        quiet()
        held_out = Ordered(ranks.validation_batches(len(data.validation), config))
        try:
            engine.fit(module, batches, held_out, ckpt_path=state, weights_only=True)
        finally:
            batches.close()
    if ranks.rank(config):
        return None
    ranks.join(others)
    runs.heartbeat(folder, phase="testing", reason=f"Kept on request after step {done}." if is_enough else "")
    if recorder.best.weights:
        model.load_state_dict(recorder.best.weights)
    elif module.average is not None:
        module.average.swap()
    return keep(folder, config, data, model, model_args, device, start)


def trainer(
    config: RunConfig, device: str, callback: pl.Callback, logs: Sequence[Logger] = (), last_step: int = -1
) -> pl.Trainer:
    """Lightning without its own logger, bar, checkpoints or guesses about a cluster; -1: no step but the epochs' last.

    A state that is at ``last_step`` already is restored and not trained further.
    """
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        quiet()
        return pl.Trainer(
            **ranks.trainer_arguments(config, device),
            plugins=[LightningEnvironment()],
            max_epochs=config.epochs,
            max_steps=last_step,
            precision="bf16-mixed" if config.precision == "bf16" else "32-true",
            gradient_clip_val=config.clip_grad or None,
            accumulate_grad_batches=config.accumulate,
            callbacks=[callback],
            logger=list(logs),
            log_every_n_steps=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            inference_mode=False,
        )


def quiet() -> None:
    """Leave out Lightning's advice that does not apply: our loaders hold indices, so workers would slow them down."""
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*module\\(s\\) in eval mode.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
