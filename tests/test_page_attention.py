"""The Attention page: all layers and heads, patches, positions and gradients, and what it says where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_checkpoint
import torch
from page_figures import drawn_map, figure, values
from streamlit.testing.v1 import AppTest

from ui import state
from ui.attention import view
from vlass_explorer import attention, checkpoints, cutouts, explainers, preprocess
from vlass_explorer.figures import sky

ROOT = Path(__file__).resolve().parent.parent
NAME = "tiny"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny_checkpoint.save(folder / NAME)
    arguments = {"in_chans": 1, "img_size": 32}
    cnn = checkpoints.create("vlass_vision_cnn", 4, arguments)
    tiny_checkpoint.save(folder / "cnn", cnn, architecture="vlass_vision_cnn", model_args=arguments)
    torch.manual_seed(0)
    vt, spec = checkpoints.create("vt_resnet18", 4, {"in_chans": 1}), replace(tiny_checkpoint.SPEC, img_size=96)
    tiny_checkpoint.save(folder / "vt", vt, architecture="vt_resnet18", model_args={"in_chans": 1}, input_spec=spec)
    return folder


def attention_page(shelf: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: str = NAME) -> AppTest:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    page.query_params["checkpoint"] = checkpoint
    page.query_params["example"] = "sim_double_lobes_1.fits"
    page.run()
    page.switch_page("pages/attention.py").run()
    assert not page.exception
    return page


def expected(query: int | None, layer: int, head: int | None) -> np.ndarray:
    """The layer map straight from the core."""
    card = checkpoints.find(NAME)
    cutout = cutouts.read(ROOT / "examples" / "sim_double_lobes_1.fits")
    _, maps = attention.attention_maps(checkpoints.load(card), preprocess.to_tensor(cutout, card.input_spec))
    return attention.layer_map(maps, layer, head, query)


def test_the_page_opens_on_the_last_layer_from_the_read_out(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    assert np.allclose(drawn_map(page, f"attention_one_{NAME}")[0], expected(None, -1, None), atol=1e-6)
    shown = figure(page, f"attention_overview_{NAME}")
    assert len(shown["data"][0]["text"]) == 2 * (3 + 1)  # layers times heads and their mean
    assert shown["layout"]["images"][0]["source"].startswith("data:image/png;base64,")
    assert "Attention shows where information flowed" in page.caption[-3].value + "".join(c.value for c in page.caption)


def test_layer_head_and_patch_decide_the_map(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    page.selectbox(key=f"attention_layer_{NAME}").set_value(0)
    page.selectbox(key=f"attention_head_{NAME}").set_value("3").run()
    assert np.allclose(drawn_map(page, f"attention_one_{NAME}")[0], expected(None, 0, 2), atol=1e-6)
    page.segmented_control(key=f"attention_start_{NAME}").set_value("patch").run()
    page.number_input(key=f"attention_start_row_{NAME}").set_value(0)
    page.number_input(key=f"attention_start_column_{NAME}").set_value(3).run()
    assert not page.exception
    assert np.allclose(drawn_map(page, f"attention_one_{NAME}")[0], expected(3, 0, 2), atol=1e-6)
    assert len(figure(page, f"attention_one_{NAME}")["layout"]["shapes"]) == 1


def test_all_layers_play_in_the_browser(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    page.session_state[f"attention_play_{NAME}"] = True
    page.run()
    assert not page.exception
    player = figure(page, f"attention_player_{NAME}")
    frames = [values(frame["data"][0]) for frame in player["frames"]]
    assert [step["label"] for step in player["layout"]["sliders"][0]["steps"]] == ["1", "2"]
    for layer, shown in enumerate(frames):
        assert np.allclose(shown, expected(None, layer, None), atol=1e-6)


def test_the_distance_of_every_head_is_drawn_in_arcsec(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    page.selectbox(key=f"attention_layer_{NAME}").set_value(0)
    page.selectbox(key=f"attention_head_{NAME}").set_value("3").run()
    page.session_state["attention_tabs"] = "How far each head looks"
    page.run()
    assert not page.exception
    points = figure(page, f"attention_distances_{NAME}")["data"][0]
    card = checkpoints.find(NAME)
    cutout = cutouts.read(ROOT / "examples" / "sim_double_lobes_1.fits")
    _, maps = attention.attention_maps(checkpoints.load(card), preprocess.to_tensor(cutout, card.input_spec))
    pixel = cutout.pixel_scale[0] * preprocess.window(cutout, card.input_spec).shape[0] / 32
    assert np.allclose(values(points, "y"), pixel * np.concatenate(attention.distance.attention_distances(maps)))
    assert values(points["marker"]["line"], "width").tolist() == [0, 0, 2.5, 0, 0, 0]  # chosen in the other tab


def distances_of(files: list[Path], *, arcsec: bool) -> np.ndarray:
    """Distances (file, layer and head) straight from the core, of files with a pixel scale in arcsec if asked."""
    card = checkpoints.find(NAME)
    model, found = checkpoints.load(card), []
    for cutout in map(cutouts.read, files):
        _, maps = attention.attention_maps(model, preprocess.to_tensor(cutout, card.input_spec))
        pixel = cutout.pixel_scale[0] * preprocess.window(cutout, card.input_spec).shape[0] / 32 if arcsec else 1.0
        found.append(pixel * np.concatenate(attention.distance.attention_distances(maps)))
    return np.asarray(found)


def test_the_distance_over_many_cutouts_has_mean_and_spread(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    files = sorted((ROOT / "examples").glob("sim_*_1.fits"))
    contents = [path.read_bytes() for path in files]
    page.session_state["uploads"] = {
        path.name: state.Entry(path.name, f"own {path.name}", path.name, "upload", path.name, content=content)
        for path, content in zip(files, contents, strict=True)
    }
    page.session_state["attention_tabs"] = "How far each head looks"
    page.run()
    over = page.segmented_control(key=f"attention_far_over_{NAME}")
    assert over.options == ["this cutout", "all own cutouts", "all examples"]
    examples = [path for path in sorted((ROOT / "examples").iterdir()) if path.suffix in (".fits", ".png")]
    for choice, chosen in (("all own cutouts", files), ("all examples", examples)):
        page.segmented_control(key=f"attention_far_over_{NAME}").set_value(choice).run()
        assert not page.exception
        expected = distances_of(chosen, arcsec=chosen is files)  # two examples are pictures without a scale
        shown = figure(page, f"attention_distances_{NAME}")
        points = shown["data"][0]
        assert np.allclose(values(points, "y"), expected.mean(0))
        assert np.allclose(values(points["error_y"], "array"), expected.std(0), atol=1e-5) and expected.std(0).min() > 0
        assert ("″" in shown["layout"]["yaxis"]["title"]["text"]) == (chosen is files)
        assert any(f"over {len(chosen)} cutouts." in caption.value for caption in page.caption)


def test_rollout_options_reach_the_core(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    before = drawn_map(page, f"attention_rolled_{NAME}")[0]
    page.segmented_control(key=f"attention_fusion_{NAME}").set_value("min").run()
    page.select_slider(key=f"attention_discard_{NAME}").set_value(0.5).run()
    assert not page.exception
    after = drawn_map(page, f"attention_rolled_{NAME}")[0]
    card = checkpoints.find(NAME)
    cutout = cutouts.read(ROOT / "examples" / "sim_double_lobes_1.fits")
    _, maps = attention.attention_maps(checkpoints.load(card), preprocess.to_tensor(cutout, card.input_spec))
    assert np.allclose(after, attention.rollout(maps, head_fusion="min", discard_ratio=0.5), atol=1e-6)
    assert not np.allclose(after, before, atol=1e-4)


def test_position_similarity_of_a_patch_with_itself_is_one(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    page.session_state["attention_tabs"] = "Position embedding"
    page.run()
    page.number_input(key=f"attention_position_row_{NAME}").set_value(1)
    page.number_input(key=f"attention_position_column_{NAME}").set_value(2).run()
    assert not page.exception
    tile = drawn_map(page, f"attention_position_tile_{NAME}")[0]
    assert tile.shape == (4, 4) and tile[1, 2] == pytest.approx(1.0, abs=1e-6) and np.argmax(tile) == 6


def test_positions_are_interpolated_and_filters_shown(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    page.session_state["attention_tabs"] = "Position embedding"
    page.run()
    page.number_input(key=f"attention_resize_{NAME}").set_value(6).run()
    assert not page.exception
    card = checkpoints.find(NAME)
    _, matrix = attention.positions.similarity(checkpoints.load(card), (6, 6))
    shown = drawn_map(page, f"attention_position_tile_{NAME}")[0]
    assert np.allclose(shown, matrix[3 * 6 + 3].reshape(6, 6), atol=1e-6)
    assert len(figure(page, f"attention_filters_{NAME}")["data"][0]["text"]) == 21  # whole rows of 24 components


def test_gradients_show_their_completeness_error(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    page.session_state["attention_tabs"] = "Integrated gradients"
    page.run()
    assert not page.exception
    [metric] = page.metric
    assert metric.label == "Completeness error" and metric.value.endswith("%")
    assert drawn_map(page, "attention_gradients")[0].shape == (32, 32)


def test_a_model_without_attention_says_so_and_offers_gradients(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch, checkpoint="cnn")
    assert "no softmax attention" in page.info[0].value
    assert [metric.label for metric in page.metric] == ["Completeness error"]


def test_learned_tokens_have_maps_and_numbers(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch, checkpoint="vt")
    card = checkpoints.find("vt")
    cutout = cutouts.read(ROOT / "examples" / "sim_double_lobes_1.fits")
    x = preprocess.to_tensor(cutout, card.input_spec)
    every = explainers.EXPLAINERS["token_maps"].token_maps(checkpoints.load(card), x)
    assert len(figure(page, "attention_token_overview_vt")["data"][0]["text"]) == 2 * (16 + 1)
    assert np.allclose(drawn_map(page, "attention_token_map_vt")[0], every[1].maps.mean(0), atol=1e-6)
    page.selectbox(key="attention_tokenizer_vt").set_value(0)
    page.selectbox(key="attention_token_vt").set_value("7").run()
    assert not page.exception
    assert np.allclose(drawn_map(page, "attention_token_map_vt")[0], every[0].maps[6], atol=1e-6)
    [table] = [frame.value for frame in page.dataframe if "Entropy" in frame.value]
    pixel = cutout.pixel_scale[0] * preprocess.window(cutout, card.input_spec).shape[0] / 96
    assert np.allclose(table["Spread"], pixel * every[0].spread, rtol=1e-6)
    assert np.allclose(table["Entropy"], every[0].entropy)


def test_a_rerun_draws_anew_only_what_has_changed(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = attention_page(shelf, monkeypatch)
    drawn: list[str] = []

    def counted(*args: Any, show: tuple[str, ...], **options: Any) -> go.Figure:
        drawn.extend(show)
        return sky.sky_panels(*args, show=show, **options)

    monkeypatch.setattr(view, "sky_panels", counted)
    page.run()
    assert not page.exception and not drawn
    page.selectbox(key=f"attention_layer_{NAME}").set_value(0).run()
    assert drawn == ["explanation"]  # neither the sky nor the rollout
    assert np.allclose(drawn_map(page, f"attention_one_{NAME}")[0], expected(None, 0, None), atol=1e-6)
