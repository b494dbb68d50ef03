"""The same recipe on every fold of one or more splits, its mean and scatter, and the card that carries them."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.checkpoints import starting
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import Checkpoint, ConfigError, Reports, Run, RunConfig, RunError

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDS = range(5)
ENVIRONMENT = "VLASS_EXPLORER_CHECKPOINTS"
SHOWN = ("macro_f1", "accuracy", "macro_auroc")


@dataclass(frozen=True)
class Fold:
    """One fold of one split, and where its runs and its checkpoint lie (off the shelf that people pick from)."""

    config: RunConfig
    root: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints of all folds, where one recipe finds its teachers of the same fold."""
        return self.root.parent / "checkpoints"

    def finished(self) -> Run | None:
        """The run of this very configuration that is done."""
        same = [run for run in runs.listing(self.root) if run.config == self.config]
        return next((run for run in same if run.phase == "finished"), None)

    def queued(self) -> Run:
        """The run to launch: the one that has a saved state, or a new one; RunError where one is active."""
        same = [run for run in runs.listing(self.root) if run.config == self.config]
        if any(run.is_active for run in same):
            raise RunError(f"{same[0].id} is {same[0].phase} already.")
        found = next((run for run in same if (run.path / "last.ckpt").exists()), None)
        return runs.new_attempt(found) if found else runs.create(self.config, self.root)

    def train(self) -> dict[str, Any]:
        """Report of the fold: of its finished run, else of the run that is continued or started now."""
        done = self.finished()
        if done is None:
            found = self.queued()
            action = "resume" if (found.path / "last.ckpt").exists() else "fit"
            environment = {**os.environ, ENVIRONMENT: str(self.checkpoints)}
            with (found.path / "train.log").open("ab") as log:
                command = [sys.executable, "-m", "train", action, str(found.path)]
                subprocess.run(
                    command, cwd=CHECKOUT, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False
                )
            done = self.finished()
            if done is None:
                ended = runs.read(found.path)
                raise RunError(f"{ended.path} is {ended.phase}: {ended.reason}")
        report: dict[str, Any] = json.loads((done.path / "report.json").read_text(encoding="utf-8"))
        return report

    def card(self) -> Checkpoint:
        """Checkpoint that the finished run made."""
        done = self.finished()
        if done is None:
            raise RunError(f"{self.config.split} fold {self.config.fold} of {self.config.name} is not finished.")
        return checkpoints.find(runs.read_status(done.path)["checkpoint"], self.checkpoints)


def plan(config: RunConfig, splits: Sequence[str], folds: Sequence[int], root: Path) -> list[Fold]:
    """All folds of all splits, in order; each has a folder of runs of its own, so that several may run side by side."""
    wanted = []
    for split in splits:
        for fold in folds:
            name = f"{config.name}-{split}-{fold}"
            changed = recipes.with_values(config, {"name": name, "split": split, "fold": fold})
            wanted.append(Fold(changed, root / name))
    return wanted


def submit(wanted: Sequence[Fold], resources: slurm.Resources, parallel: int) -> list[Run]:
    """Submit the folds that are not finished as one SLURM job array, ``parallel`` at a time."""
    lend(wanted)
    missing = [fold.queued() for fold in wanted if fold.finished() is None]
    if missing:
        slurm.launch_all(missing, resources, parallel, {ENVIRONMENT: str(wanted[0].checkpoints)})
    return missing


def lend(wanted: Sequence[Fold]) -> None:
    """Copy checkpoints of the shelf that all folds start or learn from to where runs of folds look for them."""
    for fold in wanted[:1]:
        named = [fold.config.weights, *fold.config.teacher.split(",")]
        for name in {text.strip() for text in named} - {"", "none", "imagenet"}:
            target = fold.checkpoints / name
            if not (starting.is_file(name) or "{" in name or target.exists()):
                shutil.copytree(checkpoints.find(name).path, target)


def train(wanted: Sequence[Fold], jobs: int = 1, *, quiet: bool = False) -> dict[str, dict[int, dict[str, Any]]]:
    """Reports by split and fold; finished folds are read, interrupted ones continued."""
    lend(wanted)
    reports = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for fold, report in zip(wanted, pool.map(Fold.train, wanted), strict=True):
            reports.append(report)
            if not quiet:
                print(f"{fold.config.split} fold {fold.config.fold}: {report['macro_f1']:.4f}", flush=True)
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for fold, report in zip(wanted, reports, strict=True):
        found.setdefault(fold.config.split, {})[fold.config.fold] = report
    return found


def summary(reports: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over folds, and the value of each fold."""
    table: dict[str, Any] = {"count": sum(int(report["count"]) for report in reports.values()), "folds": len(reports)}
    for key in SHOWN:
        values = [float(report[key]) for report in reports.values()]
        table[key] = statistics.fmean(values)
        table[f"{key}_std"] = statistics.stdev(values) if len(values) > 1 else 0.0
    table["macro_f1_of_folds"] = {str(fold): float(report["macro_f1"]) for fold, report in reports.items()}
    return table


def markdown(found: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> str:
    """Table of macro F1, a row a split."""
    lines = ["| split | " + " | ".join(f"fold {k}" for k in FOLDS) + " | mean ± std |", "|---" * (len(FOLDS) + 2) + "|"]
    for split, reports in found.items():
        cells = [f"{reports[k]['macro_f1']:.3f}" if k in reports else "" for k in FOLDS]
        numbers = summary(reports)
        mean = f"{numbers['macro_f1']:.3f} ± {numbers['macro_f1_std']:.3f}"
        lines.append(f"| {split} | " + " | ".join(cells) + f" | {mean} |")
    return "\n".join(lines)


def ship(
    name: str,
    wanted: Sequence[Fold],
    found: Mapping[str, Mapping[int, Mapping[str, Any]]],
    floors: Mapping[str, float],
) -> Checkpoint:
    """Put the authors' fold 0 on the shelf as checkpoint ``name``, with the figures of all folds on its card."""
    split = wanted[0].config.split
    first = next((fold for fold in wanted if (fold.config.split, fold.config.fold) == (split, 0)), None)
    if first is None:
        raise ConfigError("Fold 0 is needed to ship a checkpoint.")
    card = first.card()
    metrics = {**card.reports.table, **{f"{split}_folds": summary(reports) for split, reports in found.items()}}
    if floors:
        metrics["floors"] = dict(floors)
    path = checkpoints.folder() / checkpoints.check_name(name)
    return checkpoints.save(
        path,
        checkpoints.load(card),
        architecture=card.architecture,
        model_args=card.model_args,
        label_names=card.label_names,
        input_spec=card.input_spec,
        reports=Reports(metrics),
        provenance=card.provenance,
        seen=checkpoints.seen(card),
        overwrite=path.exists(),
    )


def run(
    config: RunConfig,
    *,
    splits: Sequence[str] = ("authors", "sky"),
    folds: Sequence[int] = tuple(FOLDS),
    root: Path | None = None,
    jobs: int = 1,
    shipped: bool = False,
    floors: Mapping[str, float] | None = None,
) -> str:
    """Train what is missing, print the table; with ``shipped`` the shelf gets the first split's fold 0."""
    wanted = plan(config, splits, folds, root or runs.root() / "folds")
    found = train(wanted, jobs)
    if shipped:
        card = ship(config.name, wanted, found, floors or {})
        print(f"checkpoint {card.path}", flush=True)
    return markdown(found)
