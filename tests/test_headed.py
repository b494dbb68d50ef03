"""The head that all architectures of our own share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vlass_explorer.headed import Headed, entry


class Tiny(Headed):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head_hidden_size = 3
        self.reset_classifier(num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x if pre_logits else self.head(x)


def test_the_head_is_exchanged_and_read_last() -> None:
    model, x = Tiny(4), torch.rand(2, 3, 5, 5)
    expected = x.mean(dim=(2, 3)) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(x), expected)
    assert model.get_classifier() is model.head and list(model.state_dict()) == ["head.weight", "head.bias"]
    model.reset_classifier(0)
    assert model.num_classes == 0 and isinstance(model.get_classifier(), nn.Identity)
    torch.testing.assert_close(model(x), x.mean(dim=(2, 3)))


def test_a_child_that_lacks_a_half_cannot_be_made() -> None:
    class Half(Headed):
        def forward_features(self, x: Tensor) -> Tensor:
            return x

    with pytest.raises(TypeError, match="forward_head"):
        Half()  # type: ignore[abstract]


def test_inputs_are_taken_as_they_come_unless_said_otherwise() -> None:
    made = entry(7, (3, 8, 8), "stem", crop_pct=0.5)
    assert (made["num_classes"], made["mean"], made["std"]) == (7, (0.0,) * 3, (1.0,) * 3)
    assert (made["classifier"], made["crop_pct"], made["url"]) == ("head", 0.5, "")
