"""The impulse test finds the places of all families right, and every wrong one that is put in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from cli_call import Run
from torch import nn

from vlass_explorer.attention import graph as graphs_of
from vlass_explorer.attention import impulse
from vlass_explorer.attention.graph import TokenGraph
from vlass_explorer.attention.graphs import hybrids, pyramids, windowed
from vlass_explorer.schema import Place, Pooling, UnsupportedError

pytestmark = pytest.mark.usefixtures("one_thread_inside_torch")

TINY = {"depth": 2, "embed_dim": 48, "num_heads": 3}
SWIN = {"window_size": 4, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 32}
PVT = {"depths": (1, 2, 1, 1), "embed_dims": (16, 32, 32, 32), "num_heads": (1, 2, 2, 2), "mlp_ratios": (1, 1, 1, 1)}
TWINS = {"depths": (1, 2), "embed_dims": (32, 64), "num_heads": (2, 4), "sr_ratios": (4, 2), "wss": (7, 7)}
VIT = ("vit_tiny_patch16_224", {"img_size": (64, 96), "depth": 2}, (64, 96))
SHIFTED = ("swin_tiny_patch4_window7_224", {"img_size": (40, 64), **SWIN}, (40, 64))
KEYS = ("pvt_v2_b1", PVT, (120, 104))
MVIT = ("mvitv2_tiny", {"img_size": 64}, (64, 64))
UNROLLED = ("hiera_tiny_224", {"img_size": (64, 96), "stages": (1, 1, 1, 1)}, (64, 96))
NEST = ("nest_tiny", {"img_size": 64}, (64, 64))
MAXVIT = ("maxvit_rmlp_pico_rw_256", {"img_size": 96, "depths": (1, 1), "embed_dim": (32, 64)}, (96, 96))
COATNET = ("coatnet_pico_rw_224", {"img_size": (128, 96)}, (128, 96))
MOBILE = ("mobilevit_xxs", {}, (128, 128))
STRIPS = ("nextvit_small", {}, (96, 128))
CASES = [
    *(VIT, SHIFTED, KEYS, MVIT, UNROLLED, NEST, MAXVIT, COATNET, MOBILE, STRIPS),
    ("swinv2_cr_tiny_ns_224", {"img_size": 64, **SWIN}, (64, 64)),
    ("twins_svt_small", {"mlp_ratios": (2, 2), **TWINS}, (72, 104)),
    ("levit_128s", {"img_size": (64, 96), "distilled": False}, (64, 96)),
    ("pit_ti_224", {"img_size": 64}, (64, 64)),
    ("volo_d1_224", {"img_size": 64}, (64, 64)),
    ("cait_xxs24_224", {"img_size": (64, 96), "depth": 2}, (64, 96)),
    ("xcit_nano_12_p16_224", {"depth": 2}, (64, 96)),
    ("convit_tiny", {"img_size": 64}, (64, 64)),
    ("tnt_s_legacy_patch16_224", {"img_size": 64, "depth": 2}, (64, 64)),
    ("crossvit_tiny_240", {"img_size": 72}, (72, 72)),
    ("samvit_base_patch16_224", {"img_size": 128, "window_size": 3, **TINY}, (128, 128)),
    ("vit_base_patch16_siglip_224", {"img_size": 64, **TINY}, (64, 64)),
    ("vit_wee_patch16_reg1_gap_256", {"img_size": 64, "depth": 2}, (64, 64)),
    ("halonet26t", {}, (256, 256)),
    ("csatv2", {}, (224, 256)),
    ("mobilenetv4_hybrid_medium", {}, (96, 128)),
    ("mobilevit_xxs", {}, (72, 104)),
    ("efficientformerv2_s0", {"img_size": (128, 96)}, (128, 96)),
    ("twins_svt_small", {"mlp_ratios": (2, 2), **TWINS}, (72, 120)),
]


def build(architecture: str, options: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(architecture, num_classes=2, **options).eval()


def faults(case: tuple[str, dict[str, Any], tuple[int, int]]) -> list[str]:
    architecture, options, size = case
    return [layer.fault for layer in impulse.verify(build(architecture, options), torch.zeros(1, 3, *size))]


@pytest.mark.parametrize("case", CASES, ids=[f"{name}-{ny}x{nx}" for name, _, (ny, nx) in CASES])
def test_every_family_is_drawn_where_its_model_looks(case: tuple[str, dict[str, Any], tuple[int, int]]) -> None:
    assert not any(faults(case))


def places(monkeypatch: pytest.MonkeyPatch, change: Callable[[Place], Place]) -> None:
    """Give the impulse test a token graph in which every place is changed."""
    honest = impulse.describe

    def describe(model: nn.Module, size: tuple[int, int]) -> TokenGraph:
        found = honest(model, size)
        return replace(
            found,
            layers=tuple(replace(each, place=change(each.place)) if each.drawn else each for each in found.layers),
        )

    monkeypatch.setattr(impulse, "describe", describe)


def moved(order: Callable[[np.ndarray], np.ndarray]) -> Callable[[Place], Place]:
    """Keys of the patches in another order; ``order`` takes the grid of their numbers."""

    def change(place: Place) -> Place:
        keys = place.keys
        patches = np.arange(keys.patches).reshape(keys.grid)
        given = np.arange(keys.size)[None] if place.key_index is None else place.key_index
        to = np.concatenate([np.arange(keys.prefix), order(patches).ravel() + keys.prefix, [-1]])
        return replace(place, key_index=to[given])

    return change


ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "one on": lambda patches: np.roll(patches, 1),
    "one up": lambda patches: np.roll(patches, 1, axis=0),
    "upside down": lambda patches: patches[::-1],
    "mirrored": lambda patches: patches[:, ::-1],
    "columns first": lambda patches: np.arange(patches.size).reshape(patches.shape[::-1]).T,
}
MOVED = [
    *((VIT, order) for order in ORDERS),
    *((case, "one on") for case in (SHIFTED, KEYS, COATNET, UNROLLED)),
    *((case, "one up") for case in (SHIFTED, COATNET, MAXVIT)),
    (NEST, "columns first"),
    (MOBILE, "mirrored"),
]


@pytest.mark.parametrize(("case", "order"), MOVED, ids=[f"{case[0]}-{order}" for case, order in MOVED])
def test_keys_in_another_order_are_found_out(
    monkeypatch: pytest.MonkeyPatch, case: tuple[str, dict[str, Any], tuple[int, int]], order: str
) -> None:
    places(monkeypatch, moved(ORDERS[order]))
    assert any(faults(case))


def test_a_prefix_token_at_the_end_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    places(monkeypatch, lambda place: replace(place, key_index=np.roll(np.arange(place.keys.size), -1)[None]))
    assert "is not drawn" in " ".join(faults(VIT)) or "nothing in the image" in " ".join(faults(VIT))


def test_a_shift_the_other_way_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = windowed.windows
    turned = lambda grid, window, shift=(0, 0): honest(grid, window, (-shift[0], -shift[1]))  # noqa: E731
    monkeypatch.setattr(windowed, "windows", turned)
    # A shift by half a window is the same both ways on a grid that windows tile: this one is padded.
    assert any(faults(("swin_tiny_patch4_window7_224", {"img_size": (40, 64), **SWIN, "window_size": 5}, (40, 64))))


def test_no_shift_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = windowed.windows
    monkeypatch.setattr(windowed, "windows", lambda grid, window, shift=(0, 0): honest(grid, window))
    found = faults(SHIFTED)
    assert not found[0] and found[1] and not found[2]


def test_cells_by_the_ratio_of_grids_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_ratio(place: Place) -> Place:
        if place.pools_keys is None:
            return place
        edges = [
            np.linspace(0, fine, n + 1).astype(int) for fine, n in zip(place.before.grid, place.keys.grid, strict=True)
        ]
        cells = [tuple(zip(each[:-1].tolist(), each[1:].tolist(), strict=True)) for each in edges]
        return replace(place, pools_keys=Pooling(*cells))

    places(monkeypatch, by_ratio)
    assert any(faults(KEYS))


def test_gaps_between_kernels_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(cells: tuple[tuple[int, int], ...], side: int) -> tuple[tuple[int, int], ...]:
        starts = [max(start, 0) for start, _ in cells]
        return tuple(zip(starts, [*starts[1:], side], strict=True))

    def filled(place: Place) -> Place:
        pooling = place.pools_keys
        return (
            place
            if pooling is None
            else replace(
                place,
                pools_keys=Pooling(
                    closed(pooling.rows, place.before.grid[0]), closed(pooling.columns, place.before.grid[1])
                ),
            )
        )

    places(monkeypatch, filled)
    assert any(faults(MVIT))


def test_list_order_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramids, "_unrolled", lambda grid, schedule: np.arange(grid[0] * grid[1]))
    assert any(faults(UNROLLED))


def test_other_windows_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windowed, "strided_windows", graphs_of.windows)
    found = faults(MAXVIT)
    assert any(found[1::2]) and not any(found[::2])  # block and grid attention take turns
    monkeypatch.setattr(
        hybrids, "windows", lambda grid, window, pad=True: graphs_of.windows(grid, window[::-1], pad=pad)[::-1]
    )
    assert any(faults(MOBILE))


def test_squares_in_the_place_of_strips_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def squares(place: Place) -> Place:
        if not place.strip:
            return place
        side = int(np.sqrt(place.strip))
        grid = (place.before.grid[0] // side, place.before.grid[1] // side)
        keys = replace(place.keys, grid=grid)
        return replace(place, strip=0, keys=keys, pools_keys=graphs_of.pooled(nn.AvgPool2d(side), place.before.grid)[1])

    places(monkeypatch, squares)
    assert any(faults(STRIPS))


def test_values_that_cannot_be_followed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = impulse.describe
    monkeypatch.setattr(
        impulse, "describe", lambda model, size: replace(honest(model, size), layers=honest(model, size).layers[:1])
    )
    with pytest.raises(UnsupportedError, match="multiplied with values 2 times in a pass, where 1 layers are known"):
        faults(VIT)


def test_the_model_is_left_as_it_was() -> None:
    model = build(*VIT[:2])
    x = torch.randn(1, 3, *VIT[2])
    with torch.no_grad():
        before = model(x)
        impulse.verify(model, x)
        assert torch.equal(model(x), before)


@pytest.fixture
def shipped(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line with the checkpoints that are shipped."""
    monkeypatch.delenv("VLASS_EXPLORER_CHECKPOINTS")
    return run


@pytest.mark.parametrize(("checkpoint", "layers"), [("first-d4-vit", 3)])
def test_shipped_checkpoints_are_drawn_where_they_look(shipped: Run, checkpoint: str, layers: int) -> None:
    code, out, err = shipped("methods", checkpoint, "--verify")
    lines = out.splitlines()
    assert code == 0 and not err and all(" right " in line for line in lines) and len(lines) == layers


@pytest.mark.parametrize("checkpoint", ["first-cnn", "first-d4-resnet", "vlass-sim-cnn"])
def test_shipped_checkpoints_without_attention_say_so(shipped: Run, checkpoint: str) -> None:
    code, out, err = shipped("methods", checkpoint, "--verify")
    assert code == 2 and not out and "no softmax attention" in err


def test_an_architecture_by_name_and_size(run: Run) -> None:
    code, out, _ = run("methods", "xcit_nano_12_p16_224", "--verify", "--img-size", "64", "96", "--json")
    record = json.loads(out)
    assert code == 0 and record["right"] and record["img_size"] == [64, 96]
    assert [layer["tokens"] for layer in record["layers"]] == [25, 25]


def test_a_wrong_layer_makes_the_command_fail(shipped: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    places(monkeypatch, moved(lambda patches: patches[::-1]))
    code, out, err = shipped("methods", "first-d4-vit", "--verify")
    assert code == 2 and " WRONG " in out and "3 of 3 layers of first-d4-vit are drawn in the wrong place" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing", "--verify"], "There is no checkpoint 'nothing'"),
        (["coat_lite_tiny", "--verify"], "factorises attention"),
        (["efficientformer_l1", "--verify", "--img-size", "128", "128"], "takes no 128 x 128 inputs"),
        (["first-d4-vit", "--img-size", "64", "64"], "goes with --verify"),
        (["first-d4-vit", "--verify", "--img-size", "0", "64"], "at least 1"),
    ],
)
def test_what_cannot_be_verified_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    code, out, err = run("methods", *arguments)
    assert code == 2 and not out and sentence in err and len(err.splitlines()) == 1
