"""The checkpoints that are shipped: what their cards say is what their weights do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from streamlit.testing.v1 import AppTest
from test_preprocess import PAIRS, png_of

from vlass_explorer import checkpoints, cutouts, datasets, explainers, predict, preprocess
from vlass_explorer.datasets import identity, splits
from vlass_explorer.evaluation import masks, unseen
from vlass_explorer.schema import Checkpoint, CheckpointError, Cutout, Cutouts

SHELF = Path(__file__).resolve().parents[1] / "checkpoints"
CARDS = checkpoints.listing(SHELF)
FIRST = [card for card in CARDS if card.name.startswith("first-")]
NAMES = [card.name for card in FIRST]
SIMULATED = ("vlass-sim-cnn", "sim-panoptic-fpn")
LEAST = 0.71
"""Macro F1 of a random forest on ten shape numbers."""


@pytest.fixture(scope="module")
def fold(data_dir: Path) -> tuple[datasets.DataSet, list[Cutout], np.ndarray]:
    data = datasets.load("class_folders", data_dir / "first-radio-galaxies")
    held_out = splits.split(data, "authors", 0, 0)[1]
    return data, [data.items[i].read() for i in held_out], np.array([data.items[i].label for i in held_out])


def test_six_kinds_in_under_32_mebibytes() -> None:
    assert not checkpoints.problems(SHELF)
    shipped = {
        "first-cnn",
        "first-stn-cnn",
        "first-d4-vit",
        "first-d4-resnet",
        "vlass-sim-cnn",
        "sim-panoptic-fpn",
    }
    assert shipped <= {c.name for c in CARDS}
    assert sum(path.stat().st_size for path in SHELF.rglob("*") if path.is_file()) < 32 * 2**20


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_cards_say_where_the_weights_come_from(card: Checkpoint) -> None:
    known = card.provenance
    assert all(value is not None for value in (known.data, known.data_licence, known.split, known.fold, known.recipe))
    assert known.seed is not None and known.class_fractions and known.simulated == (card.name in SIMULATED)
    if card.task == "segmentation":
        marks = masks.read(card.reports.segmentations["validation"])
        assert marks.mean_iou_interval[0] <= marks.mean_iou <= marks.mean_iou_interval[1]
    else:
        found = card.reports.validation
        assert found.macro_f1_interval[0] <= found.macro_f1 <= found.macro_f1_interval[1]
    assert "/" not in known.configuration.replace(known.recipe, "")


@pytest.mark.parametrize("card", FIRST, ids=NAMES)
def test_the_macro_f1_of_the_card_is_that_of_the_weights(card: Checkpoint, fold: tuple) -> None:
    data, images, labels = fold
    assert data.label_names == card.label_names
    found = [p.label for p in predict.predict(checkpoints.load(card), card, images)]
    score = f1_score(labels, [card.label_names.index(label) for label in found], average="macro")
    assert score == pytest.approx(card.reports.validation.macro_f1, abs=1e-9)


@pytest.mark.parametrize("card", FIRST, ids=NAMES)
def test_cards_know_their_training_folds(card: Checkpoint, fold: tuple) -> None:
    data, images, _ = fold
    parts = splits.split(data, "authors", 0, 0)
    nowhere = np.full((len(images), 2), np.nan)
    held_out = unseen.overlap(card, Cutouts(np.array([identity.content(image) for image in images]), nowhere))
    assert (held_out.trained, held_out.selected, held_out.count, held_out.unknown) == (0, 353, 353, 0)
    assert held_out.part == card.reports.validation.seen.part and card.reports.validation.seen.selected == 353
    some = np.array([identity.content(data.items[index].read()) for index in parts.train[::50]])
    assert unseen.overlap(card, Cutouts(some, np.full((len(some), 2), np.nan))).trained == len(some) == 29
    # By place alone, as for the same sources in another survey.
    places = np.array([(data.items[index].ra, data.items[index].dec) for index in parts.train])
    found = unseen.overlap(card, Cutouts(np.full(len(places), "", "U16"), places))
    assert found.sentence.startswith("1,405 of 1,405 cutouts were trained on: this is no test.")


def test_the_simulated_checkpoint_knows_its_seed() -> None:
    card = checkpoints.find("vlass-sim-cnn", SHELF)
    items = datasets.load("simulated", None, seed=0, count=4000).items
    places = np.array([(item.ra, item.dec) for item in items])
    found = unseen.overlap(card, Cutouts(np.full(len(items), "", "U16"), places))
    assert (found.trained, found.selected, found.by_place) == (4000, 1000, 5000)
    other = datasets.load("simulated", None, seed=4711, count=60).items[:60]
    places = np.array([(item.ra, item.dec) for item in other])
    assert unseen.overlap(card, Cutouts(np.full(60, "", "U16"), places)).status == "unseen"


def test_the_card_of_real_masks_says_whose_they_are_and_beats_islands() -> None:
    card = checkpoints.find("askap-fpn", SHELF)
    told = masks.read(card.reports.segmentations["validation"])
    assert told.count == 60 and told.label_names == card.label_names
    assert masks.source_iou(told.confusion) > 0.5  # islands at 3 rms 0.11, the best of them 0.43: real_masks.py
    assert "CC BY-NC-SA" in (card.provenance.data_licence or "")
    assert (card.provenance.licence_of_the_weights or "").startswith("CC BY-NC-SA 4.0")


def test_the_best_is_well_above_the_shape_floor() -> None:
    scores = {card.name: card.reports.validation.macro_f1 for card in FIRST}
    assert max(scores.values()) >= 0.83
    assert sum(score > LEAST for score in scores.values()) >= 3


@pytest.mark.parametrize("card", FIRST, ids=NAMES)
def test_fits_and_png_of_one_source_get_one_class(card: Checkpoint, data_dir: Path) -> None:
    data = datasets.load("class_folders", data_dir / "first-radio-galaxies")
    model = checkpoints.load(card)
    same = 0
    for name in PAIRS:
        image = cutouts.read(next((data_dir / "cutouts" / "first").glob(f"*{name}*.fits")))
        fits, png = predict.predict(model, card, [image, png_of(image, data)])
        same += fits.label == png.label
    assert same >= 6


def test_the_simulated_classifier_on_unseen_simulated_cutouts() -> None:
    card = checkpoints.find("vlass-sim-cnn", SHELF)
    data = datasets.load("simulated", None, seed=4711, count=60)
    items = data.items[:60]
    found = predict.predict(checkpoints.load(card), card, [item.read() for item in items])
    labels = [item.label for item in items]
    score = f1_score(labels, [card.label_names.index(p.label) for p in found], average="macro")
    assert score >= 0.9


@pytest.mark.timeout(900)
def test_integrated_gradients_of_the_vit_converge_on_most_examples(repo_root: Path) -> None:
    card = checkpoints.find("first-d4-vit", SHELF)
    model = checkpoints.load(card)
    told, converged = [], 0
    for path in sorted((repo_root / "examples").glob("*_1.fits")):
        x = preprocess.to_tensor(cutouts.read(path), card.input_spec)
        with torch.inference_mode():
            target = int(model(x).argmax())
        numbers = explainers.EXPLAINERS["integrated_gradients"].explain(model, x, target).numbers
        assert bool(numbers["converged"]) == (float(numbers["completeness_error"]) <= 0.05)
        assert int(numbers["steps"]) <= 400
        converged += bool(numbers["converged"])
        told.append((path.name, numbers["completeness_error"], numbers["steps"]))
    assert converged >= 0.8 * len(told), told


def test_what_was_shipped_once_names_its_successor(tmp_path: Path) -> None:
    for name in ("first-vit-tiny", "first-conv-vit"):
        with pytest.raises(CheckpointError, match=f"^{name} is no longer shipped: first-d4-vit took its place"):
            checkpoints.find(name, SHELF)
    with pytest.raises(CheckpointError, match="There is no checkpoint 'first-vit-tiny'"):
        checkpoints.find("first-vit-tiny", tmp_path)  # a shelf without the successor


def test_a_link_to_a_checkpoint_of_earlier_versions_opens_its_successor(repo_root: Path) -> None:
    page = AppTest.from_file(str(repo_root / "app.py"), default_timeout=180)
    page.query_params["checkpoint"] = "first-conv-vit"
    page.run()
    assert not page.exception and page.selectbox(key="checkpoint").value == "first-d4-vit"
    said = page.warning[0].value.replace("\\", "")
    assert said == "There is no checkpoint first-conv-vit: first-d4-vit is shown instead."
