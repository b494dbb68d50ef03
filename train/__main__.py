"""Train, resume, test and check from the command line: ``python -m train --help``.

python -m train recipes
python -m train fit --recipe first/cnn data_dir=../shared/data/first-radio-galaxies [key=value ...]
python -m train fit RUN_FOLDER
python -m train resume RUN [epochs=N]
python -m train fit --slurm --partition gpu --minutes 600 --recipe vlass-vision/vit-base data_dir=DIR devices=4
python -m train test CHECKPOINT --data-dir DIR --split authors --fold 0 [--tta] [--json]
python -m train calibrate CHECKPOINT --data-dir DIR --part held-out [--match] [--json]
python -m train provenance CHECKPOINT --data-dir DIR
python -m train average A B C --name MEAN [--greedy --data-dir DIR]
python -m train check --recipe first/cnn data_dir=DIR --json
python -m train check --recipe first/cnn data_dir=DIR --find-rate
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from vlass_explorer import devices, importing, progress, recipes, runs
from vlass_explorer.checkpoints import starting
from vlass_explorer.foreign import mapped, sentence
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import ConfigError, ExplorerError, RunConfig

from . import begin, questions

STDIN = Path("-")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done or stopped as asked, 2 for bad input or a failed run, with one sentence on stderr."""
    parsed = parser().parse_args(arguments)
    try:
        result: int = parsed.action(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe left; nothing more can be printed, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except (ExplorerError, OSError) as error:
        print(f"train: {sentence(error)}", file=sys.stderr)
        return 2
    return result


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m train", description="Train and test image classifiers.")
    commands = top.add_subparsers(required=True, metavar="command")

    fit = commands.add_parser("fit", help="train a run folder, or a recipe with key=value changes")
    fit.add_argument("words", nargs="*", metavar="RUN_FOLDER | key=value")
    _configurable(fit)
    begin.add_slurm_options(fit)
    fit.set_defaults(action=lambda parsed: begin.fit(parsed, configuration))

    resume = commands.add_parser("resume", help="continue a stopped, failed or lost run from its last saved state")
    resume.add_argument("run", help="run id or folder")
    resume.add_argument("words", nargs="*", metavar="epochs=N", help="go on to this number of epochs in all")
    resume.add_argument("--keep", action="store_true", help="train no further: make the saved state a checkpoint")
    begin.add_slurm_options(resume)
    resume.set_defaults(action=begin.resume)

    rank = commands.add_parser("rank", help="a further process of a run with devices=N; not for typing")
    rank.add_argument("folder", type=Path)
    rank.add_argument("--resume", action="store_true")
    rank.set_defaults(action=begin.rank)

    array = commands.add_parser("array", help="what each task of a SLURM job array runs; not for typing")
    array.add_argument("list", type=Path, help="file with one run folder a line")
    array.set_defaults(action=begin.array)

    questions.add(commands, _test, _calibrate, _refer)

    origin = commands.add_parser("provenance", help="list on a card which cutouts a checkpoint has seen")
    origin.add_argument("checkpoint", help="name or folder of a checkpoint, or id of a run")
    origin.add_argument("--data-dir", default="", help="folder of the data set that it was trained on")
    origin.add_argument("--dataset", default="", help="reader of the data set (default: the one it was trained with)")
    origin.add_argument(
        "--nothing-else",
        action="store_true",
        help="state that starting weights and teachers without a list of their own saw no other cutouts than these",
    )
    origin.set_defaults(action=_provenance)

    folds = commands.add_parser("folds", help="train a recipe on every fold; finished folds are kept, others continued")
    folds.add_argument("words", nargs="*", metavar="key=value")
    _configurable(folds)
    folds.add_argument("--splits", default="authors,sky")
    folds.add_argument("--folds", default="0,1,2,3,4")
    folds.add_argument("--jobs", type=int, default=1, help="folds trained side by side")
    folds.add_argument("--ship", action="store_true", help="put fold 0 of the first split on the shelf")
    folds.add_argument("--floor", action="append", default=[], metavar="TEXT=VALUE", help="macro F1 of a simple method")
    begin.add_slurm_options(folds)
    folds.set_defaults(action=_folds)

    check = commands.add_parser("check", help="what a run would find: data, disk, memory and time of a step")
    check.add_argument("words", nargs="*", metavar="RUN_FOLDER | key=value")
    _configurable(check)
    check.add_argument("--quick", action="store_true", help="do not open every file, and train no step")
    check.add_argument(
        "--find-rate",
        action="store_true",
        help="look for a learning rate (range test, Smith 2017) and for nothing else",
    )
    check.add_argument("--json", action="store_true")
    check.set_defaults(action=_check)

    average = commands.add_parser("average", help="average the weights of checkpoints, all or a greedy soup of them")
    average.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="names, folders or ids of runs")
    average.add_argument("--name", required=True, help="name of the new checkpoint")
    average.add_argument("--greedy", action="store_true", help="keep only what helps validation macro F1")
    average.add_argument("--data-dir", default="", help="folder of the data set that the parents were trained on")
    average.add_argument("--dataset", default="", help="reader of the data set (default: the parents')")
    average.add_argument("--split", help="default: the parents'")
    average.add_argument("--fold", type=int, help="default: the parents'")
    average.add_argument("--device", default="auto")
    average.set_defaults(action=_average)

    shelf = commands.add_parser("recipes", help="list the recipes with their parameters and sources")
    shelf.add_argument("--json", action="store_true")
    shelf.set_defaults(action=_recipes)
    return top


def _configurable(command: argparse.ArgumentParser) -> None:
    command.add_argument("--recipe", help="a recipe's name, see: python -m train recipes")
    command.add_argument("--config", type=Path, help="a YAML file of options, - for standard input")
    command.add_argument("--data-dir", help="the same as data_dir=DIR")


def configuration(parsed: argparse.Namespace) -> RunConfig:
    """Defaults, what the starting checkpoint passes on, then the recipe or the file, then the key=value words."""
    if parsed.recipe and parsed.config:
        raise ConfigError("Give --recipe or --config, not both.")
    text = where = ""
    if parsed.config:
        where = "standard input" if parsed.config == STDIN else f"file {parsed.config.name}"
        text = _text(parsed.config)
    values = recipes.parse(parsed.words)
    if parsed.data_dir:
        values["data_dir"] = parsed.data_dir
    if values.get("data_dir"):
        values["data_dir"] = str(Path(values["data_dir"]).expanduser().resolve())
    if starting.is_file(values.get("weights", "")):
        values["weights"] = str(Path(values["weights"]).expanduser().resolve())

    def over(base: RunConfig) -> RunConfig:
        if parsed.recipe:
            base = recipes.load(parsed.recipe, base)
        elif parsed.config:
            base = recipes.from_yaml(text, where, base)
        return recipes.with_values(base, values)

    return starting.with_inherited(over)


def _text(file: Path) -> str:
    """What is in a file, or comes on standard input; ConfigError where there is no such file or it is no text."""
    if file != STDIN and not file.is_file():
        raise ConfigError(f"There is no file {file}.")
    name = "Standard input" if file == STDIN else str(file)
    with mapped(lambda error: ConfigError(f"{name} is not a text file.")):
        return (sys.stdin.buffer.read() if file == STDIN else file.read_bytes()).decode("utf-8")


def _test(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from .testing import run

    return run(parsed)


def _calibrate(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from . import calibrating

    return calibrating.run(parsed)


def _refer(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from . import calibrating

    return calibrating.refer(parsed)


def _provenance(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from .backfill import run

    return run(parsed)


def _folds(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from . import folds

    try:
        numbers = [int(word) for word in parsed.folds.split(",")]
        floors = {text: float(value) for text, _, value in (word.rpartition("=") for word in parsed.floor)}
    except ValueError as error:
        raise ConfigError(f"--folds are whole numbers and --floor is TEXT=VALUE ({error}).") from None
    splits = parsed.splits.split(",")
    if parsed.slurm:
        wanted = folds.plan(configuration(parsed), splits, numbers, runs.root() / "folds")
        for run in folds.submit(wanted, begin.resources(parsed), parsed.jobs):
            print(f"SLURM job {slurm.job(run)}  {run.path}")
        print("Give the same command without --slurm for the table when they are finished.")
        return 0
    table = folds.run(
        configuration(parsed), splits=splits, folds=numbers, jobs=parsed.jobs, shipped=parsed.ship, floors=floors
    )
    print(table)
    return 0


def _told_each_percent() -> Callable[[float], None]:
    """Writes how far it is to standard error, once a percent."""
    told = -1

    def tell(share: float) -> None:
        nonlocal told
        if (percent := int(100 * share)) > told:
            told = percent
            print(f"progress: {share:.2f}", file=sys.stderr, flush=True)

    return tell


def _check(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from .checks import check

    if len(parsed.words) == 1 and "=" not in parsed.words[0]:
        config = runs.find(parsed.words[0]).config
    else:
        config = configuration(parsed)
    with progress.watch(_told_each_percent()):
        plain = not (parsed.quick or parsed.find_rate)
        found = check(config, read=plain, steps=plain, find_rate=parsed.find_rate)
    if parsed.json:
        print(json.dumps(found))
    else:
        curve = found.pop("rate", None)
        for key, value in found.items():
            print(f"{key}: {value}")
        if curve is not None:
            for rate, loss in zip(curve["rates"], curve["smoothed"], strict=True):
                print(f"rate {rate:.3e}  smoothed loss {'no number' if loss is None else f'{loss:.4f}'}")
            print(f"learning_rate={curve['suggested']:g}" if curve["suggested"] else curve["reason"])
    return 2 if found["errors"] else 0


def _average(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from .average import run

    return run(parsed)


def _recipes(parsed: argparse.Namespace) -> int:
    with importing.quickly():
        from vlass_explorer.learning.listing import line, row

    if parsed.json:
        print(json.dumps([row(name) for name in recipes.names()]))
        return 0
    for name in recipes.names():
        print(line(row(name)))
    return 0


if __name__ == "__main__":
    devices.reuse_memory()
    atexit.register(importing.ended)
    sys.exit(main())
