"""The Explain page: methods on one scale, contrasts of two labels, measured trust, links, stopped work, downloads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import torch
from page_figures import drawn_map, figure, values
from streamlit.testing.v1 import AppTest

from ui import loaders
from vlass_explorer import attribution, checkpoints, cutouts, explainers, preprocess, trust
from vlass_explorer.schema import InputSpec

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "sim_double_lobes_1.fits"
NAME = "tiny"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny_checkpoint.save(folder / NAME)
    arguments = {"in_chans": 1, "img_size": 32}
    cnn = checkpoints.create("vlass_vision_cnn", 4, arguments)
    tiny_checkpoint.save(folder / "cnn", cnn, architecture="vlass_vision_cnn", model_args=arguments)
    return folder


@pytest.fixture(autouse=True)
def on_that_shelf(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))


def explain_page(**query: str | list[str]) -> AppTest:
    """The page opened by its link, as in a fresh browser."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    page.query_params.update({"checkpoint": NAME, "example": EXAMPLE} | query)
    page.run()
    page.switch_page("pages/explain.py")
    page.query_params.update({"checkpoint": NAME, "example": EXAMPLE} | query)
    page.run()
    assert not page.exception
    return page


def expected(method: str, target: int, against: int | None = None) -> np.ndarray:
    """The first map straight from the core."""
    card = checkpoints.find(NAME)
    model = checkpoints.load(card)
    if against is not None:
        model = attribution.contrast(model, against)
    cutout = cutouts.read(ROOT / "examples" / EXAMPLE)
    return explainers.EXPLAINERS[method].explain(model, preprocess.to_tensor(cutout, card.input_spec), target).maps[0]


def predicted() -> list[int]:
    """Labels of the example by falling score."""
    from vlass_explorer.predict import predict

    card = checkpoints.find(NAME)
    (found,) = predict(checkpoints.load(card), card, [cutouts.read(ROOT / "examples" / EXAMPLE)])
    return [int(i) for i in np.argsort(found.probabilities)[::-1]]


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in [*page.caption, *page.markdown, *page.info]).replace("\\", "")


def test_methods_stand_side_by_side_in_units_of_their_largest_value() -> None:
    page = explain_page(method=["attention_rollout", "input_x_gradient"])
    target = predicted()[0]
    for method, low in (("attention_rollout", 0.0), ("input_x_gradient", -1.0)):
        shown, trace = drawn_map(page, f"explain_{NAME}_{method}")
        raw = expected(method, target)
        assert np.allclose(shown, raw / np.abs(raw).max(), atol=1e-5)
        assert (trace["zmin"], trace["zmax"]) == (low, 1.0)
    assert len([c for c in page.get("plotly_chart") if c.proto.id.endswith("explain_sky")]) == 1


def test_raw_values_share_one_scale_among_signed_and_among_unsigned_maps() -> None:
    names = ["attention_rollout", "layer_attention", "input_x_gradient"]
    page = explain_page(method=names)
    page.segmented_control(key="explain_scale").set_value("Raw values").run()
    tops = {name: float(np.abs(expected(name, predicted()[0])).max()) for name in names}
    traces = {name: drawn_map(page, f"explain_{NAME}_{name}")[1] for name in names}
    unsigned = max(tops["attention_rollout"], tops["layer_attention"])
    assert [traces[name]["zmax"] for name in names] == pytest.approx([unsigned, unsigned, tops[names[2]]], rel=1e-5)
    assert traces["input_x_gradient"]["zmin"] == pytest.approx(-tops["input_x_gradient"], rel=1e-5)


def test_the_difference_to_the_runner_up_is_explained() -> None:
    first, second = predicted()[:2]
    runner_up = tiny_checkpoint.LABELS[second]
    page = explain_page(method="input_x_gradient", against=runner_up)
    raw = expected("input_x_gradient", first, second)
    assert np.allclose(drawn_map(page, f"explain_{NAME}_input_x_gradient")[0], raw / np.abs(raw).max(), atol=1e-4)
    assert f"{tiny_checkpoint.LABELS[first]} rather than {runner_up}" in texts(page)
    assert not np.allclose(raw, expected("input_x_gradient", first), atol=1e-4)


def test_trust_is_that_of_the_core() -> None:
    page = explain_page(method="attention_rollout")
    card = checkpoints.find(NAME)
    model, cutout = checkpoints.load(card), cutouts.read(ROOT / "examples" / EXAMPLE)
    x, target = preprocess.to_tensor(cutout, card.input_spec), predicted()[0]
    found = trust.faithfulness(model, x, target, expected("attention_rollout", target))
    deletion, insertion, _ = figure(page, f"explain_{NAME}_attention_rollout_faith")["data"]
    assert np.allclose(values(deletion, "y"), found.deletion, atol=1e-5)
    assert np.allclose(values(insertion, "y"), found.insertion, atol=1e-5)
    assert found.protocol in texts(page)
    table = page.table[0].value.iloc[:, 0].to_dict()
    assert table["Gap to random maps"].replace("\\", "").startswith(f"{found.gap:+.2f}")
    mask = trust.emission_mask(cutout, card.input_spec)
    share, _ = trust.emission_share(expected("attention_rollout", target), mask)
    assert table["On emission > 5σ"].startswith(f"{share:.0%}")


def test_turns_and_random_weights_on_request() -> None:
    page = explain_page(method="attention_rollout")
    page.session_state["trust_checks"] = ["Flips and rotations", "Random weights"]
    page.run()
    assert not page.exception
    card = checkpoints.find(NAME)
    model, cutout = checkpoints.load(card), cutouts.read(ROOT / "examples" / EXAMPLE)
    x, explain = preprocess.to_tensor(cutout, card.input_spec), explainers.EXPLAINERS["attention_rollout"].explain
    turns = trust.symmetry(lambda moved: explain(model, moved, 0).maps[0], x)
    assert f"{turns.mean:.2f} over 7 turns" in page.table[0].value.iloc[:, 0]["Turns with the sky"].replace("\\", "")
    random = trust.randomisation(model, lambda other: explain(other, x, 0).maps[0])
    curve = figure(page, f"explain_{NAME}_attention_rollout_random")["data"][0]
    assert values(curve, "y") == pytest.approx([1.0, *random.similarities], abs=1e-5)


def test_options_come_from_signatures_and_reach_the_method() -> None:
    page = explain_page(method="layer_attention")
    page.number_input(key=f"explain_{NAME}_layer_attention_layer").set_value(0).run()
    assert not page.exception
    assert "Layer 1 of 2" in figure(page, f"explain_{NAME}_layer_attention")["layout"]["annotations"][0]["text"]
    page.number_input(key=f"explain_{NAME}_layer_attention_layer").set_value(7).run()
    assert not page.exception
    assert "There is no layer 7" in texts(page)


def test_a_link_names_methods_and_unknown_ones_are_said() -> None:
    page = explain_page(method=["input_x_gradient", "<b>none</b>"], label="FRI")
    assert page.multiselect(key="explain_methods").value == ["input_x_gradient"]
    assert page.warning[0].value.replace("\\", "").startswith("There is no method <b>none</b> here: ")
    assert "Gradient" in texts(page) and ", FRI" in texts(page)
    assert page.query_params["method"] in ("input_x_gradient", ["input_x_gradient"])


def test_methods_that_do_not_apply_are_listed_with_their_reason() -> None:
    page = explain_page(checkpoint="cnn", method="attention_rollout")
    assert "Attention rollout: " in texts(page) and "no softmax attention" in texts(page)
    assert "attention_rollout" not in page.multiselect(key="explain_methods").value
    assert page.multiselect(key="explain_methods").value


def test_stopped_work_is_offered_again() -> None:
    class Everything(set[str]):
        """A set that holds every name until it is told otherwise: Stop was clicked on whatever is long."""

        def __init__(self) -> None:
            super().__init__()
            self.run: set[str] = set()

        def __contains__(self, name: object) -> bool:
            return name not in self.run

        def discard(self, name: str) -> None:
            self.run.add(name)

    page = explain_page(method="attention_rollout")
    page.session_state["stopped"] = Everything()
    page.run()
    assert "Attention rollout, tiny: stopped before it was done." in texts(page)
    [button] = [button for button in page.button if button.label == "Run"]
    button.click().run()
    assert not page.exception
    assert drawn_map(page, f"explain_{NAME}_attention_rollout")[0].shape == (4, 4)


def test_results_are_remembered_and_errors_too() -> None:
    card = checkpoints.find("first-d4-vit", ROOT / "checkpoints")
    cutout = cutouts.read(ROOT / "examples" / EXAMPLE)
    calls: list[int] = []

    def work() -> int:
        calls.append(1)
        return 7

    assert [loaders.remembered("test", card, cutout, ("a", 1), work) for _ in range(3)] == [7, 7, 7]
    assert loaders.remembered("test", card, cutout, ("a", 2), work) == 7
    assert len(calls) == 2


def test_a_spatial_transformer_is_seen_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"in_chans": 1, "img_size": 32}
    model = checkpoints.create("stn_cnn", 4, arguments)
    model.regressor[-1].bias.data = torch.tensor([0.5, -0.2, 0.1, 0.2, 0.5, -0.3])
    spec = InputSpec(img_size=32, survey="FIRST")
    given = {"architecture": "stn_cnn", "model_args": arguments, "input_spec": spec}
    tiny_checkpoint.save(tmp_path / "stn" / "turns", model, **given)
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "stn"))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    page.session_state["checkpoint"] = "turns"
    page.run()
    page.switch_page("pages/explain.py").run()
    assert not page.exception
    said = [each.value.replace("\\", "") for each in page.caption if "Sampled around" in each.value]
    assert len(said) == 1 and "0.54 times as wide as the field, turned by" in said[0]
    page.toggle(key="warped_all").set_value(True).run()
    assert not page.exception and sum("Sampled around" in each.value for each in page.caption) == 1 + 10
