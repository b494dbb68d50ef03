"""Distances from the training data: plain loops, scipy and scikit-learn say the same; a reference outlives its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_set
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from test_calibration_asked import make, part_of

from train.__main__ import main
from vlass_explorer import backbones, calibration, checkpoints
from vlass_explorer.calibration.reference import Reference, build, features, of_tensors, to_tensors
from vlass_explorer.schema import Checkpoint, CheckpointError, InputError, Seen, UnsupportedError

NAMES = ("long", "round")


@pytest.fixture(scope="module")
def cloud() -> dict[str, np.ndarray]:
    """Two classes in six dimensions; the last 60 of 160 are held out."""
    random = np.random.default_rng(0)
    labels = np.arange(160) % 2
    found = random.normal(size=(160, 6)) + 3.0 * labels[:, None] + 1.0
    logits = np.stack([found[:, 0], -found[:, 1]], axis=1)
    places = np.stack([np.linspace(0, 90, 160), np.linspace(-30, 30, 160)], axis=1)
    return {"found": found, "logits": logits, "labels": labels, "trained": np.arange(160) < 100, "places": places}


@pytest.fixture(scope="module")
def known(cloud: dict[str, np.ndarray]) -> Reference:
    return build(**{key: cloud[key] for key in cloud}, names=[f"{i}.fits" for i in range(160)])  # type: ignore[arg-type]


def test_measures_are_those_of_plain_loops(cloud: dict[str, np.ndarray], known: Reference) -> None:
    one, logits = cloud["found"][130], cloud["logits"][130]
    said = known.measure(one[None], logits[None])
    own = cloud["found"][:100].astype(np.float16).astype(float)
    chords = sorted(float(np.linalg.norm(one / np.linalg.norm(one) - row / np.linalg.norm(row))) for row in own)
    assert said["neighbours"][0] == pytest.approx(chords[9], abs=1e-6)
    assert said["energy"][0] == pytest.approx(-np.log(np.exp(logits).sum()))
    means = [own[cloud["labels"][:100] == k].mean(axis=0) for k in range(2)]
    within = own - np.array(means)[cloud["labels"][:100]]
    precision = LedoitWolf(assume_centered=True).fit(within).precision_
    assert said["mahalanobis"][0] == pytest.approx(min(mahalanobis(one, mean, precision) for mean in means))


def test_neighbours_come_with_label_place_and_distance(cloud: dict[str, np.ndarray], known: Reference) -> None:
    found = known.compare(cloud["found"][7], cloud["logits"][7], NAMES)
    first = found.neighbours[0]
    assert (first.name, first.label) == ("7.fits", "round") and len(found.neighbours) == 5
    assert (first.ra, first.dec) == pytest.approx(tuple(cloud["places"][7])) and first.distance < 1e-3
    distances = [one.distance for one in found.neighbours]
    assert distances == sorted(distances)


def test_percentiles_are_among_the_held_out(cloud: dict[str, np.ndarray], known: Reference) -> None:
    random = np.random.default_rng(1)
    labels = np.arange(400) % 2
    more = random.normal(size=(400, 6)) + 3.0 * labels[:, None] + 1.0
    own = [known.compare(row, np.array([row[0], -row[1]]), NAMES) for row in more]
    for name in ("neighbours", "mahalanobis", "energy"):
        assert np.mean([one.percentiles[name] for one in own]) == pytest.approx(50.0, abs=15.0)  # 60 held out
    far = known.compare(np.array([9.0, -9, 9, -9, 9, -9]), np.array([0.0, 0.0]), NAMES)
    assert far.percentiles["mahalanobis"] == 100.0 and far.percentiles["neighbours"] > 95.0
    assert far.held_out == 60
    with pytest.raises(InputError, match="not finite"):
        known.compare(np.full(6, np.nan), np.zeros(2), NAMES)


def test_it_comes_back_from_its_arrays(cloud: dict[str, np.ndarray], known: Reference) -> None:
    again = of_tensors(to_tensors(known))
    assert again.names == known.names and np.array_equal(again.features, known.features)
    one, other = (each.compare(cloud["found"][130], cloud["logits"][130], NAMES) for each in (known, again))
    assert [near.name for near in other.neighbours] == [near.name for near in one.neighbours]
    assert [near.distance for near in other.neighbours] == [near.distance for near in one.neighbours]
    assert other.values["mahalanobis"] == pytest.approx(one.values["mahalanobis"], rel=1e-5)
    with pytest.raises(ValueError, match="do not belong together"):
        of_tensors({**to_tensors(known), "labels": np.zeros(3, np.int16)})


@pytest.mark.parametrize("name", ["vlass_vision_cnn", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_features_and_logits_are_those_of_the_forward_pass(name: str) -> None:
    backbones.register()
    import timm

    torch.manual_seed(0)
    side = 32 if name == "vlass_vision_cnn" else 224
    model = timm.create_model(name, num_classes=3, in_chans=1, img_size=side).eval()
    x = torch.randn(2, 1, side, side)
    found, logits = features(model, x)
    with torch.no_grad():
        assert logits == pytest.approx(model(x).double().numpy(), abs=1e-5)
    assert found.shape == (2, 512 if name == "vlass_vision_cnn" else model.num_features)
    with pytest.raises(UnsupportedError, match="does not give its features"):
        features(torch.nn.Identity(), x)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Checkpoint, Path]:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    folder = tiny_set.make(tmp_path / "data", count=80)
    plain = make(tmp_path / "shelf", "plain", 1, Seen())
    part = part_of(plain, folder)
    half = replace(part, indices=part.indices[:40])
    return make(tmp_path / "shelf", "tiny", 1, Seen(train=half.images(plain).cutouts)), folder


def test_the_command_keeps_it_and_what_is_damaged_is_one_sentence(
    trained: tuple[Checkpoint, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    card, folder = trained
    assert calibration.read_reference(card) is None
    assert main(["reference", "tiny", "--data-dir", str(folder), "--device", "cpu"]) == 0
    assert "tiny: 40 training cutouts, 40 held out" in capsys.readouterr().out
    found = calibration.read_reference(card)
    assert found is not None and len(found.names) == 40 and found.names[0].endswith(".npy")
    packed = checkpoints.unpack(checkpoints.pack(card), "copy")
    assert calibration.read_reference(packed) is not None
    with pytest.raises(CheckpointError, match="belongs to other weights"):
        calibration.read_reference(replace(card, sha256="0" * 64))
    (card.path / checkpoints.REFERENCE).write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        calibration.read_reference(card)
    assert main(["reference", "plain", "--data-dir", str(folder), "--device", "cpu"]) == 2
    assert "plain has trained on 0, and 80 are held out" in capsys.readouterr().err
