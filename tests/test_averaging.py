"""Averaged weights against closed forms: the mean, batch norms estimated again, the greedy choice, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_checkpoint
import tiny_set
import torch
from torch import nn

from train.__main__ import main
from vlass_explorer import checkpoints
from vlass_explorer.evaluation import averaging
from vlass_explorer.schema import Ancestor, Checkpoint, CheckpointError, InputSpec, Provenance, Reports

CNN_SPEC = InputSpec(img_size=16, field_of_view_pixels=24)


def cnn(folder: Path, seed: int, **changes: object) -> Checkpoint:
    """An untrained CNN whose batch norms have counted ``seed`` batches."""
    torch.manual_seed(seed)
    model = checkpoints.create("vlass_vision_cnn", 2, {"img_size": 16})
    for key, tensor in model.state_dict().items():
        if key.endswith("num_batches_tracked"):
            tensor.fill_(seed)
    provenance = {"dataset": "class_folders", "split": "random", "fold": 0, "split_seed": 0, "data": "set"}
    return checkpoints.save(
        folder / f"cnn-{seed}",
        model,
        architecture="vlass_vision_cnn",
        model_args={"img_size": 16},
        label_names=tiny_set.CLASSES,
        input_spec=CNN_SPEC,
        reports=Reports(),
        provenance=Provenance.of({**provenance, **changes}),
    )


def vit(folder: Path, value: float) -> Checkpoint:
    """A ViT, all of whose weights are one number."""
    model = tiny_checkpoint.build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return tiny_checkpoint.save(folder / f"vit{value}", model)


def test_the_mean_is_the_mean(tmp_path: Path) -> None:
    model, chosen = averaging.average([card := vit(tmp_path, value) for value in (1.0, 2.0, 6.0)])
    assert [card.name for card in chosen] == ["vit1.0", "vit2.0", "vit6.0"] and card.name == "vit6.0"
    assert all(bool((parameter == 3.0).all()) for parameter in model.parameters())
    assert not model.training


def test_sums_are_exact_and_integers_are_kept() -> None:
    states = [{"w": torch.tensor([x]), "count": torch.tensor(n)} for x, n in ((1e8, 3), (1.0, 5), (-1e8, 9))]
    found = averaging.mean(states)
    assert found["w"].dtype == torch.float32 and float(found["w"]) == pytest.approx(1 / 3, rel=1e-6)
    assert found["count"] == 3 and found["count"].dtype == torch.int64


def test_batch_norm_statistics_are_those_of_the_averaged_weights(tmp_path: Path) -> None:
    cards = [cnn(tmp_path, 1), cnn(tmp_path, 2)]
    random = torch.Generator().manual_seed(0)
    batches = [torch.randn((8, 1, 16, 16), generator=random) for _ in range(3)]
    model, _ = averaging.average(cards, lambda: batches)
    states = [checkpoints.load(card).state_dict() for card in cards]
    norms = [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    key = norms[0]
    # What the first norm sees is a linear function of the inputs alone.
    seen: list[torch.Tensor] = []
    handle = model.get_submodule(key).register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    with torch.no_grad():
        for batch in batches:
            model(batch)
    handle.remove()
    wanted = torch.stack([x.double().mean(dim=(0, 2, 3)) for x in seen]).mean(dim=0)
    spread = torch.stack([x.double().var(dim=(0, 2, 3)) for x in seen]).mean(dim=0)
    found = model.state_dict()
    assert torch.allclose(found[f"{key}.running_mean"].double(), wanted, atol=1e-6)
    assert torch.allclose(found[f"{key}.running_var"].double(), spread, rtol=1e-5)
    assert not torch.allclose(found[f"{key}.running_var"], (states[0][f"{key}.running_var"] * 1.0))
    assert all(found[f"{name}.num_batches_tracked"] == 1 for name in norms)


def test_a_greedy_soup_keeps_what_helps(tmp_path: Path) -> None:
    cards = [vit(tmp_path, value) for value in (1.0, 4.0, 2.5, -8.0)]

    def near_two(model: nn.Module) -> float:
        return -abs(float(next(model.parameters()).detach().flatten()[0]) - 2.0)

    model, chosen = averaging.average(cards, score=near_two)
    # Best first: 2.5 (0.5 away), 1.0; their mean 1.75 is nearer. Adding 4.0 gives 2.5, -8.0 gives -1.5: both fall.
    assert [card.name for card in chosen] == ["vit2.5", "vit1.0"]
    assert float(next(model.parameters()).detach().flatten()[0]) == 1.75


def other_labels(card: Checkpoint) -> Checkpoint:
    return replace(card, label_names=("a", "b", "c", "d"), sha256="1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: card, "same weights"),
        (other_labels, "different classes"),
        (lambda card: replace(card, architecture="vit_small_patch16_224", sha256="1"), "different architectures"),
        (lambda card: replace(card, model_args={"img_size": 64}, sha256="1"), "different architectures"),
        (lambda card: replace(card, input_spec=replace(card.input_spec, stretch="asinh"), sha256="1"), "(stretch)"),
    ],
)
def test_what_differs_is_refused(tmp_path: Path, change: Callable[[Checkpoint], Checkpoint], words: str) -> None:
    card = tiny_checkpoint.save(tmp_path / "first")
    with pytest.raises(CheckpointError) as error:
        averaging.check_alike([card, change(card)])
    assert words in str(error.value) and str(error.value).endswith(".")


def test_one_is_too_few_and_batch_norms_need_data(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="two checkpoints or more"):
        averaging.check_alike([tiny_checkpoint.save(tmp_path / "first")])
    with pytest.raises(CheckpointError, match="batch norms"):
        averaging.average([cnn(tmp_path, 1), cnn(tmp_path, 2)])


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path))
    data = tiny_set.make(tmp_path / ".data")
    cards = [cnn(tmp_path, 1), cnn(tmp_path, 2), cnn(tmp_path, 3, fold=1)]
    assert main(["average", "cnn-1", "cnn-2", "--name", "mean", "--data-dir", str(data), "--device", "cpu"]) == 0
    assert "mean of cnn-1, cnn-2, validation macro F1" in capsys.readouterr().out
    card = checkpoints.find("mean")
    assert card.provenance.parents == tuple(Ancestor(c.name, c.sha256) for c in cards[:2])
    assert (card.provenance.averaged, card.provenance.fold) == ("uniform mean", 0)
    assert card.provenance.statistics_count == 32 and not card.provenance.saw_validation
    assert card.reports.validation.count == 8
    key = "head.weight"
    states = [checkpoints.load(c).state_dict()[key] for c in cards[:2]]
    assert torch.allclose(checkpoints.load(card).state_dict()[key], (states[0] + states[1]) / 2, atol=1e-3)

    words = ["--greedy", "--fold", "0", "--data-dir", str(data), "--device", "cpu"]
    assert main(["average", "cnn-1", "cnn-2", "--name", "soup", *words]) == 0
    soup = checkpoints.find("soup").provenance
    kept, left = ([c.name for c in found] for found in (soup.parents, soup.left_out))
    assert sorted(kept + left) == ["cnn-1", "cnn-2"] and soup.averaged == "greedy soup"
    assert not soup.saw_validation and soup.seen.unlisted == tuple(f"parent {name}" for name in kept)
    capsys.readouterr()
    for wrong, sentence in (
        (["cnn-1", "cnn-2", "--name", "mean"], "already a checkpoint 'mean'"),
        (["cnn-1", "cnn-3", "--name", "x", "--data-dir", str(data)], "give --fold"),
        (["cnn-1", "cnn-2", "--name", "x", "--greedy"], "needs validation data"),
        (["cnn-1", "nobody", "--name", "x"], "nobody"),
        (["cnn-1", "cnn-3", "--name", "x", *words], "Nobody knows whether cnn-3 was trained on"),
    ):
        assert main(["average", *wrong]) == 2
        said = capsys.readouterr().err
        assert sentence in said and said.count("\n") == 1
