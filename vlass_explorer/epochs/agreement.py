"""What one checkpoint says of a source in each of its images, and whether these answers agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..schema import Prediction


@dataclass(frozen=True)
class Said:
    """The answer to one image, as it is and at the beam of training; None where there is none that counts."""

    name: str
    native: str | None
    matched: str | None
    as_it_is: bool = False
    """True where ``matched`` is the answer to the image as it is, which is as the training data already."""


def said(name: str, native: Prediction | None, matched: Prediction | None) -> Said:
    """Labels of two predictions; one that is outside what the checkpoint is for counts as none.

    An image that is as the training data (validity ok) counts as matched where it cannot be made more so.
    """
    native_label, matched_label = (
        None if each is None or each.validity.level == "outside" else each.label for each in (native, matched)
    )
    if matched is None and native is not None and native.validity.level == "ok":
        return Said(name, native_label, native_label, as_it_is=True)
    return Said(name, native_label, matched_label)


def sentences(answers: Sequence[Said]) -> list[str]:
    """Whether the images agree as they are, and matched; nothing where fewer than two answers count."""
    told = []
    as_they_are = [one.name for one in answers if one.as_it_is]
    for what, labels in (
        ("As they are", {one.name: one.native for one in answers}),
        ("Matched to the beam of training", {one.name: one.matched for one in answers}),
    ):
        counted = {name: label for name, label in labels.items() if label is not None}
        if len(counted) < 2:
            continue
        if what != "As they are" and (still := [name for name in counted if name in as_they_are]):
            told += [_mixed(counted, still)] if len(still) < len(counted) else []  # none is matched
            continue
        if len(set(counted.values())) == 1:
            all_of = "both" if len(counted) == 2 else f"all {len(counted)}"
            told.append(f"{what}, {all_of} images say {next(iter(counted.values()))}.")
        else:
            listed = ", ".join(f"{name} {label}" for name, label in counted.items())
            told.append(f"{what}, the images do not agree: {listed}.")
    return told


def _mixed(counted: dict[str, str], as_they_are: Sequence[str]) -> str:
    """The sentence on images of which only some are matched, because the others are as the training data already."""
    images = [f"{name} {'as it is' if name in as_they_are else 'matched'}" for name in counted]
    if len(set(counted.values())) == 1:
        return f"{', '.join(images[:-1])} and {images[-1]} say {next(iter(counted.values()))}."
    listed = ", ".join(f"{image} {label}" for image, label in zip(images, counted.values(), strict=True))
    return f"At the beam of training, the images do not agree: {listed}."
