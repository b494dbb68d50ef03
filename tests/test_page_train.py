"""The Train page: what its form offers and refuses."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import timm
import tiny_checkpoint
import tiny_set
from train_place import Answer, folders, texts, train_page

from ui.training import dry_run
from vlass_explorer import runs
from vlass_explorer.datasets import simulated
from vlass_explorer.launchers import local
from vlass_explorer.schema import Run, RunConfig


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set and a checkpoint."""
    tiny_checkpoint.save(tmp_path / "checkpoints" / "tiny")
    return folders(tmp_path, monkeypatch)


def test_form_shows_class_counts_and_the_exact_command(place: Path) -> None:
    page = train_page()
    counts = page.dataframe[0].value
    assert dict(zip(counts["Class"], counts["Cutouts"], strict=True)) == {"long": 20, "round": 20}
    command = page.code[0].value
    assert command.startswith("python -m train fit name=tiny-tuned ")
    assert f"data_dir={place / 'data' / 'blobs'}" in command
    assert "weights=tiny" in command and "patch_size=8" in command and "img_size=32" in command
    assert [header.value for header in page.subheader] == ["1 Data", "2 Model", "3 Training", "What runs"]


def test_command_on_a_terminal_makes_the_configuration_of_the_form(place: Path) -> None:
    page = train_page()
    epochs = next(widget for widget in page.number_input if widget.label == "Epochs")
    epochs.set_value(7).run()
    words = page.code[0].value.split()
    from train.__main__ import configuration, parser

    config = configuration(parser().parse_args(words[3:]))
    assert (config.epochs, config.weights, config.architecture) == (7, "tiny", "vit_tiny_patch16_224")


@pytest.mark.parametrize("typed", ["../..", "/etc", "link", "nowhere", "x" * 5000, "blobs/../../.."])
def test_a_folder_out_of_bounds_is_refused_with_a_sentence(place: Path, typed: str) -> None:
    (place / "data" / "link").symlink_to(place.parent, target_is_directory=True)
    page = train_page({"train_data": typed})
    assert len(page.error) == 1 and page.error[0].value.endswith(("from the list\\.", "from the list."))
    assert "train_launch" not in [button.key for button in page.button]


def test_an_unknown_architecture_names_the_nearest_one(place: Path) -> None:
    page = train_page({"train_way": "Architecture", "train_architecture_architecture": "resnet_18"})
    assert "resnet18" in page.error[0].value
    assert "train_launch" not in [button.key for button in page.button]


def test_the_simulator_is_a_data_set(place: Path) -> None:
    page = train_page({"train_data": f"Bundled: {simulated.TITLE}"})
    counts = page.dataframe[0].value
    assert len(counts) == 4 and counts["Cutouts"].sum() > 100
    assert "dataset=simulated" in page.code[0].value and "data_dir" not in page.code[0].value
    assert "simulated" in texts(page)
    assert "Train count" in [widget.label for widget in page.number_input]


def test_recipes_fill_the_form(place: Path) -> None:
    page = train_page()
    page.segmented_control(key="train_way").set_value("Recipe").run()
    page.selectbox(key="train_recipe").set_value("first/vit-tiny").run()
    assert not page.exception
    assert "architecture=vit_tiny_patch16_224" in page.code[0].value
    assert "mixup=0.2" in page.code[0].value


def test_the_name_of_a_run_is_checked(place: Path) -> None:
    page = train_page()
    name = next(widget for widget in page.text_input if widget.label.startswith("Name"))
    name.set_value("../../escape").run()
    assert not page.exception
    assert page.error[0].value.startswith("The name is letters") and len(page.error) == 1
    assert "train_look_on" in [widget.key for widget in page.toggle]


def test_training_can_be_switched_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    page = train_page()
    assert "switched off" in page.info[0].value
    assert [button.key for button in page.button if str(button.key).startswith("train_")] == []
    assert list(page.code) == [] and page.get("file_uploader")[0].key == "upload_0"


def test_no_request_starts_a_run_where_training_is_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was open before the switch: its button arrives, and nothing happens."""
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, quick=False: Answer())
    launched: list[Run] = []
    monkeypatch.setattr(local, "launch", launched.append)
    page = train_page()
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    page.button(key="train_launch").click().run()
    assert "switched off" in page.info[0].value and launched == [] and runs.listing() == []


def test_a_launch_that_is_under_way_is_refused_where_training_is_switched_off(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form was drawn and checked before the switch: the launch itself refuses, not only the hidden button."""

    def switched_off(config: RunConfig, stamp: str, quick: bool = False) -> Answer:
        monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
        return Answer()

    monkeypatch.setattr(dry_run, "start", switched_off)
    monkeypatch.setattr(local, "launch", lambda run: pytest.fail("it was launched"))
    page = train_page().button(key="train_launch").click().run()
    assert len(page.error) == 1 and "switched off" in page.error[0].value and runs.listing() == []


def test_any_architecture_with_its_parameters(place: Path) -> None:
    page = train_page({"train_way": "Architecture"})
    page.selectbox(key="train_architecture_architecture").set_value("resnet18").run()
    assert not page.exception and "architecture=resnet18" in page.code[0].value
    expected = sum(p.numel() for p in timm.create_model("resnet18", num_classes=2, in_chans=1).parameters())
    assert f"{expected:,} parameters" in texts(page)
    page.segmented_control(key="train_weights_architecture_resnet18").set_value("imagenet").run()
    assert "weights=imagenet" in page.code[0].value and "in_chans=3" in page.code[0].value


def test_an_earlier_run_fills_the_form_with_its_data(place: Path) -> None:
    tiny_set.make(place / "data" / "a_first_one")
    old = runs.create(RunConfig(name="old", data_dir=str(place / "data" / "blobs"), split="random", epochs=3, ema=0.9))
    page = train_page({"train_again": old.id})
    command = page.code[0].value
    assert page.selectbox(key="train_data").value == "blobs"
    words = command.split()
    from train.__main__ import configuration, parser

    assert configuration(parser().parse_args(words[3:])) == old.config


def test_a_yaml_file_fills_the_form_or_is_refused(place: Path) -> None:
    page = train_page({"train_way": "YAML file"})
    text = f"name: filed\nepochs: 5\ndata_dir: {place / 'data' / 'blobs'}\nmixup: 0.3\nsplit: random\n"
    page.file_uploader(key="train_yaml").set_value(("mine.yaml", text.encode(), "application/yaml")).run()
    assert not page.exception
    assert "name=filed" in page.code[0].value and "mixup=0.3" in page.code[0].value and "epochs=5" in page.code[0].value
    page.file_uploader(key="train_yaml").set_value(("mine.yaml", b"epoch: 5\n", "application/yaml")).run()
    assert "epochs" in page.error[0].value and not page.code
    page.file_uploader(key="train_yaml").set_value(("mine.yaml", b"data_dir: /etc\n", "application/yaml")).run()
    assert "must lie below" in page.error[0].value and not page.code


def test_an_uploaded_archive_becomes_the_chosen_data_set(place: Path) -> None:
    page = train_page()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted((place / "data" / "blobs").rglob("*.npy")):
            packed.write(path, f"mine/{path.parent.name}/{path.name}")
    page.file_uploader(key="train_zip_0").set_value(("mine.zip", archive.getvalue(), "application/zip")).run()
    assert not page.exception and not page.error
    assert page.selectbox(key="train_data").value == "mine"
    assert f"data_dir={place / 'uploads' / 'mine'}" in page.code[0].value


def test_a_bomb_is_refused_in_one_sentence(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_UPLOAD_GIB", "0.001")
    page = train_page()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/1.fits", b"\0" * (32 << 20))
    page.file_uploader(key="train_zip_0").set_value(("bomb.zip", archive.getvalue(), "application/zip")).run()
    assert len(page.error) == 1 and "unpacks to more than" in page.error[0].value.replace("\\", "")
    assert not (place / "uploads").exists()


def test_a_look_at_the_data_and_its_augmentation(place: Path) -> None:
    (place / "data" / "blobs" / "round" / "000.npy").write_bytes(b"no array")
    page = train_page({"train_look_on": True})
    assert not page.exception
    assert len(page.image) == 2
    assert "round/000.npy" in page.error[0].value.replace("\\", "")
