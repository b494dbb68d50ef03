"""The model of classify: norms folded, convolutions channels last, scores equal; else left as it is."""

from __future__ import annotations

import pytest
import torch
from tiny_checkpoint import SPEC, build
from torch import Tensor, nn

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import forward

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")


def settled(model: nn.Module, images: Tensor) -> nn.Module:
    """A model whose batch norms have seen something, in evaluation mode."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 2.0)
                nn.init.normal_(module.bias)
        model.train()(images)
    return model.eval()


@pytest.mark.parametrize(("architecture", "args"), [("vlass_vision_cnn", {"img_size": 32}), ("d4_resnet", {})])
def test_norms_are_folded_and_scores_are_equal(architecture: str, args: dict[str, int]) -> None:
    torch.manual_seed(0)
    images = torch.randn(6, 1, 32, 32)
    model = settled(checkpoints.create(architecture, 4, args), images)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    made, mark = forward.fast(model, SPEC)
    assert mark == forward.MARK and made is not model
    kinds = {type(module).__name__ for module in made.modules()}
    assert not {"BatchNorm2d", "OrientedNorm", "PlainNorm"} & kinds
    with torch.inference_mode():
        torch.testing.assert_close(made(images), model(images), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_what_is_called_in_another_order_or_has_no_convolution_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turned(nn.Module):
        """A norm that stands behind a convolution and comes before it."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.head = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.Linear(30 * 30, 4)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.head(torch.relu(self.conv(torch.relu(self.norm(x)))).flatten(1))
            return answer

    # Folded in the order in which they stand: the comparison finds it.
    turned = settled(Turned(), torch.randn(8, 1, 32, 32) + 3.0)
    assert forward.fast(turned, SPEC) == (turned, "")
    mixer = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 4)).eval()
    assert forward.fast(mixer, SPEC) == (mixer, "")
    vit = build().eval()
    assert forward.fast(vit, SPEC, "cuda") == (vit, "") and forward.fast(vit.train(), SPEC) == (vit, "")
