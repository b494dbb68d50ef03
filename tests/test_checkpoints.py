"""Checkpoint folders: round trip, strictness, atomic writing, timm's own loader."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from tiny_checkpoint import ARGS, LABELS, SPEC, build, save

from vlass_explorer import backbones, checkpoints
from vlass_explorer.schema import CheckpointError, InputSpec


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shelf")
    save(root / "tiny")
    return root


@pytest.fixture
def tiny(shelf: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shelf / "tiny", tmp_path / "tiny"))


def edit(folder: Path, change: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def replace_weights(folder: Path, state: dict[str, torch.Tensor]) -> None:
    content = safetensors.torch.save(state)
    (folder / "model.safetensors").write_bytes(content)
    edit(folder, lambda c: c["vlass_explorer"].update(sha256=hashlib.sha256(content).hexdigest()))


def test_a_saved_model_comes_back_in_float32_and_evaluation_mode(shelf: Path) -> None:
    card = checkpoints.find("tiny", shelf)
    model = checkpoints.load(card)
    expected = {key: tensor.half().float() for key, tensor in build().state_dict().items()}
    assert model.state_dict().keys() == expected.keys()
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in expected.items())
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    assert not model.training
    assert (card.name, card.label_names, card.input_spec, card.model_args) == ("tiny", LABELS, SPEC, ARGS)
    assert card.parameters == sum(parameter.numel() for parameter in build().parameters())
    assert card.reports.table["validation"]["macro_f1_interval"] == [0.4, 0.9]
    assert card.reports.table["validation"]["ece"] is None


def test_the_weights_on_disk_are_half_precision_and_hashed(shelf: Path) -> None:
    content = (shelf / "tiny" / "model.safetensors").read_bytes()
    assert {tensor.dtype for tensor in safetensors.torch.load(content).values()} == {torch.float16}
    assert hashlib.sha256(content).hexdigest() == checkpoints.find("tiny", shelf).sha256


def test_full_precision_and_overflowing_tensors_keep_their_values(tmp_path: Path) -> None:
    model = build()
    with torch.no_grad():
        model.head.bias[0] = 1e6
    whole = checkpoints.load(save(tmp_path / "whole", model, half=False))
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), model.state_dict().values(), strict=True))
    assert checkpoints.load(save(tmp_path / "half", model)).head.bias[0] == 1e6


def test_timm_opens_the_folder_and_gives_the_same_logits(shelf: Path) -> None:
    theirs = timm.create_model(f"local-dir:{shelf / 'tiny'}", pretrained=True).eval()
    ours = checkpoints.load(checkpoints.find("tiny", shelf))
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(theirs(x), ours(x))
    assert theirs.pretrained_cfg["input_size"] == (1, 32, 32)


@pytest.mark.parametrize("architecture", backbones.names())
def test_timm_opens_checkpoints_of_our_own_architectures(tmp_path: Path, architecture: str) -> None:
    side = timm.get_pretrained_cfg(architecture).input_size[-1]
    model = checkpoints.create(architecture, 4, {"in_chans": 1})
    card = save(
        tmp_path / "own",
        model,
        architecture=architecture,
        input_spec=InputSpec(img_size=side),
        model_args={"in_chans": 1},
    )
    theirs = timm.create_model(f"local-dir:{card.path}", pretrained=True).eval()
    x = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(theirs(x), checkpoints.load(card)(x))


def test_the_config_claims_no_provenance_that_nobody_gave(shelf: Path) -> None:
    config = json.loads((shelf / "tiny" / "config.json").read_text())
    assert set(config) == {
        "architecture",
        "num_classes",
        "num_features",
        "model_args",
        "pretrained_cfg",
        "vlass_explorer",
    }
    assert config["num_features"] == 24
    claims = {"tag", "license", "url", "hf_hub_id", "origin_url", "paper_name", "paper_ids", "notes", "architecture"}
    assert not claims & config["pretrained_cfg"].keys()


def test_batch_norm_counters_and_convolution_heads_survive(tmp_path: Path) -> None:
    model = checkpoints.create("resnet10t", 3, {"in_chans": 1})
    model.bn1.num_batches_tracked.fill_(7)
    card = save(
        tmp_path / "net",
        model,
        architecture="resnet10t.c3_in1k",
        model_args={"in_chans": 1},
        label_names=("a", "b", "c"),
        metrics={},
    )
    assert card.architecture == "resnet10t"
    assert checkpoints.load(card).bn1.num_batches_tracked == 7
    assert json.loads((card.path / "config.json").read_text())["pretrained_cfg"]["classifier"] == "fc"


def test_distilled_models_are_checked_at_both_heads(tmp_path: Path) -> None:
    args = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 24, "num_heads": 3}
    model = checkpoints.create("deit_tiny_distilled_patch16_224", 4, args)
    card = save(
        tmp_path / "deit",
        model,
        architecture="deit_tiny_distilled_patch16_224",
        model_args=args,
        input_spec=InputSpec(img_size=32, in_chans=3),
    )
    state = checkpoints.load(card).state_dict()
    replace_weights(card.path, state | {"head_dist.weight": torch.zeros(5, 24)})
    with pytest.raises(CheckpointError, match="names 4 labels but its weights have 5 classes"):
        checkpoints.read(card.path)


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a..b", "", "ä", "a b", "<img>", "x" * 101, "../tiny"])
def test_names_never_leave_the_folder(shelf: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="cannot name a checkpoint"):
        checkpoints.find(name, shelf)


def test_an_unknown_name_gets_the_nearest(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint 'tinny'; the nearest are tiny"):
        checkpoints.find("tinny", shelf)
    with pytest.raises(CheckpointError, match="holds none"):
        checkpoints.find("tiny", tmp_path / "absent")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, shelf: Path, repo_root: Path) -> None:
    monkeypatch.delenv("VLASS_EXPLORER_CHECKPOINTS", raising=False)
    assert checkpoints.folder() == repo_root / "checkpoints"
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    assert [card.name for card in checkpoints.listing()] == ["tiny"]


def test_listing_leaves_broken_and_unfinished_folders_out(tiny: Path) -> None:
    root = tiny.parent
    shutil.copytree(tiny, root / ".saving-1")
    shutil.copytree(tiny, root / "no-config")
    (root / "no-config" / "config.json").unlink()
    (root / "notes.txt").write_text("not a folder")
    assert [card.name for card in checkpoints.listing(root)] == ["tiny"]
    assert list(checkpoints.problems(root)) == ["no-config"]
    assert "has no config.json" in checkpoints.problems(root)["no-config"]


BAD_CONFIGS = [
    (lambda c: c.pop("vlass_explorer"), 'has no "vlass_explorer" part'),
    (lambda c: c["vlass_explorer"].update(schema=99), "format version 99"),
    (lambda c: c.update(num_classes=3), "4 label names for 3 classes"),
    (lambda c: c["vlass_explorer"].update(label_names=["a", "a", "b", "c"]), "same name twice"),
    (lambda c: c["vlass_explorer"].update(label_names="FRI"), '"label_names" should be a list'),
    (lambda c: c["vlass_explorer"]["input_spec"].update(hue=1), "unknown key 'hue'"),
    (lambda c: c["vlass_explorer"]["input_spec"].update(img_size=2), "input_spec is impossible"),
    (lambda c: c.update(architecture="hf-hub:timm/resnet18"), "is no name of an architecture"),
    (lambda c: c["model_args"].update(checkpoint_path="/etc/passwd"), "model_args may not hold checkpoint_path"),
    (lambda c: c["pretrained_cfg"].pop("classifier"), 'should name the "classifier"'),
    (lambda c: c["pretrained_cfg"].update(classifier="tail"), "miss tail.weight"),
    (
        lambda c: (c.update(num_classes=3), c["vlass_explorer"].update(label_names=["a", "b", "c"])),
        "names 3 labels but its weights have 4 classes",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), BAD_CONFIGS)
def test_a_contradictory_config_is_one_sentence(tiny: Path, change: Any, sentence: str) -> None:
    edit(tiny, change)
    with pytest.raises(CheckpointError, match=sentence) as caught:
        checkpoints.read(tiny)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "\x00\xff", "null"])
def test_what_is_not_json_is_refused(tiny: Path, text: str) -> None:
    (tiny / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match="is not JSON|has no"):
        checkpoints.read(tiny)


def test_an_oversized_config_is_not_read(tiny: Path) -> None:
    (tiny / "config.json").write_bytes(b" " * (2 << 20))
    with pytest.raises(CheckpointError, match="larger than 1 MiB"):
        checkpoints.read(tiny)


@pytest.mark.parametrize("size", [0, 7, 200, 5000, -1])
def test_truncated_weights_are_refused_before_loading(tiny: Path, size: int) -> None:
    file = tiny / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="broken or incomplete"):
        checkpoints.read(tiny)


def test_changed_weights_are_refused(tiny: Path) -> None:
    card = checkpoints.read(tiny)
    file = tiny / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="not those of its card: sha256"):
        checkpoints.load(card)


def test_missing_unexpected_and_misshapen_tensors_are_named(tiny: Path) -> None:
    state = checkpoints.load(checkpoints.read(tiny)).state_dict()
    for changed, sentence in [
        ({k: v for k, v in state.items() if k != "cls_token"}, "miss cls_token of vit_tiny_patch16_224"),
        (state | {"extra.weight": torch.zeros(2)}, "hold extra.weight, which"),
        (state | {"norm.bias": torch.zeros(7)}, r"norm.bias .* has the shape \(7,\), .* needs \(24,\)"),
        (state | {"norm.bias": torch.zeros(24, dtype=torch.int64)}, "wrong type"),
    ]:
        replace_weights(tiny, changed)
        with pytest.raises(CheckpointError, match=sentence):
            checkpoints.load(checkpoints.read(tiny))


def test_an_unknown_architecture_gets_the_nearest(tiny: Path) -> None:
    edit(tiny, lambda c: c.update(architecture="vit_tyny_patch16_224"))
    with pytest.raises(CheckpointError, match="'vit_tyny_patch16_224'; the nearest are vit_tiny_patch16_224"):
        checkpoints.load(checkpoints.read(tiny))


def test_arguments_that_an_architecture_does_not_take_are_refused() -> None:
    with pytest.raises(CheckpointError, match="resnet10t takes no wings"):
        checkpoints.create("resnet10t", 4, {"wings": 2})
    with pytest.raises(CheckpointError, match="may not hold pretrained_cfg"):
        checkpoints.create("resnet10t", 4, {"pretrained_cfg": {}})


def test_an_absent_device_is_one_sentence(shelf: Path) -> None:
    with pytest.raises(CheckpointError, match="device 'starship' cannot be used"):
        checkpoints.load(checkpoints.find("tiny", shelf), "starship")


def test_a_taken_name_is_kept_unless_overwriting_is_asked_for(tiny: Path) -> None:
    before = checkpoints.read(tiny)
    model = build()
    with torch.no_grad():
        model.head.bias.fill_(1.0)
    with pytest.raises(CheckpointError, match="already a checkpoint 'tiny'"):
        save(tiny, model)
    assert checkpoints.read(tiny) == before
    after = save(tiny, model, overwrite=True)
    assert after.sha256 != before.sha256
    assert [path.name for path in tiny.parent.iterdir()] == ["tiny"]


def test_what_cannot_be_loaded_is_never_put_on_the_shelf(tmp_path: Path) -> None:
    for model, changes, sentence in [
        (build(), {"model_args": ARGS | {"depth": 3}}, "miss blocks.2"),
        (build(), {"input_spec": InputSpec(img_size=64)}, "does not take 1 × 64 × 64 inputs"),
        (build(), {"label_names": LABELS[:3]}, "names 3 labels but its weights have 4 classes"),
        (checkpoints.create("vit_tiny_patch16_224", 0, ARGS), {}, "has no classifier"),
    ]:
        with pytest.raises(CheckpointError, match=sentence):
            save(tmp_path / "wrong", model, **changes)
        assert list(tmp_path.iterdir()) == []


def test_a_diverged_model_is_not_saved(tmp_path: Path) -> None:
    model = build()
    with torch.no_grad():
        model.head.weight[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match="head.weight holds values that are not finite"):
        save(tmp_path / "diverged", model)
