"""Deployment settings: which folders the pages may show and train on."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from ui import settings
from vlass_explorer.schema import ConfigError, DatasetError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = tmp_path / "data"
    for folder in ("listed", "classes/a", "classes/b", "one/only", "splits/train", "splits/val", ".hidden"):
        (data / folder).mkdir(parents=True)
    for folder in ("classes/a", "classes/b", "one/only", "splits/train", "splits/val"):
        (data / folder / "1.png").write_bytes(b"")
    (data / "listed" / "labels.csv").write_text("path,label\n")
    (data / ".hidden" / "labels.csv").write_text("path,label\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "labels.csv").write_text("path,label\n")
    (data / "way_out").symlink_to(tmp_path / "outside", target_is_directory=True)
    (data / "circle").symlink_to(data / "circle")
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", str(tmp_path / "uploads"))
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", os.pathsep.join([str(data), str(tmp_path / "absent"), str(data)]))
    return data


def test_roots_are_those_that_exist_each_once(root: Path) -> None:
    assert settings.data_roots() == [root.resolve()]


def test_no_root_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", "")
    monkeypatch.setenv("VLASS_EXPLORER_UPLOADS", "off")
    assert settings.data_roots() == [] and settings.data_sets() == []
    with pytest.raises(DatasetError, match="VLASS_EXPLORER_DATA_ROOTS"):
        settings.checked_data_dir("anything")


def test_data_sets_are_tables_first_then_class_folders(root: Path) -> None:
    assert [path.name for path in settings.data_sets()] == ["listed", "classes"]


@pytest.mark.parametrize("typed", ["listed", " listed ", "listed/../classes", "./listed/"])
def test_a_folder_below_a_root_is_found(root: Path, typed: str) -> None:
    assert settings.checked_data_dir(typed).parent == root.resolve()
    assert settings.checked_data_dir(str(root / "classes")) == (root / "classes").resolve()


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("..", "below"),
        ("../outside", "below"),
        ("/etc", "below"),
        ("way_out", "below"),
        ("way_out/deeper", "below"),
        ("nowhere", "no folder"),
        ("listed/labels.csv", "no folder"),
        ("", "Name the folder"),
        ("a\0b", "null"),
        ("x" * 5000, "not the name"),
        ("circle", "folder"),
        ("~", "no folder"),
    ],
)
def test_anything_else_is_refused_with_one_sentence(root: Path, typed: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        settings.checked_data_dir(typed)
    assert str(caught.value).endswith((".", "list.")) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "allowed", "cluster"),
    [
        ("local", True, False),
        ("slurm", True, True),
        ("local,slurm", True, True),
        ("slurm, local", True, True),
        ("off", False, False),
        ("", False, False),
        ("yes", False, False),
        ("slurm,yes", False, False),
    ],
)
def test_only_known_words_allow_training(
    monkeypatch: pytest.MonkeyPatch, said: str, allowed: bool, cluster: bool
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", said)
    assert (settings.training_allowed(), settings.cluster_allowed()) == (allowed, cluster)


def test_training_here_is_allowed_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLASS_EXPLORER_TRAINING", raising=False)
    assert settings.training_allowed() and not settings.cluster_allowed()


def test_uploads_are_a_data_root_once_there_are_any(root: Path, tmp_path: Path) -> None:
    assert settings.uploads() == (tmp_path / "uploads").resolve()
    (tmp_path / "uploads" / "mine" / "a").mkdir(parents=True)
    assert settings.data_roots() == [root.resolve(), (tmp_path / "uploads").resolve()]
    assert settings.checked_data_dir("mine") == (tmp_path / "uploads" / "mine").resolve()


def test_limits_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_UPLOAD_GIB", "0.5")
    assert settings.upload_bounds().bytes == 2**29
    assert settings.most_runs() == 8
    monkeypatch.setenv("VLASS_EXPLORER_MAX_RUNS", "many")
    with pytest.raises(ConfigError, match="positive number, not 'many'"):
        settings.most_runs()


def test_the_app_listens_on_this_machine_only_unless_it_is_told_otherwise(repo_root: Path) -> None:
    config = tomllib.loads((repo_root / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "localhost"
    for name in ("Makefile", "app.py"):
        assert "address" not in (repo_root / name).read_text().lower(), name
