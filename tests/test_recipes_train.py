"""Every recipe of the shelf, from one command to a checkpoint on a tiny set, and its parameters against published ones.

Runs are cut to a second: one epoch on ten images, a small input, random weights, no teacher, and one block (Swin: one a
stage) of the architectures above 30 million parameters. All else is the recipe's.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import tiny_masks
import tiny_set
import torch
from lightning.pytorch.utilities.model_summary import get_human_readable_count

from train.__main__ import main
from vlass_explorer import checkpoints, recipes, runs

SHALLOW: dict[str, dict[str, Any]] = {
    "vit_base_": {"depth": 1},
    "vit_large_": {"depth": 1},
    "vit_small_r26_": {"depth": 1},
    "swin_s3_base_": {"depths": (1, 1, 1, 1)},
}


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    """The table of recipes, as the command prints it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["recipes", "--json"]) == 0
    return {found["name"]: found for found in json.loads(out.getvalue())}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders of data, runs and checkpoints; one thread for such small models; all is put back."""
    folder = tmp_path_factory.mktemp("recipes")
    tiny_set.make(folder / "data", count=10, side=24)
    tiny_masks.make(folder / "masks", count=10, side=40)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_RUNS", str(folder / "runs"))
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder / "checkpoints"))
        yield folder
    torch.set_num_threads(threads)
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let timm build the large architectures with few blocks."""
    whole = timm.create_model

    def create(name: str, **arguments: Any) -> torch.nn.Module:
        fewer = next((fewer for start, fewer in SHALLOW.items() if name.startswith(start)), {})
        return whole(name, **{**fewer, **arguments})

    monkeypatch.setattr(timm, "create_model", create)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.names())
def test_one_command_runs_a_recipe_end_to_end(
    name: str, place: Path, cut: None, capsys: pytest.CaptureFixture[str]
) -> None:
    config = recipes.load(name)
    is_masked = config.task == "segmentation"
    tiny = {
        "dataset": "class_folders",
        "split": "random",
        "field_of_view_pixels": 24,
        "weights": "none",
        "match_beam": 0.0,
        "teacher": "",
        "epochs": 1,
        "batch_size": 4,
        "device": "cpu",
        "name": name.replace("/", "-"),
    }
    folder = place / ("masks" if is_masked else "data")
    words = ["fit", "--recipe", name, "--data-dir", str(folder), *(f"{k}={v}" for k, v in tiny.items())]
    # The smallest of these that the architecture takes.
    if is_masked:
        words += ["normalisation=none", "stretch=linear"]  # a small picture has no noise to stretch by
    size = next((size for size in (32, 64, config.img_size) if main([*words, f"img_size={size}"]) == 0), 0)
    assert size, capsys.readouterr().err
    card = checkpoints.find(name.replace("/", "-"))
    assert (card.architecture, card.task) == (config.architecture, config.task)
    assert card.label_names == (tiny_masks.CLASSES if is_masked else tiny_set.CLASSES)
    assert card.provenance.recipe == name and card.input_spec.img_size == size
    model = checkpoints.load(card)
    with torch.no_grad():
        assert model(torch.rand(1, config.in_chans, size, size)).isfinite().all()
    (run,) = (run for run in runs.listing() if run.config.recipe == name and run.phase == "finished")
    assert run.config.optimiser == config.optimiser and runs.metrics(run)[0][-1]["epoch"] == 1
    for part in (run.path / "last.ckpt", card.path / "model.safetensors"):
        part.unlink(missing_ok=True)  # hundreds of megabytes


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("cnn", "867 K"),
        ("resnet18", "11.2 M"),
        ("mobilenet", "2.2 M"),
        ("efficientnet", "10.7 M"),
        ("vit-tiny", "5.4 M"),
        ("vit-small", "21.3 M"),
        ("vit-base", "85.2 M"),
        ("swin", "70.1 M"),
    ],
)
def test_parameters_are_those_of_vlass_vision(model: str, published: str, rows: dict[str, dict[str, Any]]) -> None:
    # Its README gives them as Lightning prints them.
    variants = [
        rows[f"vlass-vision/{model}{end}"] for end in ("", "-augmented", "-frozen")[: 2 if model == "cnn" else 3]
    ]
    assert {get_human_readable_count(found["parameters"]) for found in variants} == {published}


@pytest.mark.parametrize(
    ("name", "millions", "digits"),
    [
        ("visual-transformers/resnet18", 11.2, 1),
        ("visual-transformers/vt-resnet18", 12.7, 1),
        ("visual-transformers/vt-r18", 11.53, 1),  # the paper has 11.6
        ("stn/cifar10", 0.039884, 6),
    ],
)
def test_parameters_of_the_other_sources(
    name: str, millions: float, digits: int, rows: dict[str, dict[str, Any]]
) -> None:
    # 11.25 million of ResNet18 were published as 11.2: cut, not rounded.
    assert abs(rows[name]["parameters"] / 1e6 - millions) <= 0.51 * 10**-digits


def test_every_comment_states_what_is_measured(rows: dict[str, dict[str, Any]]) -> None:
    for name, found in rows.items():
        assert found["classes"] > 1 and "Source: " in found["source"], name
        assert found["trained_parameters"] <= found["parameters"]
        assert (found["trained_parameters"] < found["parameters"]) == name.endswith("-frozen"), name


def test_variants_differ_in_what_their_name_says() -> None:
    shelf = set(recipes.names())
    for variant, keys in (("frozen", {"name", "recipe", "tune"}), ("augmented", {"name", "recipe", "flip"})):
        of = [name for name in shelf if name.endswith(f"-{variant}")]
        assert len(of) > 6
        for name in of:
            mine, plain = (vars(recipes.load(each)) for each in (name, name.removesuffix(f"-{variant}")))
            assert {key for key in mine if mine[key] != plain[key]} == keys, name


def test_the_page_of_recipes_states_what_is_measured(rows: dict[str, dict[str, Any]], repo_root: Path) -> None:
    table = (repo_root / "docs" / "recipes.md").read_text(encoding="utf-8").splitlines()
    stated = {cells[1].strip(" `"): cells for cells in (line.split("|") for line in table) if len(cells) > 4}
    plain = {name for name in rows if not name.startswith(("first/", "vlass-sim/", "vlass/"))}
    for name in sorted(plain - {name for name in plain if name.endswith(("-frozen", "-augmented"))}):
        figure = stated[name][3].split()[0]
        assert stated[name][2].strip(" `") == rows[name]["architecture"]
        assert figure == f"{rows[name]['parameters'] / 1e6:.{len(figure.split('.')[1])}f}", name


def test_the_table_names_every_recipe(rows: dict[str, dict[str, Any]]) -> None:
    assert list(rows) == recipes.names() == sorted(rows)


def test_the_table_for_the_terminal(
    rows: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ["stn/cifar10", "visual-transformers/vt-resnet18"]
    monkeypatch.setattr(recipes, "names", lambda: few)
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["stn/cifar10", "0.040", "M", "stn_cnn"],
        ["visual-transformers/vt-resnet18", "12.699", "M", "vt_resnet18"],
    ]
    assert all(line.endswith(rows[name]["source"]) for line, name in zip(lines, few, strict=True))
