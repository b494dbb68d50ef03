"""The Anatomy page: parts, lines and pictures of a transformer and a CNN, and what it says where there is no answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_checkpoint
from page_figures import values
from streamlit.testing.v1 import AppTest

from vlass_explorer import anatomy, checkpoints
from vlass_explorer.schema import InputSpec

ROOT = Path(__file__).resolve().parent.parent
VIT = {"img_size": 64, "patch_size": 8, "in_chans": 1}


@pytest.fixture
def vit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a plain vision transformer of twelve blocks."""
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path))
    model = checkpoints.create("vit_tiny_patch16_224", 4, VIT)
    tiny_checkpoint.save(tmp_path / "vit", model, model_args=VIT, input_spec=InputSpec(img_size=64, survey="FIRST"))
    return "vit"


def opened(checkpoint: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "pages" / "anatomy.py"), default_timeout=60)
    page.session_state["checkpoint"] = checkpoint
    return page.run()


def words(page: AppTest) -> str:
    return "\n".join(each.value for each in (*page.caption, *page.markdown, *page.info))


def test_a_transformer_part_by_part(vit: str) -> None:
    page = opened(vit)
    assert not page.exception and page.title[0].value == "Anatomy"
    parts = page.get("button_group")[0]
    assert parts.options[0] == "patch_embed" and "blocks.11" in parts.options and parts.options[-1] == "head"
    assert page.dataframe[0].value["Shape"].tolist() == ["1 × 192 × 8 × 8"]
    assert page.dataframe[0].value["Parameters"].tolist() == [192 * 64 + 192]
    [shown] = [each for each in page.get("button_group") if each.options == ["What it makes", "Its filters"]]
    assert "The first 16 of 192 channels" in words(page)
    shown.set_value("Its filters").run()
    assert "The first 16 of 192 filters, 8 × 8 pixels of the model input;" in words(page)
    drawn = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    weight = checkpoints.load(checkpoints.find(vit)).patch_embed.proj.weight[:, 0].numpy(force=True)
    assert len(drawn) == 16 and values(drawn[5]) == pytest.approx(weight[5])
    page.session_state[f"anatomy_part_{vit}"] = "blocks.3"
    page.run()
    assert not page.exception
    assert page.dataframe[0].value["Step"].tolist()[2:8] == [
        *("queries Q", "keys K", "values V", "scores", "softmax", "mix")
    ]
    assert "Size of the vector of each patch" in words(page) and "class token" in words(page)
    assert page.subheader[0].value == "How the answer forms"
    page.toggle[0].set_value(True).run()
    assert not page.exception and "when this head alone adds nothing" in words(page)


def test_a_cnn_has_maps_and_a_reason() -> None:
    page = opened("first-cnn")
    assert not page.exception
    assert "channels" in words(page) and "read out at its end alone" in words(page)
    page.session_state["anatomy_part_first-cnn"] = "head"
    page.run()
    assert not page.exception and "their softmax is the score" in words(page)


def test_the_walk_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    opened("first-d4-vit")
    monkeypatch.setattr(anatomy, "record", None)  # a second pass would call it
    page = opened("first-d4-vit")
    assert not page.exception and page.subheader[0].value == "How the answer forms"
