"""Batches and images: order, resumption, and that validation sees what prediction sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_set
import torch

from train.batches import Batches
from vlass_explorer import preprocess, recipes
from vlass_explorer.learning.data import Data, load
from vlass_explorer.runs.locks import Turn
from vlass_explorer.schema import ConfigError, DatasetError, RunConfig


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    folder = tiny_set.make(tmp_path_factory.mktemp("set"))
    return recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(folder)))


@pytest.fixture(scope="module")
def data(config: RunConfig) -> Data:
    return load(config, lambda: None)


def test_order_depends_on_seed_and_epoch_alone(config: RunConfig) -> None:
    labels = torch.arange(50) % 2
    one, two = Batches(labels, config), Batches(labels, config)
    two.order(7)
    assert torch.equal(one.order(3), two.order(3)) and sorted(one.order(3).tolist()) == list(range(50))
    assert not torch.equal(one.order(3), one.order(4))
    assert not torch.equal(one.order(3), Batches(labels, replace(config, seed=1)).order(3))


def test_an_epoch_leaves_out_the_incomplete_batch(config: RunConfig) -> None:
    batches = list(Batches(torch.arange(50) % 2, replace(config, batch_size=8)))
    assert [len(batch) for batch in batches] == [8] * 6 and len({int(i) for b in batches for i in b}) == 48
    few = Batches(torch.arange(5) % 2, replace(config, batch_size=8))
    assert len(few) == 1 and [len(batch) for batch in few] == [5]


def test_a_resumed_epoch_goes_on_where_it_was(config: RunConfig) -> None:
    whole, cut, resumed = (Batches(torch.arange(50) % 2, config) for _ in range(3))
    for batches in (whole, cut, resumed):
        batches.set_epoch(4)
    first = [batch for _, batch in zip(range(2), cut, strict=False)]
    resumed.load_state_dict(cut.state_dict())
    assert torch.equal(torch.cat([*first, *resumed]), torch.cat(list(whole)))
    resumed.set_epoch(5)
    whole.set_epoch(5)
    assert torch.equal(torch.cat(list(resumed)), torch.cat(list(whole)))


def test_loader_processes_change_nothing(data: Data, config: RunConfig) -> None:
    many = replace(config, workers=2, noise=0.0)
    loaded, plain = Batches(data.train.labels, many, data.train), Batches(data.train.labels, config)
    try:
        for epoch in (3, 4):
            loaded.set_epoch(epoch)
            plain.set_epoch(epoch)
            for batch, positions in zip(loaded, plain, strict=True):
                x, labels = data.train.augmented(positions, epoch)
                assert torch.equal(batch[0], positions) and torch.equal(batch[1], x) and torch.equal(batch[2], labels)
        resumed = Batches(data.train.labels, many, data.train)
        resumed.load_state_dict({"next": 2})
        resumed.set_epoch(4)
        plain.set_epoch(4)
        assert torch.equal(torch.cat([batch[0] for batch in resumed]), torch.cat(list(plain)[2:]))
        resumed.close()
    finally:
        loaded.close()


def test_a_loader_process_does_not_hold_the_device(data: Data, config: RunConfig, tmp_path: Path) -> None:
    turn = Turn(tmp_path, "cpu")
    assert turn.take()
    batches = Batches(data.train.labels, replace(config, workers=1), data.train)
    rest = iter(batches)
    next(rest)
    turn.close()
    other = Turn(tmp_path, "cpu")
    assert other.take()  # the loader process, forked while the lock was held, lives on
    other.close()
    batches.close()


def test_balance_draws_rare_classes_as_often(config: RunConfig) -> None:
    labels = torch.tensor([0] * 900 + [1] * 100)
    drawn = labels[Batches(labels, replace(config, balance=1.0)).order(0)]
    assert 0.45 < float(drawn.float().mean()) < 0.55


def test_validation_sees_exactly_what_prediction_sees(data: Data) -> None:
    x, labels = data.validation.plain(torch.arange(len(data.validation)))
    for row, index in enumerate(data.validation.indices):
        item = data.data_set.items[index]
        assert torch.equal(x[row], preprocess.to_tensor(item.read(), data.spec)[0])
        assert int(labels[row]) == item.label


def test_training_without_augmentation_is_the_same_path(config: RunConfig) -> None:
    still = replace(config, rotate=False, flip=0.0, shift=0.0, zoom=0.0)
    plain = load(still, lambda: None)
    x, _ = plain.train.augmented(torch.arange(len(plain.train)), epoch=0)
    expected = [preprocess.to_tensor(plain.data_set.items[i].read(), plain.spec) for i in plain.train.indices]
    assert torch.equal(x, torch.cat(expected))


def test_mean_and_std_are_those_of_the_training_inputs(data: Data) -> None:
    raw = replace(data.spec, mean=(0.0,), std=(1.0,))
    inputs = torch.cat([preprocess.to_tensor(data.data_set.items[i].read(), raw) for i in data.train.indices])
    assert data.spec.mean[0] == pytest.approx(float(inputs.mean()), abs=1e-5)
    assert data.spec.std[0] == pytest.approx(float(inputs.std(correction=0)), abs=1e-5)


def test_augmentation_does_not_depend_on_the_batch(data: Data) -> None:
    together, _ = data.train.augmented(torch.arange(8), epoch=2)
    alone = torch.cat([data.train.augmented(torch.tensor([k]), epoch=2)[0] for k in range(8)])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-6)
    assert not torch.allclose(together, data.train.augmented(torch.arange(8), epoch=3)[0])


def test_images_of_several_sizes_share_a_batch(tmp_path: Path, config: RunConfig) -> None:
    folder = tiny_set.make(tmp_path / "set", count=30)
    for path in list(folder.glob("*/*.npy"))[::3]:
        np.save(path, np.pad(np.load(path), ((3, 4), (0, 9))))
    mixed = load(replace(config, data_dir=str(folder)), lambda: None)
    x, _ = mixed.train.augmented(torch.arange(len(mixed.train)), epoch=0)
    assert x.shape == (len(mixed.train), 1, 16, 16) and bool(x.isfinite().all())


def test_splits_are_disjoint_and_named(data: Data) -> None:
    splits = data.splits()
    assert not set(splits["train"]) & set(splits["validation"])
    assert len(splits["train"]) + len(splits["validation"]) == 40
    assert data.class_fractions() == {"long": 0.5, "round": 0.5}


def test_bad_data_is_told(tmp_path: Path, config: RunConfig) -> None:
    with pytest.raises(DatasetError):
        load(replace(config, data_dir=str(tmp_path / "absent")), lambda: None)
    with pytest.raises(DatasetError, match="nonsense"):
        load(replace(config, dataset="nonsense"), lambda: None)
    with pytest.raises(DatasetError, match="[Ff]old"):
        load(replace(config, fold=9), lambda: None)
    with pytest.raises(ConfigError, match="img_size"):
        load(replace(config, img_size=4), lambda: None)
    folder = tiny_set.make(tmp_path / "set", count=20)
    bad = next(folder.glob("long/*.npy"))
    bad.write_bytes(b"not an array")
    with pytest.raises(DatasetError, match=bad.name):
        load(replace(config, data_dir=str(folder)), lambda: None)


def test_unreadable_cutouts_are_left_out_only_within_the_share(tmp_path: Path, config: RunConfig) -> None:
    folder = tiny_set.make(tmp_path / "set", count=40)
    for path in sorted(folder.glob("long/*.npy"))[1:3]:
        path.write_bytes(b"not an array")
    with pytest.raises(DatasetError, match=r"2 files cannot be read: long/"):
        load(replace(config, data_dir=str(folder), allow_unreadable=0.04), lambda: None)
    found = load(replace(config, data_dir=str(folder), allow_unreadable=0.05), lambda: None)
    assert len(found.train) + len(found.validation) == 38 and len(found.unreadable) == 2
    assert sorted(found.splits()["unreadable"]) == ["long/002.npy", "long/004.npy"]
    assert [found.data_set.items[i].label for i in found.train.indices] == found.train.labels.tolist()
    x, _ = found.train.augmented(torch.arange(len(found.train)), epoch=0)
    assert bool(x.isfinite().all())
    for path in sorted(folder.glob("round/*.npy")):
        path.write_bytes(b"not an array")
    with pytest.raises(DatasetError, match="no training cutout of round"):
        load(replace(config, data_dir=str(folder), allow_unreadable=0.9), lambda: None)


def test_the_test_part_is_the_same_for_every_fold(tmp_path: Path, config: RunConfig) -> None:
    folder = tiny_set.make(tmp_path / "set", count=40)
    found = load(replace(config, data_dir=str(folder), split="random_test"), lambda: None)
    parts = found.splits()
    names = [set(parts[part]) for part in ("train", "validation", "test")]
    assert sum(map(len, names)) == len(set.union(*names)) == 40 and 5 <= len(names[2]) <= 8
    assert found.test().names == parts["test"]
    other = load(replace(config, data_dir=str(folder), split="random_test", fold=1), lambda: None)
    assert other.splits()["test"] == parts["test"] and other.splits()["validation"] != parts["validation"]
