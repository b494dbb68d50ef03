"""What was measured on real VLASS pictures: what declaring and matching are worth, and which agreement means something.

214 Quick Look pictures of known FR I and FR II, none of them trained on, by each shipped checkpoint. The numbers are
those that ``benchmarks/vlass_fr.py`` prints; they belong to the weights, told by their hash, and to no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from .schema import Checkpoint

COUNT = 214


@dataclass(frozen=True)
class Share:
    """How many labels are right of how many."""

    right: int
    of: int

    @property
    def value(self) -> float:
        """Their ratio."""
        return self.right / self.of

    @property
    def error(self) -> float:
        """Its binomial standard error."""
        return float((self.value * (1.0 - self.value) / self.of) ** 0.5)

    def __str__(self) -> str:
        return f"{self.value:.2f} of {self.of}"


@dataclass(frozen=True)
class Measured:
    """Balanced accuracies of the better of the two classes, and how often the matched label is right."""

    as_they_are: float
    matched: float
    views_agree: Share
    """Right where the matched cutout and the one at the same scale in beams get one label."""
    views_differ: Share
    native_agrees: Share
    """Right where the matched cutout and the cutout as it is get one label."""
    native_differs: Share

    @property
    def agreement_tells(self) -> bool:
        """Are labels on which both views agree right more often, by two standard errors?"""
        return _tells(self.views_agree, self.views_differ)


def _tells(one: Share, other: Share) -> bool:
    return one.value - other.value > 2.0 * (one.error**2 + other.error**2) ** 0.5


MEASURED: dict[str, Measured] = {
    "4e5867a0796178a2": Measured(
        0.66, 0.88, Share(113, 138), Share(48, 76), Share(97, 134), Share(64, 80)
    ),  # first-d4-resnet
    "5747b8b4b2f23121": Measured(
        0.53, 0.78, Share(64, 106), Share(77, 108), Share(67, 125), Share(74, 89)
    ),  # first-cnn
    "caf172e26e810457": Measured(
        0.64, 0.84, Share(125, 153), Share(36, 61), Share(107, 151), Share(54, 63)
    ),  # first-d4-vit
}
"""By the first 16 hex digits of the weights' SHA-256."""


def measured(card: Checkpoint) -> Measured | None:
    """What was measured of a checkpoint; None where its weights are others than those that were."""
    return MEASURED.get(card.sha256[:16])


def on_agreement(card: Checkpoint, agrees: bool) -> str:
    """What it means that matching and the same scale in beams agree, or that they do not, in one sentence."""
    what = "Both views at the beam of training agree" if agrees else "The two views at the beam of training disagree"
    known = measured(card)
    if known is None:
        return f"{what}; what that means has not been measured for {card.name}."
    one, other = (known.views_agree, known.views_differ)
    here, there = (one, other) if agrees else (other, one)
    where = f"of {COUNT} real VLASS pictures of FR I and FR II the matched label is right in {here} where they "
    said = f"{what}: {where}{'do' if agrees else 'do not'}, and in {there} where they {'do not' if agrees else 'do'}"
    if not known.agreement_tells:
        return f"{said}: no difference that tells."
    native = f"{known.native_agrees.value:.2f} and {known.native_differs.value:.2f}"
    return f"{said}. That the label stays when matched says nothing ({native})."
