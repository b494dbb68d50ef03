"""The Compare page: checkpoints by one method, methods on one checkpoint, one scale, what each predicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import torch
from page_figures import drawn_map, figure, values
from streamlit.testing.v1 import AppTest

from vlass_explorer import checkpoints, cutouts, explainers, preprocess
from vlass_explorer.predict import predict

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "sim_double_lobes_1.fits"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny_checkpoint.save(folder / "one")
    other = tiny_checkpoint.build()
    with torch.no_grad():
        other.head.bias += torch.tensor([5.0, 0.0, 0.0, 0.0])
        other.pos_embed.mul_(3.0)
    tiny_checkpoint.save(folder / "two", other)
    arguments = {"in_chans": 1, "img_size": 32}
    cnn = checkpoints.create("vlass_vision_cnn", 4, arguments)
    tiny_checkpoint.save(folder / "cnn", cnn, architecture="vlass_vision_cnn", model_args=arguments)
    return folder


@pytest.fixture(autouse=True)
def on_that_shelf(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))


def compare_page(**query: str | list[str]) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    page.query_params.update({"checkpoint": "one", "example": EXAMPLE} | query)
    page.run()
    page.switch_page("pages/compare.py")
    page.query_params.update({"checkpoint": "one", "example": EXAMPLE} | query)
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in [*page.caption, *page.markdown, *page.info]).replace("\\", "")


def test_two_checkpoints_by_one_method_with_their_predictions() -> None:
    page = compare_page(**{"with": "two", "method": "attention_rollout"})
    cutout = cutouts.read(ROOT / "examples" / EXAMPLE)
    for name in ("one", "two"):
        card = checkpoints.find(name)
        model = checkpoints.load(card)
        raw = (
            explainers.EXPLAINERS["attention_rollout"]
            .explain(model, preprocess.to_tensor(cutout, card.input_spec), 0)
            .maps[0]
        )
        shown, trace = drawn_map(page, f"compare_{name}_attention_rollout")
        assert np.allclose(shown, raw / raw.max(), atol=1e-5)
        assert (trace["zmin"], trace["zmax"]) == (0.0, 1.0)
        (prediction,) = predict(model, card, [cutout])
        scores = values(figure(page, f"compare_{name}_attention_rollout_bars")["data"][0], "x")
        assert np.allclose(scores, np.sort(prediction.probabilities)[::-1], atol=1e-5)
    assert "**FRI** 0.9" in texts(page)  # what the second one predicts: its bias says so


def test_raw_values_share_the_larger_top() -> None:
    page = compare_page(**{"with": "two", "method": "attention_rollout"})
    page.segmented_control(key="compare_scale").set_value("Raw values").run()
    shown = [drawn_map(page, f"compare_{name}_attention_rollout") for name in ("one", "two")]
    top = max(float(values.max()) for values, _ in shown)
    assert [trace["zmax"] for _, trace in shown] == pytest.approx([top, top], rel=1e-5)


def test_a_checkpoint_that_the_method_does_not_fit_says_why() -> None:
    page = compare_page(**{"with": "cnn", "method": "attention_rollout"})
    assert "cnn: This model has no softmax attention" in texts(page)
    assert drawn_map(page, "compare_one_attention_rollout")[0].shape == (4, 4)


def test_methods_on_one_checkpoint() -> None:
    page = compare_page(compare="methods", method=["attention_rollout", "input_x_gradient"])
    assert drawn_map(page, "compare_one_attention_rollout")[0].shape == (4, 4)
    assert drawn_map(page, "compare_one_input_x_gradient")[0].shape == (32, 32)
    assert page.query_params["compare"] in ("methods", ["methods"])


def test_the_choice_stays_across_pages() -> None:
    page = compare_page(**{"with": "two"})
    page.selectbox(key="checkpoint").select("two").run()
    page.switch_page("pages/explain.py").run()
    assert page.selectbox(key="checkpoint").value == "two"
    page.switch_page("pages/compare.py").run()
    assert not page.exception
    assert page.selectbox(key="checkpoint").value == "two"
    assert "two" not in page.multiselect(key="compare_with").value


def test_a_label_that_is_withheld_is_not_explained_until_it_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = replace(tiny_checkpoint.SPEC, beam_arcsec=(40.0, 40.0), survey="VLASS")
    for name in ("one", "two"):
        tiny_checkpoint.save(tmp_path / name, input_spec=coarse)
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path))
    page = compare_page()
    said = [each.value.replace("\\", "") for each in page.info]
    assert [text.split(":")[0] for text in said if "there is no label" in text] == ["one", "two"]
    assert not any("map" in str(chart.proto.id) for chart in page.get("plotly_chart"))
    label = next(box for box in page.selectbox if str(box.key).startswith("compare_label_"))
    label.set_value(tiny_checkpoint.LABELS[1]).run()
    assert not page.exception and not any("there is no label" in each.value for each in page.info)
