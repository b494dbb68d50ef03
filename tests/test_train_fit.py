"""A whole run on a tiny set: folder, curves, report, checkpoint; and the ways in which it may fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import tiny_set
import torch

from train.__main__ import main
from train.cards import find_checkpoint
from train.fit import run as train
from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.evaluation import evaluate, metrics, parts
from vlass_explorer.schema import Checkpoint, CheckpointError, DatasetError, Report, Run, RunConfig


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders of data, runs and checkpoints of this module; signal handlers are put back."""
    with tiny_set.place(tmp_path_factory.mktemp("fit")) as folder:
        yield folder


def configured(place: Path, **changes: object) -> RunConfig:
    return recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(place / "data", **changes)))


@pytest.fixture(scope="module")
def done(place: Path) -> Run:
    run = runs.create(configured(place, ema=0.9, keep="best", precision="bf16", tune_blocks=2))
    assert train(run.path) == 0
    return runs.read(run.path)


def evaluated(name: str, folder: Path, part: str = "validation") -> Report:
    card = find_checkpoint(name)
    chosen = parts.select(card, parts.config_of(card, data_dir=str(folder)), part)
    return evaluate(checkpoints.load(card), card, chosen).report


def test_a_finished_run_says_so(done: Run) -> None:
    assert (done.phase, done.progress, done.reason, done.device, done.epoch) == ("finished", 1.0, "", "cpu", 2)
    assert {p.name for p in done.path.iterdir()} == {
        "config.yaml",
        "status.json",
        "metrics.jsonl",
        "splits.json",
        "last.ckpt",
        "report.json",
    }


def test_curves_have_a_row_an_epoch_and_some_between(done: Run) -> None:
    rows, _ = runs.metrics(done)
    assert [row["epoch"] for row in rows if "val_macro_f1" in row] == [1, 2]
    assert [row["step"] for row in rows if "val_loss" in row] == [4, 8]
    always = {"train_loss", "lr", "images_per_second", "memory_mib"}
    assert len(rows) > 2 and all(always <= row.keys() for row in rows)
    last = rows[-1]
    assert last["val_macro_auroc"] == pytest.approx((last["val_auroc_long"] + last["val_auroc_round"]) / 2)
    assert last["memory_mib"] > 50 and last["images_per_second"] > 0


def test_the_checkpoint_reproduces_the_report(done: Run, place: Path) -> None:
    report = json.loads((done.path / "report.json").read_text())
    card = checkpoints.find("tiny")
    assert json.loads(json.dumps(card.reports.table["validation"])) == report["validation"]
    again = evaluated("tiny", place / "data")
    assert json.loads(json.dumps(asdict(again))) == report["validation"]
    assert metrics.read(report) == metrics.read(card.reports.table["validation"]) == again
    assert evaluated(done.id, place / "data") == again


def test_the_card_says_where_the_weights_come_from(done: Run) -> None:
    provenance = checkpoints.find("tiny").provenance
    assert provenance.run == done.id and provenance.seed == 0 and provenance.fold == 0
    assert provenance.class_fractions == {"long": 0.5, "round": 0.5}
    assert provenance.train_count + provenance.validation_count == 40
    assert provenance.versions["torch"] == torch.__version__
    assert recipes.from_yaml(provenance.configuration) == done.config


def test_a_name_that_is_taken_gets_a_number(done: Run, place: Path) -> None:
    again = runs.create(configured(place, epochs=1))
    assert train(again.path) == 0
    assert {card.name for card in checkpoints.listing()} == {"tiny", "tiny-2"}


def test_fine_tuning_the_head_leaves_the_rest(done: Run, place: Path) -> None:
    run = runs.create(configured(place, epochs=1, name="tuned", weights="tiny", tune="head", optimiser="sgd"))
    assert train(run.path) == 0
    before, after = (checkpoints.load(checkpoints.find(name)).state_dict() for name in ("tiny", "tuned"))
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"head.weight", "head.bias"}


def test_distillation_runs_with_a_teacher_of_the_same_classes(done: Run, place: Path) -> None:
    run = runs.create(configured(place, epochs=1, name="pupil", teacher="tiny, tiny-2", mixup=0.2))
    assert train(run.path) == 0
    rows, _ = runs.metrics(runs.read(run.path))
    assert rows[-1]["train_loss"] > 0


def test_weights_that_saw_the_validation_fold_are_told(done: Run, place: Path) -> None:
    teacher = runs.create(configured(place, fold=1, teacher="tiny"))
    assert train(teacher.path) == 2
    assert "tiny was trained on cutouts of this run's validation fold" in runs.read(teacher.path).reason
    start = runs.create(configured(place, fold=1, weights="tiny", epochs=1, name="leaky"))
    assert train(start.path) == 0
    assert checkpoints.find("leaky").provenance.saw_validation
    assert not checkpoints.find("tuned").provenance.saw_validation
    assert checkpoints.find("tuned").provenance.started_from == "tiny"


def test_a_diverging_run_fails_at_its_step(place: Path) -> None:
    run = runs.create(configured(place, name="diverged", optimiser="sgd", learning_rate=1e30, clip_grad=0))
    assert train(run.path) == 2
    failed = runs.read(run.path)
    assert failed.phase == "failed" and failed.reason.startswith("The loss is ") and " at step " in failed.reason
    assert "diverged" not in {card.name for card in checkpoints.listing()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data_dir": "/nowhere"}, "nowhere"),
        ({"device": "cuda:7"}, "cuda:7"),
        ({"architecture": "resnot18"}, "resnot18"),
        ({"stretch": "log"}, "log"),
        ({"teacher": "nobody"}, "nobody"),
        ({"keep_patches": 4}, "keep_patches"),
        ({"optimiser": "admw"}, "nearest name is 'adamw'"),
        ({"weights": "/no/such.safetensors"}, "such.safetensors"),
    ],
)
def test_bad_input_ends_the_run_with_a_sentence(place: Path, changes: dict[str, object], words: str) -> None:
    run = runs.create(configured(place, **changes))
    assert train(run.path) == 2
    failed = runs.read(run.path)
    assert failed.phase == "failed" and words in failed.reason and failed.reason.endswith(".")


def test_a_bug_stays_loud(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.fit.load", lambda *_: 1 / 0)
    run = runs.create(configured(place))
    with pytest.raises(ZeroDivisionError):
        train(run.path)
    assert runs.read(run.path).reason == "ZeroDivisionError: division by zero"


def test_evaluation_of_other_classes_is_refused(done: Run, place: Path, tmp_path: Path) -> None:
    other = tiny_set.make(tmp_path / "set")
    (other / "long").rename(other / "wide")
    with pytest.raises(DatasetError, match="no test part"):
        evaluated("tiny", place / "data", "test")
    with pytest.raises(DatasetError, match="tiny knows long, round; the data set has round, wide"):
        evaluated("tiny", other)


def test_command_line(done: Run, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data-dir", str(place / "data")]
    assert main(["test", "tiny", *data, "--split", "random", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["checkpoint"], plain["count"], plain["tta"]) == ("tiny", 8, False)
    assert main(["test", str(checkpoints.find("tiny").path), *data, "--split", "random", "--tta"]) == 0
    assert "eight views" in capsys.readouterr().out
    assert main(["test", "tiny", *data, "--split", "random", "--keep", "again", "--json"]) == 0
    kept, shown = checkpoints.find("tiny").reports.table["again"], json.loads(capsys.readouterr().out)
    assert kept["macro_f1"] == shown["macro_f1"] == plain["macro_f1"] and kept["count"] == 8
    assert "| again | 8 |" in (checkpoints.find("tiny").path / "README.md").read_text()
    assert main(["check", "--json", *tiny_set.words(place / "data")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["train"] == {"long": 16, "round": 16} and found["errors"] == []
    assert found["parameters"] == sum(p.numel() for p in checkpoints.load(checkpoints.find("tiny")).parameters())
    assert main(["test", "tiny", *data, "--split", "random_test", "--part", "test", "--json"]) == 0
    assert 4 < json.loads(capsys.readouterr().out)["count"] < 9


def test_a_model_that_is_broken_gets_no_report(done: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = checkpoints.load

    def broken(card: Checkpoint, device: str = "cpu") -> torch.nn.Module:
        model = load(card, device)
        with torch.no_grad():
            next(model.parameters()).fill_(torch.nan)
        return model

    monkeypatch.setattr(checkpoints, "load", broken)
    with pytest.raises(CheckpointError, match="no finite score for 8 of 8 cutouts"):
        evaluated("tiny", place / "data")


def test_check_names_unreadable_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_set.make(tmp_path / "set")
    (folder / "round" / "001.npy").write_bytes(b"text")
    assert main(["check", "--json", *tiny_set.words(folder)]) == 2
    found = json.loads(capsys.readouterr().out)
    assert list(found["unreadable"]) == ["round/001.npy"] and "round/001.npy" in found["errors"][0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fit", "epoch=3"], "nearest name is 'epochs'"),
        (["fit", "--recipe", "first/cmn"], "nearest name is 'first/cnn'"),
        (["fit", "no-such-run"], "no run 'no-such-run'"),
        (["resume", "no-such-run"], "no run 'no-such-run'"),
        (["test", "nobody", "--data-dir", "x"], "nobody"),
        (["fit", "--config", "/no/file.yaml"], "no file"),
    ],
)
def test_wrong_commands_are_one_sentence(
    place: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1


def test_a_finished_run_is_not_trained_again(done: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", done.id]) == 2
    assert "finished" in capsys.readouterr().err
    assert replace(runs.read(done.path)).phase == "finished"


def test_a_finished_run_is_not_trained_again_unless_more_epochs_are_asked_for(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs.create(configured(place, epochs=1, name="longer"))
    assert train(run.path) == 0
    status = runs.read_status(run.path)
    assert main(["resume", run.id]) == 0
    assert "is finished after 1 epochs: there is nothing left to do" in capsys.readouterr().out
    assert runs.read_status(run.path) == status
    for words, said in (
        (["epochs=1"], "has 1 epochs behind it"),
        (["batch_size=4"], "may change epochs and patience, not batch_size"),
    ):
        assert main(["resume", run.id, *words]) == 2 and said in capsys.readouterr().err
    assert main(["resume", run.id, "epochs=3"]) == 0
    again = runs.read(run.path)
    assert (again.phase, again.epoch, again.config.epochs) == ("finished", 3, 3)
    rows, _ = runs.metrics(again)
    assert [row["epoch"] for row in rows if "val_loss" in row] == [1, 2, 3]
    assert runs.read_status(run.path)["checkpoint"] == "longer-2"
    assert checkpoints.find("longer-2").provenance.epochs == 3
