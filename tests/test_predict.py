"""Predictions: softmax of the model's own logits, batches that do not matter, errors that stay with their cutout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import torch
from tiny_checkpoint import LABELS, SPEC, build, save

from vlass_explorer import checkpoints, preprocess, validity
from vlass_explorer.predict import from_logits, predict, predict_each
from vlass_explorer.schema import Checkpoint, Cutout, InputError, Noise


def cutout(name: str, seed: int, *, noise: Noise | None = None) -> Cutout:
    """A Gaussian source of 20 rms in unit noise, 64 by 64 pixels, without coordinates."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    pixels = rng.normal(0, 1e-4, (64, 64)) + 2e-3 * np.exp(-((y - 32) ** 2 + (x - 30) ** 2) / 18)
    return Cutout(
        name, pixels.astype(np.float32), unit="Jy/beam", noise=noise or Noise(1e-4, "test", 4096), kind="array"
    )


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return save(tmp_path_factory.mktemp("shelf") / "tiny")


@pytest.fixture(scope="module")
def model(card: Checkpoint) -> torch.nn.Module:
    return checkpoints.load(card)


def test_scores_are_the_softmax_of_the_models_logits(card: Checkpoint, model: torch.nn.Module) -> None:
    one = cutout("one", 1)
    (prediction,) = predict(model, card, [one])
    with torch.inference_mode():
        logits = model(preprocess.to_tensor(one, SPEC))[0].numpy()
    np.testing.assert_array_equal(prediction.logits, logits.astype(np.float64))
    np.testing.assert_allclose(prediction.probabilities, scipy.special.softmax(logits.astype(np.float64)), rtol=1e-12)
    assert prediction.label == LABELS[int(np.argmax(logits))]
    assert prediction.validity == validity.check(one, SPEC)


def test_batches_change_no_answer_and_no_order(card: Checkpoint, model: torch.nn.Module) -> None:
    many = [cutout(str(i), i) for i in range(7)]
    alone = [predict(model, card, [c])[0].probabilities for c in many]
    for size in (2, 7, 100):
        together = [p.probabilities for p in predict(model, card, many, batch_size=size)]
        np.testing.assert_allclose(together, alone, atol=1e-6)
    assert not np.allclose(alone[0], alone[1], atol=1e-6)


def test_a_refused_cutout_does_not_spoil_the_others(card: Checkpoint, model: torch.nn.Module) -> None:
    clipped = replace(cutout("clipped", 3), noise=None)
    strict = replace(card, input_spec=replace(SPEC, stretch="asinh"))
    given = [cutout("first", 1), clipped, cutout("last", 2)]
    outcomes = list(predict_each(model, strict, given, batch_size=2))
    assert [c.name for c, _ in outcomes] == ["first", "clipped", "last"]
    assert isinstance(outcomes[1][1], InputError)
    good = predict(model, strict, [given[0], given[2]])
    for outcome, expected in zip((outcomes[0][1], outcomes[2][1]), good, strict=True):
        np.testing.assert_allclose(outcome.probabilities, expected.probabilities, atol=1e-6)
    with pytest.raises(InputError):
        predict(model, strict, given)


def test_cutouts_are_taken_one_batch_at_a_time(card: Checkpoint, model: torch.nn.Module) -> None:
    taken: list[int] = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield cutout(str(i), i % 3)

    answers = predict_each(model, card, endless(), batch_size=4)
    assert next(answers)[0].name == "0"
    assert taken == [0, 1, 2, 3]


def test_nothing_in_nothing_out(card: Checkpoint, model: torch.nn.Module) -> None:
    assert predict(model, card, []) == []


def test_logits_that_overflow_are_one_sentence(card: Checkpoint) -> None:
    with pytest.raises(InputError, match="tiny gives no finite score"):
        from_logits(card, cutout("one", 1), torch.tensor([1.0, float("inf"), 0.0, 0.0]))


def test_the_model_is_left_as_it_was(card: Checkpoint, tmp_path: Path) -> None:
    model = build().eval()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    predict(model, card, [cutout("one", 1)])
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert not model.training
