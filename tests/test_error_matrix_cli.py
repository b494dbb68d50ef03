"""Both command lines, every way to break a checkpoint, a cutout or a data set: exit code 2 and one sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from broken import WAYS, Broken, World, broken_world, good_world

from train.__main__ import main as train
from vlass_explorer.cli import main as explorer

Said = tuple[int, str, str]
CUTOUTS = [way for way in WAYS if way.kind == "cutout" and way.reading.plane == 0 and way.reading.position is None]
CHECKPOINTS = [way for way in WAYS if way.kind == "checkpoint" and way.name != "report of another type"]
DATA_SETS = [way for way in WAYS if way.kind == "data set"]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """A command line in this process: exit code, standard output and standard error."""

    def run(main: Callable[..., int], *words: object) -> Said:
        code = main([str(word) for word in words])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> World:
    return good_world(tmp_path_factory.mktemp("good"))


@pytest.fixture
def world(good: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A copy of the good world, named by the environment."""
    shutil.copytree(good.root, tmp_path / "world")
    copy = World(tmp_path / "world")
    for name, value in copy.environment().items():
        monkeypatch.setenv(name, value)
    yield copy


def named(ways: list[Broken]) -> dict[str, object]:
    return {"argvalues": ways, "ids": [way.name for way in ways]}


def one_sentence(said: str, way: Broken) -> None:
    lines = said.strip().splitlines()
    assert "Traceback" not in said
    assert len([line for line in lines if way.sentence in line]) == 1, said


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize("way", **named(CUTOUTS))
def test_a_broken_cutout(world: World, call: Callable[..., Said], way: Broken, command: str) -> None:
    folder = world.root / "files"
    folder.mkdir()
    way.make(folder / way.name)
    np.save(folder / "good.npy", np.load(next((world.root / "data" / "good" / "long").iterdir())))
    words = ["--method", "attention_rollout", "--out", world.root / "out"] if command == "explain" else []
    code, out, err = call(explorer, command, folder, "--checkpoint", "good", "--device", "cpu", *words)
    assert code == 2 and "good." in out  # the rest is done
    one_sentence(err, way)


@pytest.mark.parametrize("way", **named(CHECKPOINTS))
def test_a_broken_checkpoint(world: World, call: Callable[..., Said], way: Broken) -> None:
    shutil.copytree(world.root / "checkpoints" / "good", world.checkpoint)
    way.make(world.checkpoint)
    file = next((world.root / "data" / "good" / "long").iterdir())
    code, out, err = call(explorer, "predict", file, "--checkpoint", "bad", "--device", "cpu")
    assert code == 2 and not out
    one_sentence(err, way)
    code, out, err = call(explorer, "checkpoints")
    assert "good" in out and "Traceback" not in err
    code, _, err = call(train, "test", "bad", "--data-dir", world.root / "data" / "good", "--device", "cpu")
    assert code == 2
    if way.name != "weights are NaN":
        one_sentence(err, way)


@pytest.mark.parametrize("way", **named(DATA_SETS))
def test_a_broken_data_set(world: World, call: Callable[..., Said], way: Broken) -> None:
    shutil.copytree(world.root / "data" / "good", world.data_set)
    way.make(world.data_set)
    expected = way.sentence if way.name != "vanished folder" else "is not a folder"
    code, _, err = call(train, "test", "good", "--data-dir", world.data_set, "--device", "cpu")
    assert code == 2 and expected in err and "Traceback" not in err and len(err.strip().splitlines()) == 1
    code, out, _ = call(train, "check", "--json", "--quick", f"data_dir={world.data_set}", "split=random", "device=cpu")
    assert code == 2 and expected in out


def test_an_output_that_is_a_file(world: World, call: Callable[..., Said]) -> None:
    file, target = next((world.root / "data" / "good" / "long").iterdir()), world.root / "taken"
    target.write_text("mine")
    words = ("explain", file, "--checkpoint", "good", "--method", "attention_rollout", "--device", "cpu", "--out")
    for out in (target, target / "below"):
        code, said, err = call(explorer, *words, out)
        assert code == 2 and not said and str(target) in err and len(err.strip().splitlines()) == 1
    assert target.read_text() == "mine"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"epochs: {", b"1: 2", b"wings: 3", b"epochs: 2024-99-99", b"- a"])
def test_a_broken_configuration(world: World, call: Callable[..., Said], content: bytes) -> None:
    file = world.root / "run.yaml"
    file.write_bytes(content)
    code, _, err = call(train, "check", "--config", file)
    assert code == 2 and len(err.strip().splitlines()) == 1 and err.startswith("train: ")


def test_a_broken_run(world: World, call: Callable[..., Said]) -> None:
    (world.runs / "good" / "status.json").write_text('{"phase": "tra')
    code, _, err = call(train, "resume", "good")
    assert (code, err) == (2, "train: status.json of good is damaged.\n")


def test_every_way_has_a_world_of_its_own(tmp_path: Path) -> None:
    world, uploads = broken_world(tmp_path, CUTOUTS[0])
    assert world.root == tmp_path and set(uploads) == {"good", "bad"}
