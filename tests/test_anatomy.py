"""The walk through a model: bit for bit the real pass, whatever hooks see, and heads that are really off."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from vlass_explorer import anatomy, backbones
from vlass_explorer.schema import UnsupportedError

VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 4, "in_chans": 1}
MODELS = {
    "vit": ("vit_tiny_patch16_224", VIT),
    "vlass_vision_cnn": ("vlass_vision_cnn", {"num_classes": 4, "in_chans": 1, "img_size": 64}),
    "d4_resnet": ("d4_resnet", {"num_classes": 4, "in_chans": 1}),
    "stn_cnn": ("stn_cnn", {"num_classes": 4, "in_chans": 1, "img_size": 32}),
    "vt_r18": ("vt_r18", {"num_classes": 4, "in_chans": 1}),
    "resnet18": ("resnet18", {"num_classes": 4, "in_chans": 1}),
    "swin": ("swin_tiny_patch4_window7_224", {"img_size": 56, "num_classes": 4, "in_chans": 1, "depths": (1, 1, 1, 1)}),
}


def made(name: str) -> tuple[nn.Module, Tensor]:
    backbones.register()
    torch.manual_seed(0)
    architecture, arguments = MODELS[name]
    model = timm.create_model(architecture, **arguments).eval()
    return model, torch.rand(1, 1, arguments.get("img_size", 64), arguments.get("img_size", 64))


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_a_plain_pass_and_outputs_those_that_hooks_see(name: str) -> None:
    model, x = made(name)
    with torch.no_grad():
        plain = model(x)
    logits, operations = anatomy.record(model, x)
    assert torch.equal(logits, plain) and torch.equal(operations[-1].output.reshape(-1), plain.reshape(-1))
    seen: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        seen[name] = output.clone()

    leaves = (nn.Linear, nn.LayerNorm, nn.BatchNorm2d, nn.GELU)
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: keep(name, output))
        for name, module in model.named_modules()
        if type(module) in leaves
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    found = {each.module: each.output for each in operations}
    assert seen
    for module, output in seen.items():
        assert torch.equal(found[module], output), module
    assert not any(hasattr(tensor, "_is_from_image") for tensor in (x, *model.parameters()))


def test_the_walk_of_a_vit_has_every_step_of_the_paper() -> None:
    model, x = made("vit")
    _, operations = anatomy.record(model, x)
    steps = anatomy.steps(operations)
    parts = list(dict.fromkeys(step.part for step in steps))
    assert parts == ["patch_embed", "after patch_embed", *(f"blocks.{n}" for n in range(3)), "norm", "head"]
    block = [step.name for step in steps if step.part == "blocks.1"]
    assert block == [
        *("layer_norm", "linear", "queries Q", "keys K", "values V", "scores", "softmax", "mix", "linear", "residual"),
        *("layer_norm", "linear", "gelu", "linear", "residual"),
    ]
    by_name = {step.name: step for step in steps if step.part == "blocks.1"}
    weights, values = by_name["softmax"].output, by_name["values V"].output
    assert weights.shape == (1, 3, 17, 17) and torch.allclose(weights.sum(-1), torch.ones(1, 3, 17))
    assert torch.allclose(weights @ values, by_name["mix"].output, atol=1e-6)
    used = {name for each in operations for name in each.parameters}
    assert used >= {name for name, _ in model.named_parameters()} - {"cls_token"}  # that is put beside, not computed


def test_attention_with_a_bias_is_what_the_model_mixes_with() -> None:
    model = timm.create_model("beit_base_patch16_224", **(VIT | {"depth": 2})).eval()
    torch.manual_seed(1)
    for block in model.blocks:
        nn.init.normal_(block.attn.relative_position_bias_table)
    steps = anatomy.steps(anatomy.record(model, torch.rand(1, 1, 32, 32))[1])
    mixes = [number for number, step in enumerate(steps) if step.name == "mix"]
    assert len(mixes) == 2
    for at in mixes:
        values, scores, weights, mix = (steps[number].output for number in (at - 3, at - 2, at - 1, at))
        assert "mask or bias" in steps[at - 1].formula
        assert torch.allclose(weights @ values, mix, atol=1e-5)
        assert not torch.allclose(torch.softmax(scores, -1) @ values, mix, atol=1e-5)


def test_a_kernel_that_is_made_of_weights_counts_as_them() -> None:
    model, x = made("d4_resnet")
    _, operations = anatomy.record(model, x)
    (stem,) = [each for each in operations if each.module == "stem"]
    assert stem.function == "conv2d" and "stem.weight" in stem.parameters


def test_logits_after_the_last_block_are_the_answer() -> None:
    model, x = made("vit")
    logits, operations = anatomy.record(model, x)
    found = anatomy.after_blocks(model, operations)
    assert found.shape == (3, 4) and np.array_equal(found[-1], logits[0].numpy())
    shorter = timm.create_model("vit_tiny_patch16_224", **(VIT | {"depth": 1})).eval()
    shorter.load_state_dict(model.state_dict(), strict=False)
    with torch.no_grad():
        assert np.allclose(found[0], shorter(x)[0].numpy(), atol=1e-6)
    cnn, image = made("vlass_vision_cnn")
    with pytest.raises(UnsupportedError, match="read out at its end alone"):
        anatomy.after_blocks(cnn, anatomy.record(cnn, image)[1])


def test_a_head_that_is_off_is_one_whose_output_is_zero() -> None:
    model, x = made("vit")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = anatomy.without_heads(model, x, 2)
    assert found.shape == (3, 3) and np.isfinite(found).all()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    def zero(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        less = given[0].clone()
        less[..., 8:16] = 0.0
        return (less,)

    with torch.no_grad():
        whole = torch.softmax(model(x)[0], 0)[2]
        hook = model.blocks[1].attn.proj.register_forward_pre_hook(zero)
        assert found[1, 1] == pytest.approx(float(torch.softmax(model(x)[0], 0)[2] - whole), abs=1e-7)
        hook.remove()
    cnn, image = made("resnet18")
    with pytest.raises(UnsupportedError, match="no attention heads"):
        anatomy.without_heads(cnn, image, 0)


def test_only_one_image_and_one_that_the_model_takes() -> None:
    model, x = made("vit")
    with pytest.raises(ValueError, match="One image"):
        anatomy.record(model, x.expand(2, -1, -1, -1))
    with pytest.raises(UnsupportedError, match="takes no 16 x 16"):
        anatomy.record(model, x[..., :16, :16])


def test_a_pass_too_large_to_keep_keeps_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlass_explorer.anatomy.recording.MOST", 10_000)
    model, x = made("vlass_vision_cnn")
    logits, operations = anatomy.record(model, x)
    assert operations[-1].output is None and operations[-1].norm == pytest.approx(float(logits.square().mean().sqrt()))
