"""From configuration to model: arguments, starting weights, what is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny_checkpoint
import torch
from safetensors.torch import save_file

from vlass_explorer import checkpoints
from vlass_explorer.learning.network import build, classifier_names, freeze, freeze_statistics
from vlass_explorer.schema import CheckpointError, ConfigError, InputSpec, Provenance, Reports, RunConfig

LABELS = ("a", "b")
SMALL = RunConfig(architecture="vlass_vision_cnn", img_size=16)
VIT = RunConfig(architecture="vit_tiny_patch16_224", img_size=32, patch_size=8)


def trained(model: torch.nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def shelved(config: RunConfig, name: str, labels: tuple[str, ...] = LABELS) -> dict[str, torch.Tensor]:
    """Put an untrained model of a configuration on the shelf and return its weights as loaded from there."""
    model, model_args = build(replace(config, seed=5), labels)
    spec = InputSpec(img_size=config.img_size, in_chans=config.in_chans)
    card = checkpoints.save(
        checkpoints.folder() / name,
        model,
        architecture=config.architecture,
        model_args=model_args,
        label_names=labels,
        input_spec=spec,
        reports=Reports(),
        provenance=Provenance(),
    )
    return checkpoints.load(card).state_dict()


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))


def test_sizes_go_only_where_the_architecture_takes_them() -> None:
    assert build(SMALL, LABELS)[1] == {"in_chans": 1, "img_size": 16}
    assert build(VIT, LABELS)[1] == {"in_chans": 1, "img_size": 32, "patch_size": 8}
    assert build(replace(SMALL, architecture="resnet10t"), LABELS)[1] == {"in_chans": 1}
    with pytest.raises(ConfigError, match="takes no patch_size"):
        build(replace(SMALL, architecture="resnet10t", patch_size=8), LABELS)
    with pytest.raises(ConfigError, match="vit_tiny_patch16_224"):
        build(replace(VIT, architecture="vit_tiny_patch16_244"), LABELS)


def test_dropout_is_trained_with_but_not_saved() -> None:
    model, model_args = build(replace(VIT, drop_path_rate=0.2, drop_rate=0.1), LABELS)
    assert model.head_drop.p == 0.1 and model.blocks[-1].drop_path1.drop_prob == pytest.approx(0.2)
    assert model_args.keys() == {"in_chans", "img_size", "patch_size"}


def test_seed_decides_the_weights() -> None:
    first, second, third = (build(replace(SMALL, seed=seed), LABELS)[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["head.weight"], third["head.weight"])


def test_tuning_the_head_trains_the_head() -> None:
    assert trained(build(replace(SMALL, tune="head"), LABELS)[0]) == {"head.weight", "head.bias"}
    assert trained(build(replace(VIT, tune="head"), LABELS)[0]) == {"head.weight", "head.bias"}
    mobile, _ = build(RunConfig(architecture="mobilenetv3_small_050", tune="head"), LABELS)
    assert trained(mobile) == {"classifier.weight", "classifier.bias"} == classifier_names(mobile)


def test_tuning_the_last_groups_counts_blocks() -> None:
    names = trained(build(replace(VIT, tune="last", tune_blocks=2), LABELS)[0])
    assert {name.split(".")[1] for name in names if name.startswith("blocks")} == {"10", "11"}
    assert {"head.weight", "norm.weight"} <= names and not {"pos_embed", "cls_token"} & names
    resnet, _ = build(RunConfig(architecture="resnet10t", tune="last"), LABELS)
    assert {name.split(".")[0] for name in trained(resnet)} == {"layer4", "fc"}


def test_frozen_norms_keep_their_statistics() -> None:
    model, _ = build(replace(SMALL, tune="head"), LABELS)
    model.train()
    freeze_statistics(model)
    before = {key: value.clone() for key, value in model.named_buffers()}
    model(torch.rand(4, 1, 16, 16))
    assert all(torch.equal(value, before[key]) for key, value in model.named_buffers())
    model.requires_grad_(True)
    freeze(model, SMALL)
    freeze_statistics(model.train())
    model(torch.rand(4, 1, 16, 16))
    assert not torch.equal(
        dict(model.named_buffers())["features.0.2.running_mean"], before["features.0.2.running_mean"]
    )


def test_a_checkpoint_gives_all_its_weights() -> None:
    saved = shelved(SMALL, "start")
    model, _ = build(replace(SMALL, weights="start"), LABELS)
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_other_classes_get_a_fresh_head() -> None:
    saved = shelved(SMALL, "start")
    fresh, _ = build(SMALL, ("x", "y", "z"))
    state = build(replace(SMALL, weights="start"), ("x", "y", "z"))[0].state_dict()
    assert torch.equal(state["hidden.weight"], saved["hidden.weight"])
    assert torch.equal(state["head.weight"], fresh.state_dict()["head.weight"]) and state["head.weight"].shape == (
        3,
        512,
    )


def test_classes_of_the_same_name_keep_their_part_of_the_head() -> None:
    card = checkpoints.find("start") if shelved(replace(SMALL, seed=3), "start") else None
    assert card is not None and card.label_names == LABELS and len(LABELS) == 2
    other = LABELS[::-1]
    kept = build(replace(SMALL, weights="start"), other)[0].state_dict()
    saved = checkpoints.load(card).state_dict()
    for key in ("head.weight", "head.bias"):
        assert torch.equal(kept[key], saved[key].flip(0)) and not torch.equal(kept[key], saved[key])
    assert torch.equal(kept["hidden.weight"], saved["hidden.weight"])
    # One class that the checkpoint lacks: nothing of its head fits.
    lacking = build(replace(SMALL, weights="start"), (LABELS[0], "z"))[0].state_dict()
    assert torch.equal(lacking["head.weight"], build(SMALL, (LABELS[0], "z"))[0].state_dict()["head.weight"])


def test_position_embeddings_and_channels_are_adapted() -> None:
    saved = shelved(VIT, "start")
    state = build(replace(VIT, img_size=48, weights="start"), LABELS)[0].state_dict()
    assert saved["pos_embed"].shape == (1, 17, 192) and state["pos_embed"].shape == (1, 37, 192)
    assert torch.equal(state["pos_embed"][:, 0], saved["pos_embed"][:, 0])
    three, _ = build(replace(VIT, in_chans=3, weights="start"), LABELS)
    plain, _ = build(replace(VIT, weights="start"), LABELS)
    x = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(three.eval()(x.expand(-1, 3, -1, -1)), plain.eval()(x), atol=1e-4, rtol=1e-4)


def test_an_mlp_head_comes_back_from_the_shelf() -> None:
    config = replace(VIT, architecture="test_vit", head="mlp")
    saved = shelved(config, "mlp")
    card = checkpoints.find("mlp")
    assert card.model_args["mlp_head"] is True and card.architecture == "test_vit"
    again, _ = build(replace(config, weights="mlp"), LABELS)
    assert all(torch.equal(value, saved[key]) for key, value in again.state_dict().items())
    simple, _ = build(replace(config, head="simple", weights="mlp"), LABELS)
    assert simple.head.weight.shape == (2, 64)
    assert torch.equal(simple.state_dict()["blocks.0.attn.qkv.weight"], saved["blocks.0.attn.qkv.weight"])
    frozen, _ = build(replace(config, tune="head"), LABELS)
    assert trained(frozen) == {f"head.{key}" for key, _ in frozen.head.named_parameters()}


def test_weights_of_a_file_fit_another_size_and_head(tmp_path: Path) -> None:
    source, _ = build(replace(VIT, architecture="test_vit", in_chans=3, img_size=48, seed=7), ("a", "b", "c"))
    path = tmp_path / "weights.safetensors"
    save_file(source.state_dict(), path)
    given, config = source.state_dict(), replace(VIT, architecture="test_vit", weights=str(path))
    model, _ = build(config, LABELS)
    state = model.state_dict()
    assert torch.equal(state["blocks.1.mlp.fc1.weight"], given["blocks.1.mlp.fc1.weight"])
    torch.testing.assert_close(state["patch_embed.proj.weight"], given["patch_embed.proj.weight"].sum(1, keepdim=True))
    assert state["pos_embed"].shape[1] == 17 and state["head.weight"].shape == (2, 64)
    same, _ = build(replace(config, in_chans=3, img_size=48), ("x", "y", "z"))
    assert all(torch.equal(value, given[key]) for key, value in same.state_dict().items())
    mlp, _ = build(replace(config, head="mlp"), LABELS)
    assert torch.equal(mlp.state_dict()["blocks.1.mlp.fc1.weight"], given["blocks.1.mlp.fc1.weight"])
    with pytest.raises(ConfigError, match=r"weights.safetensors has no .*, which this run's test_resnet needs\.$"):
        build(RunConfig(architecture="test_resnet", weights=str(path)), LABELS)
    for change, sentence in (
        ({"blocks.9.norm1.weight": torch.ones(64)}, r"holds blocks\.9\.norm1\.weight, which .* does not have\.$"),
        ({"blocks.1.norm1.weight": None}, r"has no blocks\.1\.norm1\.weight, which .* needs\.$"),
        (
            {"blocks.1.norm1.weight": torch.ones(3)},
            r"blocks\.1\.norm1\.weight .* the shape \(3,\), this run needs \(64,\)",
        ),
    ):
        save_file({key: value for key, value in {**given, **change}.items() if value is not None}, path)
        with pytest.raises(ConfigError, match=sentence):
            build(config, LABELS)
    path.write_bytes(b"pickle")
    with pytest.raises(ConfigError, match="no safetensors file"):
        build(config, LABELS)
    with pytest.raises(ConfigError, match="no file"):
        build(replace(config, weights="/no/such.safetensors"), LABELS)


def test_a_file_of_our_own_is_its_checkpoint() -> None:
    """Beside its card the labels are known: other classes of the same number get a fresh head."""
    saved = shelved(SMALL, "start")
    path = checkpoints.folder() / "start" / checkpoints.WEIGHTS
    same = build(replace(SMALL, weights=str(path)), LABELS)[0].state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in same.items())
    other = build(replace(SMALL, weights=str(path)), ("x", "y"))[0].state_dict()
    assert torch.equal(other["head.weight"], build(SMALL, ("x", "y"))[0].state_dict()["head.weight"])
    # Without it, it is weights in half precision.
    (path.parent / checkpoints.CONFIG).unlink()
    bare = build(replace(SMALL, weights=str(path)), ("x", "y"))[0].state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in bare.items())


def test_what_no_option_says_of_an_architecture_is_the_starting_checkpoints() -> None:
    tiny_checkpoint.save(checkpoints.folder() / "short")  # two blocks of 24 numbers
    config = RunConfig(weights="short", **checkpoints.inherited_options(checkpoints.find("short")))
    model, arguments = build(config, LABELS)
    assert len(model.blocks) == 2 and arguments == tiny_checkpoint.ARGS
    assert torch.equal(model.blocks[1].norm1.weight, checkpoints.load(checkpoints.find("short")).blocks[1].norm1.weight)


def test_what_does_not_fit_is_one_sentence() -> None:
    shelved(SMALL, "start")
    with pytest.raises(ConfigError, match="start is a vlass_vision_cnn"):
        build(replace(VIT, weights="start"), LABELS)
    with pytest.raises(ConfigError, match="hidden.weight"):
        build(replace(SMALL, img_size=32, weights="start"), LABELS)
    with pytest.raises(CheckpointError, match="strat"):
        build(replace(SMALL, weights="strat"), LABELS)


def test_imagenet_without_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError) as error:
        build(RunConfig(architecture="resnet10t", weights="imagenet", in_chans=3), LABELS)
    said = str(error.value)
    assert said.startswith("The ImageNet weights of resnet10t cannot be had") and "weights=none" in said
    assert "\n" not in said
