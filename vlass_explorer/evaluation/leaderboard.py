"""Checkpoints side by side on the same data, as the tables that papers print: CSV and LaTeX.

Only what is comparable stands in one table: the very same held-out cutouts (by their content, not by the name of the
set), the same split and fold, simulated apart from real, and what was trained on apart from what was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import yaml

from ..foreign import mapped
from ..schema import Checkpoint, Figures, Overlap, ReportError, Status

if TYPE_CHECKING:
    import pandas as pd
    from pylatexenc.latexencode import UnicodeToLatexEncoder

STATUS = {
    "trained": "trained on: no test",
    "selected": "held out as validation",
    "unseen": "unseen",
    "unknown": "not known whether seen",
    "none": "not evaluated",
}
# Options of a run that augment, by their defaults where its configuration does not name them.
AUGMENTATION = {"rotate": True, "flip": 0.5, "shift": 2.0, "zoom": 0.1, "noise": 0.0, "mixup": 0.0, "cutmix": 0.0}


def groups(cards: Sequence[Checkpoint]) -> dict[str, list[Checkpoint]]:
    """Cards whose figures can be compared, by what they were measured on; the largest group first.

    Held-out parts are the same where their cutouts are, whatever their set is called; where a card does not know its
    cutouts, its set is taken for another one of that name.
    """
    found: dict[tuple[object, ...], list[Checkpoint]] = {}
    for card in cards:
        known, seen = card.provenance, _seen(card)
        part = seen.part if seen is not None else ""
        key = (part or known.data, bool(part), known.split, known.fold, known.simulated, status(card))
        found.setdefault(key, []).append(card)
    named: dict[str, list[Checkpoint]] = {}
    for (identity, is_content, *_), group in sorted(found.items(), key=lambda pair: -len(pair[1])):
        name = setting(group[0])
        cutouts = str(identity)[:8] if is_content else "not listed"
        named[f"{name}, cutouts {cutouts}" if name in named else name] = group
    return named


def setting(card: Checkpoint) -> str:
    """What the figures of a card were measured on: data set, split, fold, and whether it had seen those cutouts."""
    known = card.provenance
    words = [known.data or "data not stated"]
    words += [f"split {known.split}"] if known.split else []
    words += [f"fold {known.fold}"] if known.fold is not None else []
    words += ["simulated"] if known.simulated else []
    return ", ".join([*words, STATUS[status(card)]])


def status(card: Checkpoint) -> Status | Literal["none"]:
    """Whether a checkpoint had seen what its validation figures were measured on; "none" without such figures."""
    if card.reports.validation is None:
        return "none"
    seen = _seen(card)
    return "unknown" if seen is None else seen.status


def _seen(card: Checkpoint) -> Overlap | None:
    found = card.reports.validation
    return None if found is None else found.seen


def table(cards: Sequence[Checkpoint]) -> pd.DataFrame:
    """One row a checkpoint, best macro F1 first: the columns of VLASS-Vision's table and AUROC of every class.

    Columns: checkpoint, architecture, parameters (million), accuracy, macro F1, its interval, how many of these cutouts
    the checkpoint had seen before, pretrained, frozen, augmentation, macro AUROC, AUROC of each class that any of the
    cards knows; NaN where a card does not say. Give cards of one of the ``groups``.
    """
    # Here and not above: a training process reads configurations by this file, and makes no table.
    import pandas as pd

    rows = []
    for card in cards:
        found, run = card.reports.validation or Figures(), configuration(card)
        interval = found.macro_f1_interval
        row: dict[str, Any] = {
            "checkpoint": card.name,
            "architecture": card.architecture,
            "parameters (M)": card.parameters / 1e6,
            "accuracy": found.accuracy,
            "macro F1": found.macro_f1,
            "95 %": f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "",
            "seen before": found.seen.label if found.seen else "unknown",
            "pretrained": str(run.get("weights", card.provenance.weights or "none")),
            "frozen": {"all": "no", "head": "all but the head"}.get(str(run.get("tune", "all")), "in part"),
            "augmentation": "yes" if is_augmented(run) else "no",
            "macro AUROC": found.macro_auroc,
        }
        row |= {f"AUROC {name}": value for name, value in found.auroc.items()}
        rows.append(row)
    frame = pd.DataFrame(rows)
    return frame if frame.empty else frame.sort_values("macro F1", ascending=False, ignore_index=True)


def configuration(card: Checkpoint) -> Mapping[str, Any]:
    """The run configuration on a card: what differed from the defaults, empty where there is none."""
    text = card.provenance.configuration
    try:
        with mapped(lambda error: ReportError("The configuration on the card is not YAML.")):
            values = None if text is None else yaml.safe_load(text)
    except ReportError:
        return {}
    return values if isinstance(values, Mapping) else {}


def is_augmented(run: Mapping[str, Any]) -> bool:
    """True unless every augmentation is switched off; by default a run turns, mirrors, shifts and zooms."""
    return any(run.get(key, default) for key, default in AUGMENTATION.items())


def to_csv(frame: pd.DataFrame) -> str:
    """The table as CSV."""
    return str(frame.to_csv(index=False))


def to_latex(frame: pd.DataFrame, caption: str) -> str:
    """The table for a paper (booktabs), numbers with three digits; names in header, cells and caption are escaped.

    It compiles with any LaTeX, whatever the names: what pdfLaTeX has no letter for becomes a bold question mark.
    """
    safe = frame.set_axis([_escaped(name) for name in frame.columns], axis="columns")
    words = {name: _escaped for name in safe.columns if safe[name].dtype.kind not in "fi"}
    text = safe.to_latex(
        index=False, escape=False, float_format="%.3f", na_rep="--", caption=_escaped(caption), formatters=words
    )
    return str(text)


def _escaped(value: Any) -> str:
    text: str = _latex().unicode_to_latex(" ".join(str(value).split()))
    # After the end of a row a bracket would be its option, and so would a star.
    return f"{{{text[0]}}}{text[1:]}" if text.startswith(("[", "*")) else text


@cache
def _latex() -> UnicodeToLatexEncoder:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

    return UnicodeToLatexEncoder(
        replacement_latex_protection="braces", unknown_char_policy="replace", unknown_char_warning=False
    )
