"""Several checkpoints become one, with its parents in its provenance: a mean of all, or a greedy soup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from torch import Tensor, nn

from .. import checkpoints
from ..evaluation import EvaluationResult, averaging, evaluate_images, parts, unseen
from ..schema import Ancestor, Checkpoint, ConfigError, Provenance, Reports, Seen
from .provenance import inherited

STATISTICS_COUNT = 2048
"""Training cutouts that batch norm statistics are estimated on, at most."""
BATCH = 64
INHERITED = (
    "data",
    "dataset",
    "data_licence",
    "citation",
    "simulated",
    "split",
    "fold",
    "split_seed",
    "train_count",
    "validation_count",
    "class_fractions",
    "recipe",
)


@dataclass(frozen=True, eq=False)
class Soup:
    """A checkpoint that is the mean of others."""

    card: Checkpoint
    parents: tuple[Checkpoint, ...]
    """Those that went into it: all, or what a greedy soup kept."""
    result: EvaluationResult | None
    """On the validation part that the parents left out; None where no data set was given."""


def average(
    cards: Sequence[Checkpoint],
    name: str,
    *,
    data_dir: str = "",
    dataset: str = "",
    split: str | None = None,
    fold: int | None = None,
    greedy: bool = False,
    device: str = "cpu",
) -> Soup:
    """Average checkpoints and save the mean as ``name``; data set, split and fold are the parents' unless given.

    Batch norm statistics are estimated anew where there is data. ConfigError where the name is taken, the parents are
    not alike, or a greedy soup has no cutouts to choose itself on (Wortsman et al. 2022, arXiv:2203.05482).
    """
    path = checkpoints.folder() / checkpoints.check_name(name)
    if path.exists():
        raise ConfigError(f"There is already a checkpoint {name!r}; choose another name.")
    averaging.check_alike(cards)
    common = common_provenance([card.provenance for card in cards])
    place = replace(
        common,
        dataset=dataset or common.dataset,
        split=split or common.split,
        fold=common.fold if fold is None else fold,
    )
    data = _Data(cards[0], place, data_dir) if data_dir or common.simulated else None
    seen = {card.name: inherited(card, "parent") for card in cards}
    if greedy:
        if data is None:
            raise ConfigError("A greedy soup needs validation data: give --data-dir.")
        for card in cards:
            check_held_out(card, seen[card.name], data)

    def score(model: nn.Module) -> float:
        assert data is not None
        return evaluate_images(model, data.validation, cards[0].label_names, device=device).report.macro_f1

    model, chosen = averaging.average(cards, data.inputs if data else None, score if greedy else None, device=device)
    checkpoints.round_to_stored(model)
    used = [seen[card.name] for card in chosen]
    counted = 0
    if data is not None and averaging.has_statistics(model) and len(chosen) > 1:
        used.append(Seen(train=data.train.cutouts))
        counted = len(data.train)
    if data is not None and greedy:
        used.append(Seen(selected=data.validation.cutouts))
    union = checkpoints.merged(used)
    result = None
    if data is not None:
        overlap = unseen.count(union, data.validation.cutouts)
        result = evaluate_images(model, data.validation, cards[0].label_names, device=device, seen=overlap)
    card = checkpoints.save(
        path,
        model,
        architecture=cards[0].architecture,
        model_args=cards[0].model_args,
        label_names=cards[0].label_names,
        input_spec=cards[0].input_spec,
        reports=Reports({"validation": asdict(result.report)} if result else {}),
        provenance=provenance(common, cards, chosen, data if greedy else None, counted),
        seen=union,
    )
    return Soup(card, tuple(chosen), result)


def common_provenance(several: Sequence[Provenance]) -> Provenance:
    """What the provenance of all parents agrees on."""
    first = several[0]
    agreed = [key for key in INHERITED if all(getattr(one, key) == getattr(first, key) for one in several)]
    return Provenance(**{key: getattr(first, key) for key in agreed})


def check_held_out(card: Checkpoint, seen: Seen, data: _Data) -> None:
    """ConfigError where a greedy soup would choose itself on cutouts that a parent was trained on.

    That parents were validated on them is usual (Wortsman et al. 2022, section 2): the soup is then marked as chosen on
    them. Where nobody listed what a parent has seen, its card has to say that it left this very fold out.
    """
    found, config = unseen.count(seen, data.validation.cutouts), data.config
    advice = "give the fold that all of them left out, or leave --greedy out."
    if found.trained:
        raise ConfigError(
            f"{card.name} was trained on {found.trained:,} of the {found.count:,} validation cutouts of fold "
            f"{config.fold} ({config.split} split): a greedy soup would choose itself on training data; {advice}"
        )
    known = card.provenance
    same = (known.split, known.fold, known.split_seed or 0) == (config.split, config.fold, config.split_seed)
    if found.unknown and (known.saw_validation or not same):
        raise ConfigError(
            f"Nobody knows whether {card.name} was trained on the validation cutouts of fold {config.fold} "
            f"({found.reason}), on which a greedy soup would choose itself; {advice}"
        )


def provenance(
    common: Provenance, cards: Sequence[Checkpoint], chosen: Sequence[Checkpoint], greedy: _Data | None, counted: int
) -> Provenance:
    """Where averaged weights come from: what the parents share, and each parent with the hash of its weights."""
    where = f"{len(greedy.validation):,} validation cutouts of fold {greedy.config.fold}" if greedy else ""
    held_out = {(c.provenance.split, c.provenance.fold, c.provenance.split_seed) for c in chosen}
    leaks = len(held_out) > 1 or any(card.provenance.saw_validation for card in chosen)
    return replace(
        common,
        averaged="greedy soup" if greedy else "uniform mean",
        selected_on=f"parents by macro F1 on {where}" if greedy else "nothing beyond its parents",
        calibrated_on="nothing",
        parents=tuple(Ancestor(card.name, card.sha256) for card in chosen),
        left_out=tuple(Ancestor(card.name, card.sha256) for card in cards if card not in chosen),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        statistics_count=counted or None,
        saw_validation="The averaged weights were trained on other folds, so no fold is unseen." if leaks else None,
    )


class _Data:
    """Training inputs for batch norms and the validation split that the parents left out."""

    def __init__(self, card: Checkpoint, place: Provenance, data_dir: str) -> None:
        if missing := [key for key in ("dataset", "split", "fold") if getattr(place, key) is None]:
            raise ConfigError(f"The checkpoints do not agree on their {missing[0]}: give --{missing[0]}.")
        config = parts.config_of(
            card, data_dir=data_dir, dataset=place.dataset or "", split=place.split or "", fold=place.fold
        )
        self.config = replace(config, split_seed=place.split_seed or 0)
        train = parts.select(card, self.config, "train")
        step = max(1, len(train.indices) // STATISTICS_COUNT)
        self.train = replace(train, indices=train.indices[::step][:STATISTICS_COUNT]).images(card)
        self.validation = parts.select(card, self.config).images(card)

    def inputs(self) -> Iterator[Tensor]:
        """Batches of one size; what is left over is left out."""
        size = min(BATCH, len(self.train))
        for batch in self.train.batches(size):
            if len(batch) == size:
                yield self.train.plain(batch)[0]
