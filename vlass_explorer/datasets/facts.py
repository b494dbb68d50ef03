"""dataset.yaml beside a set of cutouts: what the images themselves cannot say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from ..cutouts import declared
from ..foreign import mapped, reason
from ..schema import CutoutError, DatasetError

FACTS = (
    "title",
    "label_names",
    "survey",
    "frequency_ghz",
    "beam_arcsec",
    "pixel_scale_arcsec",
    "unit",
    "row0",
    "keep_zeros",
    "stretch",
    "labels",
    "licence",
    "citation",
    "simulated",
    "colour",
)
TEXTS = ("title", "survey", "unit", "stretch", "licence", "citation")


def facts(root: Path) -> dict[str, Any]:
    """What dataset.yaml says, {} without one; raises DatasetError for keys that are not known."""
    path = root / "dataset.yaml"
    if not path.is_file():
        return {}
    with mapped(lambda error: DatasetError(f"{path} is not YAML: {reason(error, 200)}.")):
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    unknown = sorted(map(str, set(said) - set(FACTS))) if isinstance(said, dict) else ["no keys"]
    if unknown:
        raise DatasetError(f"{path} has {', '.join(unknown)}; known keys are {', '.join(FACTS)}.")
    for kind, word, keys in ((str, "a text", TEXTS), (bool, "true or false", ("simulated", "colour", "keep_zeros"))):
        if wrong := [key for key in keys if not isinstance(said.get(key), kind | None)]:
            raise DatasetError(f"{path}: {wrong[0]} is {word}, not {said[wrong[0]]!r}.")
    if said.get("row0", "south") not in ("south", "north"):
        raise DatasetError(f"{path}: row0 is south or north, not {said['row0']!r}.")
    if "stretch" in said:
        try:
            declared.stretch(said["stretch"])
        except CutoutError as error:
            raise DatasetError(f"{path}: {error}") from error
    if "beam_arcsec" in said:
        said["beam_arcsec"] = tuple(said["beam_arcsec"]) if isinstance(said["beam_arcsec"], list) else ()
        if len(said["beam_arcsec"]) != 2:
            raise DatasetError(f"{path}: beam_arcsec is a list of two, major and minor axis.")
    for number in (said.get("frequency_ghz", 1), said.get("pixel_scale_arcsec", 1), *said.get("beam_arcsec", ())):
        if not isinstance(number, int | float) or not 0 < number < math.inf:
            raise DatasetError(f"{path}: {number!r} is not a positive number.")
    if not isinstance(said.get("label_names", []), list):
        raise DatasetError(f"{path}: label_names is a list.")
    answers = said.get("labels", {})
    if not isinstance(answers, dict) or not all(isinstance(to, str | int | float | None) for to in answers.values()):
        raise DatasetError(f"{path}: labels names a class for a label as written, as {{fri: FRI, nan: null}}.")
    return dict(said)
