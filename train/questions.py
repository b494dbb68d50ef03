"""Options of the commands that ask a finished checkpoint about labelled cutouts: test, calibrate, reference."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from vlass_explorer import options
from vlass_explorer.schema import PartName, RunConfig

Action = Callable[[argparse.Namespace], int]


def add(commands: Any, test: Action, calibrate: Action, refer: Action) -> None:
    """Add the commands, with what each of them does."""
    asked = commands.add_parser("test", help="report of a checkpoint on one part of a data set")
    asked.add_argument("checkpoint", help="name or folder of a checkpoint, or id of a run")
    asked.add_argument("--data-dir", default="", help="folder of the data set")
    asked.add_argument("--dataset", default="", help="reader of the data set (default: the one it was trained with)")
    splits = options.of(RunConfig)["split"].choices
    asked.add_argument("--split", choices=splits, default="", help="default: the one it was trained with")
    asked.add_argument("--fold", type=int, help="default: the one that its training left out")
    asked.add_argument(
        "--part", choices=get_args(PartName), help="which part of the split (default: validation, or the only one)"
    )
    asked.add_argument(
        "--apart", action="store_true", help="without cutouts that have a training cutout closer than 270 arcsec"
    )
    asked.add_argument("--tta", action="store_true", help="mean over eight rotations and mirror images")
    asked.add_argument("--keep", metavar="WORD", help="write the figures on the checkpoint's card under this word")
    asked.add_argument("--device", default="auto")
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--csv", type=Path, metavar="FILE", help="write the table of classes as CSV")
    asked.add_argument("--latex", type=Path, metavar="FILE", help="write the table of classes as LaTeX")
    asked.set_defaults(action=test)

    fitted = commands.add_parser(
        "calibrate", help="fit calibrated scores and prediction sets to unseen labelled cutouts"
    )
    fitted.add_argument("checkpoint", help="name or folder of a checkpoint, or id of a run")
    fitted.add_argument("--data-dir", default="", help="folder of the labelled data set")
    fitted.add_argument("--dataset", default="", help="reader of the data set (default: the one it was trained with)")
    fitted.add_argument("--split", choices=splits, default="", help="default: the one it was trained with")
    fitted.add_argument("--fold", type=int, help="default: the one that its training left out")
    fitted.add_argument("--part", choices=get_args(PartName), default="all", help="which part of the split (all)")
    fitted.add_argument(
        "--apart", action="store_true", help="without cutouts that have a training cutout closer than 270 arcsec"
    )
    fitted.add_argument("--leave-out-seen", action="store_true", help="instead of refusing where it has seen some")
    fitted.add_argument("--match", action="store_true", help="cutouts at the beam of the training data")
    fitted.add_argument(
        "--out-of-fold", nargs="+", type=Path, default=[], metavar="CHECKPOINT",
        help="models of the same recipe on other folds (folders, or one folder of them): each cutout is scored by the "
        "one that has not trained on it",
    )  # fmt: skip
    fitted.add_argument("--coverage", type=float, default=0.9, help="share of sets that hold the class (0.9)")
    fitted.add_argument("--method", choices=("aps", "lac"), default="aps", help="how sets are made (aps)")
    fitted.add_argument("--bias", action="store_true", help="an offset a class beside the temperature")
    fitted.add_argument("--device", default="auto")
    fitted.add_argument("--dry-run", action="store_true", help="tell, and keep nothing")
    fitted.add_argument("--json", action="store_true")
    fitted.set_defaults(action=calibrate)

    near = commands.add_parser("reference", help="keep what the training cutouts look like to a checkpoint")
    near.add_argument("checkpoint", help="name or folder of a checkpoint, or id of a run")
    near.add_argument("--data-dir", default="", help="folder of the data set that it was trained on")
    near.add_argument("--dataset", default="", help="reader of the data set (default: the one it was trained with)")
    near.add_argument("--device", default="auto")
    near.set_defaults(action=refer)
